"""Disturbed cells are measured again: which, how many, and what counts afterwards."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from rich.console import Console

from scenarios.common.errors import RunError
from scenarios.plan import scenario_files
from scenarios.plan.cells import Cell, expand, key_of, most_reruns
from scenarios.plots import drift
from scenarios.records import store
from scenarios.records.store import Run
from scenarios.running import reruns, runner, session
from scenarios.statistics import figures
from tests.scenarios import canned
from tests.scenarios.conftest import Write
from tests.scenarios.fakes import CATALOGUE
from tests.scenarios.rows import repeats, row

QUIET = Console(quiet=True)
FOUR = '["plain", "pipes", "stale", "raising", "dying"]'
"""Ten cells a repeat, of which two may be measured again."""


def _run(path: Path, results: Path) -> Run:
    scenario = scenario_files.read(path, CATALOGUE)
    run = runner.begin(scenario, CATALOGUE, results)
    assert runner.measure(run, scenario, CATALOGUE, QUIET) == 0
    return run


def _again(run: Run) -> list[dict[str, str]]:
    return [each for each in run.rows() if each["attempt"] != "0"]


def _disturbed(*contenders: str, until: int = 1) -> canned.Flags:
    return lambda cell: ("steal",) if cell.contender in contenders and int(cell.axes.get("attempt", 0)) < until else ()


def test_a_disturbed_cell_is_measured_again_in_its_repeat_and_both_rows_stay(
    write: Write, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "run_cell", canned.run_cell(_disturbed("plain")))
    run = _run(write(contenders=FOUR, repeats=2, reruns=1), results)
    rows = run.rows()
    assert len(rows) == 2 * (10 + 2)
    assert [each["attempt"] for each in rows] == ["0"] * 10 + ["1"] * 2 + ["0"] * 10 + ["1"] * 2
    assert [int(each["order_index"]) for each in rows] == list(range(24)), "the order in time, reruns included"
    assert {each["contender"] for each in _again(run)} == {"plain"}
    assert len({key_of(each) for each in rows}) == len(rows)
    for each in rows:
        samples = run.samples_of(each)
        assert samples is not None
        assert samples.max() / 1000 == pytest.approx(float(each["max_us"]), abs=0.001)
    counted = figures.chosen(rows)
    assert len(counted) == 20
    assert not [each for each in counted if each["noise_flags"]]


def test_nothing_is_measured_again_when_nothing_was_disturbed_or_it_was_not_wanted(
    write: Write, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "run_cell", canned.run_cell())
    assert not _again(_run(write(contenders=FOUR, reruns=1), results))
    monkeypatch.setattr(session, "run_cell", canned.run_cell(_disturbed("plain")))
    assert not _again(_run(write(contenders=FOUR, reruns=0), results))


def test_a_machine_that_is_always_disturbed_costs_a_fifth_more(
    write: Write, results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "run_cell", canned.run_cell(lambda cell: ("steal",)))
    scenario = scenario_files.read(write(contenders=FOUR, repeats=3, reruns=9), CATALOGUE)
    run = runner.begin(scenario, CATALOGUE, results)
    runner.measure(run, scenario, CATALOGUE, Console(width=200))
    assert len(_again(run)) == 3 * most_reruns(10, 9) == 6
    said = capsys.readouterr().out
    assert "6 disturbed cells were measured again, 0 of them undisturbed; 30 of 30 cells remain disturbed" in said


def test_the_most_disturbed_come_first_and_once_each_before_any_twice(write: Write) -> None:
    block = expand(scenario_files.read(write(contenders=FOUR, reruns=2), CATALOGUE))
    flags = {cell.key: "steal" for cell in block} | {block[7].key: "steal;queue", block[3].key: "pressure;queue;steal"}
    rows = [_row(cell, flags[cell.key]) for cell in block]
    first = reruns.following(block, rows, (), 2)
    assert first is not None
    assert first.key == f"{block[3].key}_attempt1"
    second = reruns.following(block, [*rows, _row(first, "pressure;queue;steal")], (), 2)
    assert second is not None
    assert second.key == f"{block[7].key}_attempt1"
    assert reruns.following(block, [*rows, _row(first, ""), _row(second, "steal")], (), 2) is None, "the share is used"


def test_what_disturbed_from_outside_comes_before_what_may_be_the_contenders_own_doing(write: Write) -> None:
    block = expand(scenario_files.read(write(contenders=FOUR, reruns=1), CATALOGUE))
    rows = [_row(cell, "pressure;preempted") for cell in block[:-1]] + [_row(block[-1], "steal")]
    first = reruns.following(block, rows, (), 1)
    assert first is not None
    assert first.key == f"{block[-1].key}_attempt1"


def test_an_attempt_that_failed_is_not_repeated_for_ever(write: Write) -> None:
    block = expand(scenario_files.read(write(contenders=FOUR, reruns=1), CATALOGUE))
    rows = [_row(cell, "steal" if cell is block[0] else "") for cell in block]
    assert reruns.following(block, rows, (), 1) is not None
    assert reruns.following(block, rows, {f"{block[0].key}_attempt1"}, 1) is None


def test_an_interrupted_run_goes_on_with_the_same_choice(
    write: Write, results: Path, still_machine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(contenders=FOUR, repeats=2, reruns=1)
    answer = canned.run_cell(_disturbed("plain", "pipes", until=9))
    monkeypatch.setattr(session, "run_cell", answer)
    whole = _run(path, results / "whole").rows()
    calls = itertools.count()

    def interrupted(cell: Cell, *rest: object) -> object:
        if next(calls) == 11:  # between the two cells measured again in the first repeat
            raise KeyboardInterrupt
        return answer(cell, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(session, "run_cell", interrupted)
    scenario = scenario_files.read(path, CATALOGUE)
    run = runner.begin(scenario, CATALOGUE, results)
    with pytest.raises(KeyboardInterrupt):
        runner.measure(run, scenario, CATALOGUE, QUIET)
    assert len(run.rows()) == 11
    runner.measure(runner.resume(scenario, CATALOGUE, results), scenario, CATALOGUE, QUIET)
    assert [each | {"run_id": ""} for each in run.rows()] == [each | {"run_id": ""} for each in whole]


def test_the_attempt_that_counts_is_chosen_by_flags_and_order_never_by_its_latency() -> None:
    fast = {"p50_us": 1, "noise_flags": "steal;queue"}
    slow = {"p50_us": 99, "noise_flags": "steal"}
    for first, second, counted in ((fast, slow, 99), (slow, fast, 99), (fast, fast | {"p50_us": 0.5}, 1)):
        (chosen,) = figures.chosen([row(attempt=0, **first), row(attempt=1, **second)])
        assert float(chosen["p50_us"]) == counted


def test_all_figures_come_from_the_attempts_that_count() -> None:
    rows = [*repeats("shm", [5.0, 5.0, 50.0], noise_flags="steal"), row(repeat=2, attempt=1, p50_us=5.0)]
    cells = figures.frame(rows)
    assert len(cells) == 3
    (line,) = figures.summary(cells).to_dict("records")
    assert (line["p50_low"], line["p50_high"], line["noisy"]) == (5, 5, 2)
    assert len(figures.frame(rows, every_attempt=True)) == 4


def test_drift_is_relative_to_the_group_and_in_the_order_of_measuring() -> None:
    rows = [
        *repeats("shm", [10.0, 20.0, 10.0], noise_flags="steal"),
        *repeats("zmq", [100.0, 200.0, 100.0]),
    ]
    for number, each in enumerate(rows):
        each["order_index"] = str(5 - number)
    shown = drift.relative(figures.frame(rows, every_attempt=True))
    assert shown["order_index"].tolist() == [0, 1, 2, 3, 4, 5]
    assert shown["relative"].tolist() == [1, 2, 1, 1, 2, 1]


def test_a_file_of_the_first_version_is_read_as_if_its_missing_columns_were_empty(tmp_path: Path) -> None:
    old = [column for column in store.COLUMNS if column != "attempt"]
    (tmp_path / "cells.csv").write_text(",".join(old) + "\n" + ",".join("1" for _ in old) + "\n")
    (found,) = Run(tmp_path).rows()
    assert list(found) == list(store.COLUMNS)
    assert (found["attempt"], found["p50_us"]) == ("", "1")
    assert figures.frame([found])["attempt"].tolist() == [0]


def test_the_drawn_intervals_of_an_older_file_are_passed_over(tmp_path: Path) -> None:
    there = [*store.COLUMNS, *sorted(store.RETIRED)]
    (tmp_path / "cells.csv").write_text(",".join(there) + "\n" + ",".join("1" for _ in there) + "\n")
    (found,) = Run(tmp_path).rows()
    assert list(found) == list(store.COLUMNS)
    (tmp_path / "cells.csv").write_text("p50_us,secret\n1,2\n")
    with pytest.raises(RunError, match="secret"):
        Run(tmp_path).rows()


def test_a_load_average_that_an_older_file_has_as_a_flag_is_passed_over(tmp_path: Path) -> None:
    whole = dict.fromkeys(store.COLUMNS, "1") | {"noise_flags": "load;phase"}
    (tmp_path / "cells.csv").write_text(",".join(whole) + "\n" + ",".join(whole.values()) + "\n")
    (found,) = Run(tmp_path).rows()
    assert found["noise_flags"] == "phase"


def _row(cell: Cell, flags: str) -> dict[str, str]:
    return row(**{**cell.axes, "noise_flags": flags, "attempt": cell.axes.get("attempt", 0)})  # type: ignore[arg-type]
