"""When the calls of an open loop are meant to be sent."""

from __future__ import annotations

import statistics
from itertools import pairwise

import pytest

from scenarios.plan.load import Load, schedule

SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "load"),
    [("closed", Load()), ("1000/s", Load(1000.0)), ("250/s-constant", Load(250.0, constant=True))],
)
def test_a_load_is_read_as_it_is_written(text: str, load: Load) -> None:
    assert Load.parse(text) == load
    assert load.is_open == (text != "closed")


@pytest.mark.parametrize("text", ["", "open", "0/s", "1000", "1e3/s", "1000 /s", "-5/s", "1000/s-poisson", "1000/s\n"])
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match='is not a load; allowed: "closed", "1000/s"'):
        Load.parse(text)


def test_an_even_pace_is_even_and_its_clients_take_turns() -> None:
    load = Load(1000.0, constant=True)
    clients = [schedule(load, client, 4, seconds=1.0, most=10**6, seed=1) for client in range(4)]
    together = sorted(moment for each in clients for moment in each)
    assert together == [number * 1_000_000 for number in range(1000)]


def test_random_moments_are_a_poisson_process_of_that_rate() -> None:
    clients = [schedule(Load(10_000.0), client, 2, seconds=4.0, most=10**6, seed=1) for client in range(2)]
    assert clients[0] != clients[1]
    together = sorted(moment for each in clients for moment in each)
    assert together[-1] < 4 * SECOND_NS
    assert len(together) == pytest.approx(40_000, rel=0.02)  # 4 standard deviations of a Poisson count
    gaps = [after - before for before, after in pairwise(together)]
    # Of exponential gaps, and of no even or bursty ones, the standard deviation is the mean.
    assert statistics.pstdev(gaps) == pytest.approx(statistics.fmean(gaps), rel=0.03)


def test_the_moments_depend_on_seed_repeat_and_client_alone() -> None:
    def of(**values: int) -> list[int]:
        asked = {"client": 0, "clients": 2, "seed": 1, "repeat": 0} | values
        return list(schedule(Load(1000.0), seconds=0.1, most=10**6, **asked))

    assert of() == of()
    assert of() != of(seed=2)
    assert of() != of(repeat=1)
    assert of() != of(client=1)


def test_a_schedule_ends_at_the_most_calls() -> None:
    assert len(schedule(Load(1000.0), 0, 1, seconds=9, most=7, seed=1)) == 7


def test_a_closed_loop_has_no_schedule() -> None:
    with pytest.raises(ValueError, match="no schedule"):
        schedule(Load(), 0, 1, 1.0, 1, 1)


def test_an_even_pace_begins_at_the_clients_turn_and_ends_before_the_time_is_over() -> None:
    load = Load(4.0, constant=True)
    assert list(schedule(load, 0, 2, seconds=1.0, most=10, seed=1)) == [0, 500_000_000]
    assert list(schedule(load, 1, 2, seconds=1.0, most=10, seed=1)) == [250_000_000, 750_000_000]
    assert list(schedule(load, 1, 2, seconds=1.0, most=1, seed=1)) == [250_000_000]
    assert list(schedule(load, 1, 2, seconds=1.0, most=0, seed=1)) == []


def test_random_moments_begin_and_end_as_an_even_pace_does() -> None:
    moments = list(schedule(Load(1000.0), 0, 1, seconds=1.0, most=10**6, seed=1))
    assert 0 < moments[0] < 20_000_000
    assert 980_000_000 < moments[-1] < SECOND_NS
    assert schedule(Load(1000.0), 0, 1, seconds=1.0, most=10**6, seed=1, repeat=0).tolist() == moments
    assert list(schedule(Load(1000.0), 0, 1, seconds=1.0, most=0, seed=1)) == []


def test_one_client_of_four_has_a_quarter_of_the_rate() -> None:
    assert len(schedule(Load(10_000.0), 0, 4, seconds=4.0, most=10**6, seed=1)) == pytest.approx(10_000, rel=0.04)


def test_loads_that_are_the_same_are_one_key() -> None:
    assert len({Load.parse("100/s"), Load(100.0), Load.parse("100/s-constant")}) == 2


def test_the_first_moment_is_as_far_from_the_start_as_any_other_from_the_one_before() -> None:
    first = [schedule(Load(1000.0), 0, 1, seconds=1.0, most=1, seed=seed)[0] for seed in range(2000)]
    assert statistics.fmean(first) == pytest.approx(1_000_000, rel=0.1)
