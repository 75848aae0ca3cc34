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
