"""Installed packages, recorded through their public functions by a script, and one of them really split."""

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
