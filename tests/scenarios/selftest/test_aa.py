"""The A/A test finds nothing between equals, and would find something between others."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from scenarios.plan.cells import Cell, expand
from scenarios.running import session
from scenarios.selftest import aa
from scenarios.selftest.aa import TWIN, Twins
from scenarios.statistics.significance import SLOWER, Floor
from tests.scenarios import canned
from tests.scenarios.fakes import CATALOGUE, Plain

QUIET = Console(quiet=True)


class Busy(Plain):
    """A contender that is slower than its twin."""

    name = "busy"


def _twice(cell: Cell) -> float:
    return 20.0 if cell.contender.endswith(TWIN) else 10.0


def test_each_contender_and_its_twin_are_in_every_repeat_and_mixed() -> None:
    cells = expand(aa.scenario(["plain", "pipes"], repeats=6, calls=10))
    for repeat in range(6):
        block = [cell.contender for cell in cells if cell.axes["repeat"] == repeat]
        assert sorted(block) == ["pipes", f"pipes{TWIN}", "plain", f"plain{TWIN}"]
    first = [cell.contender.endswith(TWIN) for cell in cells][::4]
    assert True in first
    assert False in first


def test_a_twin_is_the_same_class_unless_another_is_given() -> None:
    assert Twins(CATALOGUE)[f"plain{TWIN}"] is Plain
    other = Twins(CATALOGUE, {"plain": Busy})
    assert (other["plain"], other[f"plain{TWIN}"]) == (Plain, Busy)
    assert set(other) >= {"plain", f"plain{TWIN}"}


def test_equals_measured_for_good_do_not_differ(results: Path) -> None:
    """Not by a factor of two: less is found by chance once in a hundred runs, on a busy machine more often."""
    found = aa.a_a(Twins(CATALOGUE), results, QUIET, contenders=["plain"], repeats=4, calls=100, floor=Floor(share=1.0))
    assert len(found.groups) == 1
    assert found.differing() == []


def test_twins_that_are_not_equal_are_found_out(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "run_cell", canned.run_cell(p50_us=_twice))
    found = aa.a_a(Twins(CATALOGUE), results, QUIET, contenders=["plain", "pipes"], calls=100)
    assert [each.verdict for each in found.differing()] == [SLOWER, SLOWER]
    assert found.differing()[0].ratio == pytest.approx(2, rel=0.1)


def _perhaps(cell: Cell) -> float:
    """Figures whose p is 0.04: one run in 24 of equals has them."""
    spread = (10.0, 11.0, 12.0, 13.0, 14.0, 15.0)[int(cell.axes["repeat"])]
    return spread * (1.27 if cell.contender.endswith(TWIN) else 1.0)


def test_a_difference_that_chance_makes_once_in_twenty_runs_is_none(
    results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "run_cell", canned.run_cell(p50_us=_perhaps))
    found = aa.a_a(Twins(CATALOGUE), results, QUIET, contenders=["plain"], calls=100)
    assert 0.01 < found.groups[0].p_adjusted < 0.05
    assert found.differing() == []


def test_a_failed_cell_is_no_passed_test(results: Path) -> None:
    with pytest.raises(RuntimeError, match="cells of the A/A run failed"):
        aa.a_a(Twins(CATALOGUE), results, QUIET, contenders=["raising"], repeats=1, floor=Floor())
