"""Ctrl-C at every stage of a run leaves valid files and a run that can be resumed.

The signal is sent for real, by the process to itself, at every single place where the run passes a stage: the cell
itself, which has processes of its own, is interrupted in test_runner.py.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from scenarios.cli.commands import main
from scenarios.common.errors import RunError
from scenarios.plan import scenario_files
from scenarios.plan.cells import Cell
from scenarios.plan.scenario import Scenario
from scenarios.records import environment, stages, store
from scenarios.records.store import FINISHED, Run
from scenarios.running import runner, session
from tests.scenarios import canned
from tests.scenarios.conftest import Write
from tests.scenarios.fakes import CATALOGUE

QUIET = Console(quiet=True)


@pytest.fixture(autouse=True)
def _no_hook_stays() -> Iterator[None]:
    yield
    stages.on_reaching(None)


@pytest.fixture
def scenario(write: Write, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """Four cells, of which one is measured again, and one fails."""

    def flags(cell: Cell) -> tuple[str, ...]:
        return ("steal",) if cell.contender == "plain" and not cell.axes.get("attempt") else ()

    measured = canned.run_cell(flags)

    def run_cell(cell: Cell, *rest: object) -> object:
        if cell.contender == "stale" and cell.payload_bytes == 100:
            raise session.CellFailed("WrongAnswer", "as always")
        return measured(cell, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "run_cell", run_cell)
    # Asks git and times the clock, which a hundred runs need not.
    about = {"taken": "now", "command": "", "load_average": [], "packages": {}, "git_commit": "c0ffee"}
    about |= {"git_dirty": False}
    monkeypatch.setattr(environment, "describe", lambda *_: about)
    return scenario_files.read(write(contenders='["plain", "stale"]', reruns=1), CATALOGUE)


def _interrupt_at(number: int) -> list[str]:
    """Have SIGINT sent at the stage of that number, from 0; the list fills with the stages reached."""
    passed: list[str] = []

    def hook(stage: str) -> None:
        passed.append(stage)
        if len(passed) == number + 1:
            os.kill(os.getpid(), signal.SIGINT)

    stages.on_reaching(hook)
    return passed


def _measure(scenario: Scenario, results: Path) -> None:
    """A new run, or what is left of an unfinished one."""
    try:
        run = runner.resume(scenario, CATALOGUE, results)
    except RunError:
        run = runner.begin(scenario, CATALOGUE, results)
    assert runner.measure(run, scenario, CATALOGUE, QUIET) == 1


def _finished(results: Path) -> Run:
    (run,) = [run for run in map(Run, results.iterdir()) if _state(run) == FINISHED and not run.folder.is_symlink()]
    return run


def _state(run: Run) -> str | None:
    return run.about()["state"] if (run.folder / "run.json").exists() else None


def _assert_valid(results: Path) -> None:
    """Everything that is there is whole."""
    for path in results.rglob("*.json"):
        json.loads(path.read_text())
    for folder in (path for path in results.glob("*") if path.is_dir() and not path.is_symlink()):
        run = Run(folder)
        assert not [path.name for path in folder.rglob(".*") if path.name != ".lock"], "a temporary file was left"
        assert not run.cells_file.exists() or run.cells_file.read_text().endswith("\n")
        for row in run.rows():
            samples = run.samples_of(row)
            assert samples is not None
            assert samples.size == int(row["calls"])


def _content(run: Run) -> tuple[object, ...]:
    rows = [row | {"run_id": ""} for row in run.rows()]
    return rows, set(run.failures()), json.loads((run.folder / "warnings.json").read_text())


def test_a_run_interrupted_at_any_stage_has_valid_files_and_is_resumed_to_the_same_content(
    scenario: Scenario, tmp_path: Path
) -> None:
    passed = _interrupt_at(-1)
    _measure(scenario, tmp_path / "whole")
    expected = _content(_finished(tmp_path / "whole"))
    assert len(expected[0]) == 4  # type: ignore[arg-type]
    assert set(passed) == set(stages.ALL) - {stages.DRAWING}
    for number, stage in enumerate(passed):
        results = tmp_path / f"{number}"
        reached = _interrupt_at(number)
        with pytest.raises(KeyboardInterrupt):
            _measure(scenario, results)
        assert reached[-1] == stage
        stages.on_reaching(None)
        _assert_valid(results)
        if not any(_state(run) == FINISHED for run in map(Run, results.iterdir())):
            _measure(scenario, results)
        assert _content(_finished(results)) == expected, f"after an interrupt at {number}: {stage}"


def test_an_interrupt_while_drawing_says_how_to_draw_and_leaves_no_torn_picture(
    scenario: Scenario,
    write: Write,
    results: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("scenarios.cli.commands.Registered", lambda: CATALOGUE)
    drawn: list[str] = []

    def hook(stage: str) -> None:
        drawn.append(stage)
        # The content of the second picture of the two files each has, before it is in place.
        if drawn.count(stages.DRAWING) == 1 and stage == stages.REPLACING:
            os.kill(os.getpid(), signal.SIGINT)

    stages.on_reaching(hook)
    path = write(contenders='["plain", "pipes"]', name="small")
    assert main(["run", str(path), "--results", str(results)]) == 130
    stages.on_reaching(None)
    run = store.find(results, None)
    said = capsys.readouterr().err
    assert "the run is whole" in said
    assert f"python -m scenarios plots {run.folder}" in said
    assert "Traceback" not in said
    assert run.about()["state"] == FINISHED
    _assert_valid(results)
    assert sorted(path.suffix for path in run.plots_folder.iterdir()) == [".png", ".svg"], "the one that was done"
