"""Installed packages, recorded through their public functions by a script, and one of them really split."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shm_rpc_bridge.record import read

for each in ("PIL", "pygments"):
    pytest.importorskip(each)

ROOT = Path(__file__).parent.parent.parent
OTHERS = ROOT / "examples" / "others"


def run(*arguments: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=60
    ).stdout


@pytest.mark.parametrize(
    ("target", "script", "arguments"),
    [("PIL.ImageOps:fit", "fit.py", ["--pictures", "4"]), ("pygments:highlight", "highlight.py", ["textwrap"])],
)
def test_a_package_is_recorded_as_it_is(tmp_path: Path, target: str, script: str, arguments: "list[str]") -> None:
    path = str(OTHERS / script)
    recorded = run(
        "-m", "shm_rpc_bridge.record", "--target", target, "-o", "c.rec", "--", path, *arguments, folder=tmp_path
    )
    assert recorded == run(path, *arguments, folder=tmp_path)
    recording = read(tmp_path / "c.rec")
    assert recording.totals[target].calls >= 4
    for call in recording.calls:
        args, _ = recording.arguments(call)
        assert args
        assert recording.result(call)


def test_the_split_program_gives_the_same_thumbnails(tmp_path: Path) -> None:
    answers = {run(str(OTHERS / each), "--pictures", "4", folder=tmp_path) for each in ("fit.py", "fit_split.py")}
    assert len(answers) == 1


def test_the_calls_of_the_split_program_can_be_recorded(tmp_path: Path) -> None:
    run(str(OTHERS / "fit_split.py"), "--pictures", "4", "--record", "split.rec", folder=tmp_path)
    recording = read(tmp_path / "split.rec")
    assert recording.totals["PIL.ImageOps:fit"].calls == 4
    assert any("PIL.ImageOps" in command.split() for command in recording.processes[0].children)


@pytest.mark.soak
def test_what_was_predicted_of_it_is_measured(tmp_path: Path) -> None:
    """Of so few calls it may be wrong, and is not asked."""
    few = ["--runs", "1", "--pairs", "1", "--pictures", "12", "--output", str(tmp_path / "proof")]
    done = subprocess.run([sys.executable, str(OTHERS / "prove.py"), *few], capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    assert {"p50", "CPU"} == {
        claim["what"] for claim in json.loads((tmp_path / "proof" / "proof.json").read_text())["claims"]
    }
