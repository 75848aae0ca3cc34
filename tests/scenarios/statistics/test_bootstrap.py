"""The hierarchical bootstrap: the shortcut is exact, and the intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from scenarios.statistics import bootstrap


@pytest.mark.parametrize(("calls", "share"), [(20, 0.5), (101, 0.5), (1000, 0.99)])
def test_a_drawn_percentile_is_distributed_as_one_of_calls_drawn_with_replacement(calls: int, share: float) -> None:
    draws = bootstrap.percentile_draws(np.arange(calls), share, 200_000, np.random.default_rng(1))
    k = bootstrap.rank(calls, share) + 1
    # The k-th smallest is at or below place j when at least k of the draws are, each of which is with (j + 1) / n.
    exact = stats.binom.sf(k - 1, calls, (np.arange(calls) + 1) / calls)
    seen = np.cumsum(np.bincount(draws.astype(int), minlength=calls)) / draws.size
    assert np.abs(seen - exact).max() < 0.005


def _held(processes: int, calls: int, rounds: int, share: float, truth: float) -> float:
    """How often the interval of processes that differ by 10% and calls that differ by 30% holds the truth."""
    rng = np.random.default_rng(7)
    held = 0
    for i in range(rounds):
        levels = np.exp(rng.normal(0, 0.1, processes))
        drawn = [np.sort((1e6 * level * np.exp(rng.normal(0, 0.3, calls))).astype(np.int64)) for level in levels]
        percentiles = [bootstrap.percentile_draws(each, share, bootstrap.RESAMPLES, rng) for each in drawn]
        low, high = bootstrap.of_median(percentiles, i) or (0.0, 0.0)
        held += low <= truth <= high
    return held / rounds


def test_the_interval_of_ten_processes_holds_the_true_median() -> None:
    assert _held(processes=10, calls=200, rounds=300, share=0.5, truth=1e6) > 0.92


def test_the_interval_of_ten_processes_holds_the_true_p99() -> None:
    assert _held(processes=10, calls=2000, rounds=200, share=0.99, truth=1e6 * np.exp(0.3 * stats.norm.ppf(0.99))) > 0.9


def test_few_processes_hold_no_more_than_is_said_of_them() -> None:
    said = bootstrap.coverage(3)
    assert said == 0.75
    assert abs(_held(processes=3, calls=2000, rounds=400, share=0.5, truth=1e6) - said) < 0.06


def test_confidence_of_95_percent_needs_six_processes() -> None:
    assert bootstrap.coverage(5) < bootstrap.CONFIDENCE <= bootstrap.coverage(6)


def test_few_calls_widen_an_interval_that_processes_alone_would_make_narrow() -> None:
    # Three processes of equal p99, each known from 1000 calls only.
    calls = np.sort(np.random.default_rng(3).lognormal(10, 1, 1000).astype(np.int64))
    p99 = float(calls[bootstrap.rank(1000, 0.99)])
    rng = np.random.default_rng(1)
    resampled = [bootstrap.percentile_draws(calls, 0.99, bootstrap.RESAMPLES, rng) for _ in range(3)]
    assert bootstrap.of_median([np.array(p99)] * 3, 0) == (p99, p99)
    low, high = bootstrap.of_median(resampled, 0) or (p99, p99)
    assert low < p99 * 0.95
    assert high > p99 * 1.05


def test_the_same_data_has_the_same_interval() -> None:
    processes = [np.array(float(i)) for i in range(7)]
    assert bootstrap.of_median(processes, 5) == bootstrap.of_median(processes, 5)


@pytest.mark.parametrize(
    ("calls", "share", "index"),
    [(1, 0.5, 0), (1, 0.99, 0), (2, 0.5, 0), (3, 0.5, 1), (100, 0.5, 49), (100, 0.99, 98), (101, 0.99, 99), (10, 0, 0)],
)
def test_a_percentile_is_the_smallest_call_that_its_share_of_all_do_not_exceed(
    calls: int, share: float, index: int
) -> None:
    assert bootstrap.rank(calls, share) == index


def test_a_rank_is_not_one_too_high_where_floats_are_a_little_above_a_whole_number() -> None:
    assert 100 * 0.55 > 55
    assert bootstrap.rank(100, 0.55) == 54


def test_fewer_than_three_processes_have_no_interval() -> None:
    assert bootstrap.of_median([np.array(1.0)] * 2, 1) is None
    assert bootstrap.of_median([np.array(1.0)] * 3, 1) == (1.0, 1.0)


def test_confidence_is_what_the_range_of_so_many_processes_has_and_95_percent_at_most() -> None:
    assert [bootstrap.confidence(processes) for processes in (2, 3, 4, 5, 6, 20)] == [0.5, 0.75, 0.875, 0.9375] + [
        bootstrap.CONFIDENCE
    ] * 2


def test_a_draw_that_rounds_up_to_all_calls_is_the_slowest_one() -> None:
    class Highest:
        def beta(self, a: float, b: float, count: int) -> np.ndarray:
            return np.ones(count)

    draws = bootstrap.percentile_draws(np.array([1, 2, 3]), 0.5, 2, Highest())  # type: ignore[arg-type]
    assert list(draws) == [3.0, 3.0]


def test_an_interval_leaves_out_as_many_resamples_on_either_side_and_may_be_infinite() -> None:
    spread = [np.array(float(level)) for level in range(1, 102)]
    low, high = bootstrap.of_median(spread, 4) or (0.0, 0.0)
    assert 35 < low < 45
    assert 57 < high < 67
    assert bootstrap.of_median([np.array(np.inf)] * 3, 1) == (np.inf, np.inf)


def test_each_process_is_drawn_as_often_as_any_other() -> None:
    """A median of three is the lowest process's in 7 of 27 resamples, and so for the highest."""
    low, high = bootstrap.of_median([np.array(0.0), np.array(1.0), np.array(2.0)], 1) or (9.0, 9.0)
    assert (low, high) == (0.0, 2.0)


def test_a_fortieth_of_the_resamples_lies_beyond_each_end() -> None:
    """Of processes that are alike: each resample is the middle one of three draws that follow each other."""
    alike = [np.arange(bootstrap.RESAMPLES, dtype=float)] * 3
    assert bootstrap.of_median(alike, 1) == (pytest.approx(50, abs=2), pytest.approx(1950, abs=2))
