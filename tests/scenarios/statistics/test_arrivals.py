"""Whether calls came as the load asks is found from their arrivals: known processes have known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from scenarios.plan.load import Load, schedule
from scenarios.statistics import arrivals, caveats
from tests.scenarios.rows import repeats, run_of

RANDOM, EVEN = Load.parse("1000/s"), Load.parse("1000/s-constant")


def _schedule(load: Load, clients: int = 1) -> np.ndarray:
    each = [schedule(load, client, clients, 4.0, 10_000, seed=1) for client in range(clients)]
    return np.concatenate([np.frombuffer(due, np.int64) for due in each])


def test_the_distance_is_that_of_kolmogorov_and_smirnov() -> None:
    at = np.random.default_rng(1).integers(0, 10**9, 400)
    expected = stats.kstest(np.diff(np.sort(at)) / 1e6, "expon").statistic
    assert arrivals.of(at, RANDOM).distance == pytest.approx(expected)


@pytest.mark.parametrize("clients", [1, 3])
def test_a_schedule_is_as_asked(clients: int) -> None:
    found = arrivals.of(_schedule(RANDOM, clients), RANDOM)
    assert found.distance is not None
    assert found.autocorrelation is not None
    assert found.distance < 1.63 / np.sqrt(4000)
    assert abs(found.autocorrelation) < 2.58 / np.sqrt(4000)
    assert arrivals.of(_schedule(EVEN, clients), EVEN) == (0.0, None)


def test_another_rate_is_another_distribution() -> None:
    """Of exponential distributions whose means differ by the factor 2 the distance is 1/4."""
    assert arrivals.of(2 * _schedule(RANDOM), RANDOM).distance == pytest.approx(0.25, abs=0.02)


def test_an_even_pace_is_not_random_and_random_moments_are_no_even_pace() -> None:
    # All gaps are the mean: 1 - 1/e of the exponential distribution is below it.
    assert arrivals.of(_schedule(EVEN), RANDOM).distance == pytest.approx(1 - np.exp(-1), abs=0.001)
    within = np.exp(-0.9) - np.exp(-1.1)
    assert arrivals.of(_schedule(RANDOM), EVEN).distance == pytest.approx(1 - within, abs=0.01)


def test_gaps_that_depend_on_each_other_are_found_where_their_distribution_is_right() -> None:
    gaps = np.sort(np.diff(np.sort(_schedule(RANDOM))))
    # Short ones beside short ones: the same gaps, in blocks of ten of a kind.
    blocks = gaps[: gaps.size // 10 * 10].reshape(-1, 10)
    order = np.random.default_rng(1).permutation(len(blocks))
    found = arrivals.of(np.cumsum(blocks[order].ravel()), RANDOM)
    assert found.distance is not None
    assert found.autocorrelation is not None
    assert found.distance < arrivals.TENTH
    assert found.autocorrelation == pytest.approx(0.9, abs=0.05)


def test_few_calls_and_a_closed_loop_have_no_figure() -> None:
    assert arrivals.of(np.arange(20) * 10**6, RANDOM) == (None, None)
    assert arrivals.of(np.arange(100) * 10**6, Load.parse("closed")) == (None, None)


@pytest.mark.parametrize(
    ("distance", "correlation", "calls", "warned"),
    [
        (0.09, 0.09, 10_000, False),
        (0.11, 0.0, 10_000, True),
        (0.0, -0.11, 10_000, True),
        (0.15, 0.2, 100, False),  # chance makes that of a hundred calls
        ("", "", 100, False),  # a closed loop, or a run of an older version
    ],
)
def test_a_load_that_was_not_as_asked_is_a_warning_with_numbers(
    tmp_path: Path, distance: float, correlation: float, calls: int, warned: bool
) -> None:
    figures = {"arrival_distance": distance, "arrival_autocorrelation": correlation, "calls": calls}
    rest = {"load": "1000/s", "skipped": 0, "p99_us": 9, "calls_per_s": 876.5, "offered_rps": 1000}
    run = run_of(tmp_path / "a", repeats("shm", [5.0] * 3, **figures, **rest))
    found = [each for each in caveats.find(run) if each.kind == "arrivals"]
    assert bool(found) == warned
    if warned:
        assert found[0].message == (
            f"the load was not as asked in 3 of 3 repeats: gaps are {distance:.2f} from the exponential distribution "
            f"(Kolmogorov and Smirnov), their autocorrelation is {correlation:.2f}; 1,000 calls/s offered, 876 answered"
        )


def test_an_even_pace_that_was_uneven_says_how_many_gaps_were_off(tmp_path: Path) -> None:
    rest = {"load": "1000/s-constant", "skipped": 0, "p99_us": 9, "calls_per_s": 1000, "calls": 1000}
    run = run_of(tmp_path / "a", repeats("shm", [5.0], arrival_distance=0.3, **rest))
    (found,) = [each for each in caveats.find(run) if each.kind == "arrivals"]
    assert "30% of the gaps are more than 10% off" in found.message
