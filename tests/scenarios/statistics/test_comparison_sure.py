"""How sure a difference between two runs is: beyond the floors, and of many groups few are false."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scenarios.statistics import figures
from scenarios.statistics.significance import (
    FASTER,
    LIKELY_FASTER,
    LIKELY_SLOWER,
    SAME,
    SLOWER,
    UNCLEAR,
    Difference,
    Floor,
    differences,
)
from tests.scenarios.rows import repeats
from tests.scenarios.statistics.floors import FLOOR


def _difference(before: list[float], after: list[float], floor: Floor = FLOOR) -> Difference:
    sides = [figures.frame(repeats("shm", values)) for values in (before, after)]
    (found,) = differences(sides[0], sides[1], floor)
    return found


def test_a_clear_change_beyond_the_floors_has_its_verdict_ratio_and_interval() -> None:
    slower = _difference([50, 51, 49, 50], [75, 76.5, 73.5, 75])
    assert slower.verdict == SLOWER
    assert slower.ratio == pytest.approx(1.5)
    assert 1.4 < slower.low < 1.5 < slower.high < 1.6
    assert slower.sure == pytest.approx(1 - 2 / 70)
    assert _difference([75, 76, 74, 75], [50, 51, 49, 50]).verdict == FASTER


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([50, 50.1, 49.9], [51, 51.1, 50.9], SAME),  # 2%, certain, below the floor in share
        ([2, 2.01, 1.99], [2.6, 2.61, 2.59], SAME),  # 30%, certain, below the floor in µs
        ([50, 80, 30], [75, 120, 45], UNCLEAR),  # 50%, but repeats differ as much
        ([50, 51, 49], [50, 51, 49], SAME),
        ([50, 70, 30], [50, 70, 30], UNCLEAR),  # equal, but nobody could tell
        ([50, 51], [100, 101], UNCLEAR),  # two repeats say nothing
        ([0.07, 0.07, 0.07], [0.08, 0.08, 0.08], SAME),  # steps of the clock
        ([70.0] * 3, [80.0] * 3, LIKELY_SLOWER),  # three of three: one pair of equals in ten has that, in some way
        ([80.0] * 3, [70.0, 69.0, 71.0], LIKELY_FASTER),
        ([70.0] * 4, [80.0] * 4, SLOWER),  # four of four: one pair in 35
        ([50, 50, 50], [72, 72, 72], LIKELY_SLOWER),  # three of three, however far apart, are not beyond doubt
        ([24.1, 25, 23], [3.34, 3.3, 9.9], LIKELY_FASTER),  # was unclear, at an interval of 0.04 to 0.43
        ([20, 24.1, 45, 24], [3.34, 3.3, 13, 3.3], FASTER),
    ],
)
def test_what_is_too_small_or_unsure_is_not_called_a_change(
    before: list[float], after: list[float], verdict: str
) -> None:
    assert _difference(before, after).verdict == verdict


def test_the_floor_is_in_share_and_in_microseconds() -> None:
    before, after = [50, 50.1, 49.9, 50], [51, 51.1, 50.9, 51]
    assert _difference(before, after, Floor(share=0.01, us=0.5)).verdict == SLOWER
    assert _difference(before, after, Floor(share=0.01, us=2)).verdict == SAME


def test_three_repeats_are_never_said_to_be_more_than_90_percent_sure() -> None:
    found = _difference([10, 11, 12], [1000, 1100, 1200])
    assert (found.verdict, found.sure, found.p_adjusted) == (LIKELY_SLOWER, pytest.approx(0.9), pytest.approx(0.1))


def test_four_repeats_that_are_far_apart_are_a_difference_among_any_number_of_groups_and_three_are_undecided() -> None:
    equal = repeats("equal", [10.0, 10.1, 9.9, 10.0])
    for count, verdict, undecided in ((3, LIKELY_SLOWER, True), (4, SLOWER, False)):
        others = [row for i in range(30) for row in repeats(f"c{i}", [10.0, 10.1, 9.9, 10.0])]
        sides = [figures.frame([*repeats("shm", [value] * count), *equal, *others]) for value in (50.0, 950.0)]
        (found,) = (each for each in differences(*sides, FLOOR) if each.group["contender"] == "shm")
        assert (found.verdict, found.undecided) == (verdict, undecided)


def test_the_shown_interval_and_the_shown_ratio_are_of_the_same_pairs() -> None:
    found = _difference([10, 20, 40], [30, 60, 120])
    assert (found.before_us, found.after_us, found.ratio) == (20, 60, 3)
    assert (found.low, found.high) == (30 / 40, 120 / 10)


def test_repeats_that_are_apart_by_little_are_not_certain_among_many_groups() -> None:
    """Of a hundred equal groups of three repeats ten have no repeat of one among those of the other."""
    rng = np.random.default_rng(3)
    found = differences(_random(rng, 300, count=3), _random(rng, 300, count=3), FLOOR)
    apart = [each for each in found if not each.low <= 1 <= each.high]
    assert 15 < len(apart) < 50
    assert {each.verdict for each in apart} <= {LIKELY_SLOWER, LIKELY_FASTER}


def _random(rng: np.random.Generator, groups: int, by: float = 1.0, count: int = 5) -> Any:
    rows = [
        row for group in range(groups) for row in repeats(f"c{group}", 100 * by * np.exp(rng.normal(0, 0.15, count)))
    ]
    return figures.frame(rows)


def test_a_hundred_equal_groups_show_a_difference_in_hardly_any_run() -> None:
    rng = np.random.default_rng(1)
    said = sum(
        any(each.verdict in (SLOWER, FASTER) for each in differences(_random(rng, 100), _random(rng, 100), FLOOR))
        for _ in range(20)
    )
    # 5% of runs are expected at most; without the adjustment all of them would.
    assert said <= 3


def test_of_the_changes_found_among_many_few_are_false() -> None:
    rng = np.random.default_rng(2)
    before, after = _random(rng, 100), _random(rng, 100)
    changed = after["contender"].isin([f"c{i}" for i in range(30)])
    after.loc[changed, "p50_us"] *= 2
    found = {each.group["contender"] for each in differences(before, after, FLOOR) if each.verdict == SLOWER}
    true = {f"c{i}" for i in range(30)}
    assert len(found & true) >= 27
    assert len(found - true) <= 3
