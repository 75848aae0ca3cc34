"""The commands as a user types them, with real contenders."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scenarios.cli.commands import main
from scenarios.records.store import FINISHED, RUNNING, Run, find

TINY = """
repeats = 3
reruns = 0
[[cells]]
lanes = ["json"]
contenders = ["noop", "direct", "shm", "mp-pipe"]
payload_sizes = ["100 B", "1KB"]
calls = 30
warmup_calls = 1
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with one run in it."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "tiny.toml").write_text(TINY)
    assert main(["run", str(folder / "tiny.toml"), "--results", str(folder / "results")]) == 0
    return folder / "results"


def _run(results: Path) -> Run:
    return find(results, None)


def test_a_run_ends_with_its_report_written(measured: Path) -> None:
    assert (_run(measured).folder / "report.html").read_text().startswith("<!DOCTYPE html>")


def test_a_run_ends_with_its_plots_drawn(measured: Path) -> None:
    plots = _run(measured).plots_folder
    names = {path.stem for path in plots.glob("*.png")}
    assert names == {"first", "latency_json", "cost", "drift"}
    for name in names:
        assert (plots / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (plots / f"{name}.png").stat().st_size > 10_000
        assert "</svg>" in (plots / f"{name}.svg").read_text()


def test_the_table_names_every_contender_with_its_cost_and_ratio(
    measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["table", "--results", str(measured)]) == 0
    shown = capsys.readouterr().out
    for text in ("tiny, lane json", "noop", "direct", "mp-pipe", "CPU", "longest", "cold start", "of x shm"):
        assert text in shown
    assert "neither is subtracted" in shown
    assert str(_run(measured).folder) in shown


def test_a_run_without_samples_is_drawn_like_any_other(measured: Path, tmp_path: Path) -> None:
    reference = tmp_path / "results" / "reference"
    shutil.copytree(_run(measured).folder, reference, ignore=shutil.ignore_patterns("samples", "plots"))
    assert main(["plots", "reference", "--results", str(reference.parent)]) == 0
    assert {path.name for path in (reference / "plots").glob("*.png")} == {
        *("first.png", "latency_json.png", "cost.png", "drift.png")
    }
    assert main(["table", str(reference)]) == 0


def test_resume_without_a_scenario_goes_on_with_the_newest_unfinished_run(
    measured: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    shutil.copytree(_run(measured).folder, results / "some", ignore=shutil.ignore_patterns("plots"))
    Run(results / "some").set_state(RUNNING)
    before = Run(results / "some").rows()
    assert main(["run", "--resume", "--results", str(results)]) == 0
    assert Run(results / "some").rows() == before
    assert Run(results / "some").about()["state"] == FINISHED
    assert main(["run", "--resume", "--results", str(results)]) == 2
    assert "there is no unfinished run in" in capsys.readouterr().err


def test_drawing_twice_gives_the_same_picture(measured: Path) -> None:
    run = _run(measured)
    before = (run.plots_folder / "latency_json.svg").read_bytes()
    assert main(["plots", run.id, "--results", str(measured)]) == 0
    assert (run.plots_folder / "latency_json.svg").read_bytes() == before


def test_plan_measures_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tiny.toml").write_text(TINY)
    assert main(["plan", str(tmp_path / "tiny.toml")]) == 0
    shown = capsys.readouterr().out
    assert "24 cells; about" in shown
    assert "100 B, 1 KB" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.toml"]


def test_list_names_the_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert {"quick", "full", "ipc", "vs-grpc", "transport"} <= set(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "quik"], "did you mean 'quick'?"),
        (["run", "nowhere.toml"], "there is no scenario file nowhere.toml"),
        (["run", "quick", "--resume"], "there is no unfinished run of quick"),
        (["plots", "no-such-run"], "there is no run no-such-run"),
        (["table"], "there is no run in"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main([*arguments, "--results", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err + said.out
    assert not list(tmp_path.iterdir())


def test_a_run_with_failed_cells_names_them_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = TINY.replace("repeats = 3", "repeats = 1\ntime_limit_s = 0.001").replace(', "shm", "mp-pipe"', "")
    (tmp_path / "hasty.toml").write_text(text)
    assert main(["run", str(tmp_path / "hasty.toml"), "--results", str(tmp_path / "results")]) == 1
    said = capsys.readouterr()
    assert "failed: scenario=hasty contender=noop lane=json" in said.err
    assert "not done after 0.001 s" in said.err
    assert "4 cells failed; see" in said.err
