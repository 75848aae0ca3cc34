"""Repeats end when the intervals are narrow, for all contenders of a question at once; and what that does to them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from scenarios.plan import scenario_files
from scenarios.plan.cells import Cell, expand, key_of
from scenarios.records import store
from scenarios.records.store import Run
from scenarios.running import runner, session, stopping
from scenarios.statistics import intervals
from tests.scenarios import canned
from tests.scenarios.conftest import SMALL, Write
from tests.scenarios.fakes import CATALOGUE

WITH_PRECISION = "precision = 0.02\n" + SMALL.format(
    repeats=10, limit=30, reruns=0, lanes='["json"]', contenders='["plain", "pipes"]', calls=40
)


def _p50(cell: Cell) -> float:
    """100 bytes are steady; at 1 KB `pipes` alone is not."""
    unsteady = cell.contender == "pipes" and cell.payload_bytes == 1000
    return 10.0 + (cell.repeat % 2) * (3.0 if unsteady else 0.0)


@pytest.fixture(autouse=True)
def _no_processes(still_machine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "run_cell", canned.run_cell(p50_us=_p50))


def _repeats(run: Run) -> dict[tuple[str, str], int]:
    return dict(Counter((row["contender"], row["payload_bytes"]) for row in run.rows()))


def test_a_question_has_no_more_repeats_once_all_its_intervals_are_narrow(write: Write, results: Path) -> None:
    scenario = scenario_files.read(write(WITH_PRECISION), CATALOGUE)
    run = runner.begin(scenario, CATALOGUE, results)
    assert runner.measure(run, scenario, CATALOGUE, Console(quiet=True)) == 0
    found = _repeats(run)
    assert found["plain", "100"] == found["pipes", "100"] < 10, "steady"
    assert found["plain", "100"] >= stopping.FEWEST
    assert found["plain", "1000"] == found["pipes", "1000"] == 10, "`plain` goes on, so that ratios stay paired"
    assert run.about()["state"] == store.FINISHED


def test_without_it_every_repeat_is_measured(write: Write, results: Path) -> None:
    scenario = scenario_files.read(write(WITH_PRECISION.removeprefix("precision = 0.02\n")), CATALOGUE)
    assert scenario.precision is None
    run = runner.begin(scenario, CATALOGUE, results)
    runner.measure(run, scenario, CATALOGUE, Console(quiet=True))
    assert set(_repeats(run).values()) == {10}


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(write: Write, results: Path) -> None:
    scenario = scenario_files.read(write(WITH_PRECISION), CATALOGUE)
    run = runner.begin(scenario, CATALOGUE, results)
    runner.measure(run, scenario, CATALOGUE, Console(quiet=True))
    whole = [key_of(row) for row in run.rows()]
    for kept in (1, 21, 23, 25, len(whole) - 1):
        run.rewrite_rows(run.rows()[:kept])
        run.set_state(store.RUNNING)
        again = runner.resume(scenario, CATALOGUE, results)
        runner.measure(again, scenario, CATALOGUE, Console(quiet=True))
        assert [key_of(row) for row in again.rows()] == whole


def test_a_repeat_without_a_p50_is_not_narrow_and_few_repeats_are_not(write: Write) -> None:
    assert stopping.narrow([10.0] * 6, 0.02)
    assert not stopping.narrow([10.0] * 5, 0.02)
    assert not stopping.narrow([10.0] * 6 + [float("nan")], 0.02)
    assert stopping.narrow([9.8, 10, 10, 10, 10, 10.2], 0.02)
    assert not stopping.narrow([9.8, 10, 10, 10, 10, 10.21], 0.02)
    cells = expand(scenario_files.read(write(WITH_PRECISION), CATALOGUE))
    assert stopping.unanswered(cells[:4], [], 0.02) == cells[:4]


LIMIT, RUNS, PRECISION = 40, 1000, 0.02


def _covered(spread: float) -> tuple[float, float]:
    """How often intervals that were waited for hold the true median, 1, and how often they are said to."""
    rng = np.random.default_rng(1)
    held, said = 0, 0.0
    for repeats in np.exp(rng.normal(0, spread, (RUNS, LIMIT))):
        counts = range(stopping.FEWEST, LIMIT + 1)
        count = next((each for each in counts if stopping.narrow(repeats[:each], PRECISION)), LIMIT)
        low, high = intervals.of_median(repeats[:count]) or (np.nan, np.nan)
        held += bool(low <= 1 <= high)
        said += intervals.coverage(count)
    return held / RUNS, said / RUNS


def test_intervals_that_were_waited_for_hold_the_truth_up_to_three_points_less_often() -> None:
    """As the Methods page says; a percent more or less is by the chance of 1,000 runs."""
    covered = {spread: _covered(spread) for spread in (0.005, 0.02, 0.05)}
    lost = {spread: said - held for spread, (held, said) in covered.items()}
    assert lost[0.005] == pytest.approx(0, abs=0.015), "six repeats are enough: nothing was waited for"
    assert 0.01 < max(lost.values()) < 0.045
    assert covered[0.05] == (pytest.approx(0.93, abs=0.02), pytest.approx(0.96, abs=0.005))
