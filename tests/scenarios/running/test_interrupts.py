"""Ctrl-C at every moment that matters of a run leaves valid files and a run that can be resumed.

The signal is sent for real, by the process to itself: just before and just after every file takes its place, when a row
is stored, and when a cell is measured. The cell itself, which has processes of its own, is interrupted in
test_runner.py.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from scenarios.cli.commands import main
from scenarios.common.errors import RunError
from scenarios.plan import scenario_files
from scenarios.plan.cells import Cell
from scenarios.plan.scenario import Scenario
from scenarios.records import environment, store
from scenarios.records.store import FINISHED, Run
from scenarios.running import runner, session
from tests.scenarios import canned
from tests.scenarios.conftest import Write
from tests.scenarios.fakes import CATALOGUE

QUIET = Console(quiet=True)


class Moments:
    """Calls `at` with the name of each moment as the run comes to it."""

    def __init__(self) -> None:
        self.at: Callable[[str], None] = lambda _: None


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> Moments:
    found, replace, fsync = Moments(), os.replace, os.fsync

    def replaced(source: str | Path, target: str | Path) -> None:
        name = "samples" if Path(target).suffix == ".npz" else Path(target).name
        found.at(f"before {name} takes its place")
        replace(source, target)
        found.at(f"after {name} took its place")

    def synced(descriptor: int) -> None:
        fsync(descriptor)
        if Path(os.readlink(f"/proc/self/fd/{descriptor}")).name == "cells.csv":
            found.at("row stored")

    monkeypatch.setattr(os, "replace", replaced)
    monkeypatch.setattr(os, "fsync", synced)
    return found


@pytest.fixture
def scenario(write: Write, moments: Moments, still_machine: None, monkeypatch: pytest.MonkeyPatch) -> Scenario:
    """Four cells, of which one is measured again, and one fails."""

    def flags(cell: Cell) -> tuple[str, ...]:
        return ("steal",) if cell.contender == "plain" and not cell.axes.get("attempt") else ()

    measured = canned.run_cell(flags)

    def run_cell(cell: Cell, *rest: object) -> object:
        if cell.contender == "stale" and cell.payload_bytes == 100:
            raise session.CellFailed("WrongAnswer", "as always")
        result = measured(cell, *rest)  # type: ignore[arg-type]
        moments.at("cell measured")
        return result

    monkeypatch.setattr(session, "run_cell", run_cell)
    # Asks git and times the clock, which a hundred runs need not.
    about = {"taken": "now", "command": "", "load_average": [], "packages": {}, "git_commit": "c0ffee"}
    about |= {"git_dirty": False}
    monkeypatch.setattr(environment, "describe", lambda *_: about)
    return scenario_files.read(write(contenders='["plain", "stale"]', reruns=1), CATALOGUE)


def _interrupt_at(number: int, moments: Moments) -> list[str]:
    """Have SIGINT sent once, at the moment of that number, from 0; the list fills with the moments passed."""
    passed: list[str] = []

    def at(moment: str) -> None:
        passed.append(moment)
        if len(passed) == number + 1:
            os.kill(os.getpid(), signal.SIGINT)

    moments.at = at
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
    assert not list(results.glob(".*")), "a link on its way was left"
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


def test_a_run_interrupted_at_any_moment_has_valid_files_and_is_resumed_to_the_same_content(
    scenario: Scenario, moments: Moments, tmp_path: Path
) -> None:
    passed = _interrupt_at(-1, moments)
    _measure(scenario, tmp_path / "whole")
    expected = _content(_finished(tmp_path / "whole"))
    assert len(expected[0]) == 4  # type: ignore[arg-type]
    files = ("run.json", "latest", "environment.json", "failures.json", "samples", "cells.csv", "warnings.json")
    placed = {f"before {name} takes its place" for name in files} | {f"after {name} took its place" for name in files}
    assert set(passed) == placed | {"cell measured", "row stored"}
    for number, moment in enumerate(passed):
        results = tmp_path / f"{number}"
        reached = _interrupt_at(number, moments)
        with pytest.raises(KeyboardInterrupt):
            _measure(scenario, results)
        assert reached[-1] == moment
        _assert_valid(results)
        if not any(_state(run) == FINISHED for run in map(Run, results.iterdir())):
            _measure(scenario, results)
        assert _content(_finished(results)) == expected, f"after an interrupt at {number}: {moment}"


def test_an_interrupt_while_drawing_says_how_to_draw_and_leaves_no_torn_picture(
    scenario: Scenario,
    moments: Moments,
    write: Write,
    results: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("scenarios.cli.measure.Registered", lambda: CATALOGUE)
    drawn: list[str] = []

    def at(moment: str) -> None:
        if moment.startswith("before") and ".png " in moment:
            drawn.append(moment)
            if len(drawn) == 2:  # the first picture is whole, as PNG and SVG
                os.kill(os.getpid(), signal.SIGINT)

    moments.at = at
    path = write(contenders='["plain", "pipes"]', name="small")
    assert main(["run", str(path), "--results", str(results)]) == 130
    run = store.find(results, None)
    said = capsys.readouterr().err
    assert "the run is whole" in said
    assert f"python -m scenarios plots {run.folder}" in said
    assert "Traceback" not in said
    assert run.about()["state"] == FINISHED
    _assert_valid(results)
    assert sorted(path.suffix for path in run.plots_folder.iterdir()) == [".png", ".svg"], "the one that was done"
