"""Cells that show that they were disturbed, and how many of them the system's flags saw."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.records import store
from scenarios.statistics import disturbed, figures
from tests.scenarios.rows import repeats, row

REFERENCE = Path(__file__).parents[3] / "results" / "reference"


@pytest.mark.parametrize(
    ("p50", "outlying"),
    [
        ([10.0, 10.0, 14.1], [False, False, True]),
        ([10.0, 10.0, 13.9], [False, False, False]),
        ([10.0, 10.0, 7.1], [False, False, True]),
        ([10.0, 10.0, 7.2], [False, False, False]),
        ([10.0, 30.0], [False, False]),  # nobody can say which one is off
        ([10.0, 10.0, 10.0, 10.0, "", 15.0], [False, False, False, False, False, True]),
    ],
)
def test_a_repeat_far_from_its_groups_median_is_outlying(p50: list[float], outlying: list[bool]) -> None:
    cells = figures.frame(repeats("shm", p50))
    assert (cells["noise_flags"] == disturbed.OUTLYING).tolist() == outlying


def test_a_group_is_never_held_against_another() -> None:
    rows = [*repeats("shm", [10.0] * 3), *repeats("shm", [90.0] * 3, payload_bytes=2000)]
    rows += [*repeats("shm", [30.0] * 3, clients=2), *repeats("shm", [60.0] * 3, load="10/s")]
    assert set(figures.frame(rows)["noise_flags"]) == {""}


def test_it_is_counted_with_the_flags_of_the_system_and_named_beside_them() -> None:
    rows = repeats("shm", [10.0, 10.0, 10.0, 10.0, 20.0, 20.0, 20.0], noise_flags="")
    rows[0]["noise_flags"] = rows[4]["noise_flags"] = "steal;load"
    assert [disturbed.disturbance(each) for each in rows] == [2, 0, 0, 0, 2, 0, 0]
    cells = figures.frame(rows)
    assert cells["noise_flags"].tolist() == ["steal;load", *[""] * 3, "steal;load;outlying", *["outlying"] * 2]
    (line,) = figures.summary(cells).to_dict("records")
    assert (line["noisy"], line["flags"]) == (4, "load;outlying;steal")
    assert disturbed.slow(cells) == disturbed.Slow(cells=3, flagged=1)
    assert str(disturbed.slow(cells)).startswith("3 cells have a p50 that is more than 1.4 times its group's median")
    assert str(disturbed.Slow(1, 0)).startswith("1 cell has a p50 that is more than 1.4 times its group's median")


def test_what_is_far_below_is_outlying_and_not_slow() -> None:
    cells = figures.frame(repeats("shm", [10.0, 10.0, 3.0]))
    assert cells["noise_flags"].tolist() == ["", "", "outlying"]
    assert disturbed.slow(cells).cells == 0


def test_an_outlying_attempt_is_marked_and_counts_all_the_same() -> None:
    """Whoever throws away the slow ones alone has a faster contender."""
    rows = [*repeats("shm", [10.0, 10.0, 90.0]), row(repeat=2, attempt=1, p50_us=10.0)]
    assert figures.frame(rows)["p50_us"].tolist() == [10, 10, 90]


NINE = figures.frame(repeats("shm", [1.0] * 9))
"""Cells to give another p50: to read rows takes most of the time."""


@given(st.lists(st.floats(1, 1e6), min_size=3, max_size=9))
def test_less_than_half_of_a_group_is_slow(p50: list[float]) -> None:
    cells = NINE.head(len(p50)).assign(p50_us=p50)
    assert 2 * disturbed.slow(cells).cells <= len(p50)


def test_hardly_a_cell_of_the_committed_run_is_far_from_its_groups_median() -> None:
    """What is said of two sets of repeats rests on it: :mod:`scenarios.statistics.significance`."""
    cells = figures.frame(store.Run(REFERENCE).rows())
    outlying = cells["noise_flags"].fillna("").str.contains(disturbed.OUTLYING)
    assert 0 < outlying.mean() < 0.02
    assert 0 < disturbed.slow(cells).cells < 0.01 * len(cells)
