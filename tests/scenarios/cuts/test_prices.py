"""What a call over a border is taken to cost, from the curves of runs."""

import pytest

from scenarios.advice.curves import Curves
from scenarios.cuts import prices
from scenarios.statistics import figures
from tests.scenarios.rows import repeats


def curves(lane: str, of_size: dict[int, float], contender: str = "shm") -> Curves:
    lines = [
        line for size, us in of_size.items() for line in repeats(contender, [us] * 3, lane=lane, payload_bytes=size)
    ]
    return Curves(figures.frame(lines), lane)


TEXTS = curves("native", {100: 5.0, 10_000: 25.0, 110_000: 225.0})
ARRAYS = curves("arrays", {4_000: 10.0, 1_000_000: 110.0})


def test_a_message_costs_what_one_of_its_size_was_measured_with() -> None:
    price = prices.of_curves(TEXTS, None)
    assert price("shm", 10_000, False) == 25.0
    assert price("shm", 60_000, False) == pytest.approx(125.0)
    steep = curves("native", {100: 5.0, 200_000: 5000.0})
    assert steep.at("shm", "p50_us", 100_050) is None, "advice says nothing of it"
    assert prices.of_curves(steep, None)("shm", 100_050, False) == pytest.approx(2502.5)
    assert price("shm", 1, False) == 5.0, "smaller than any costs as much as the smallest"
    assert price("mp-pipe", 100, False) is None


def test_beyond_the_largest_a_byte_costs_what_it_costs_between_the_two_largest() -> None:
    assert prices.of_curves(TEXTS, None)("shm", 1_110_000, False) == pytest.approx(2225.0)
    assert prices.of_curves(curves("native", {100: 5.0}), None)("shm", 200, False) is None, "of one size there is none"


def test_arrays_cost_what_handing_over_an_array_does_where_that_was_measured() -> None:
    price = prices.of_curves(TEXTS, ARRAYS)
    assert price("shm", 1_000_000, True) == 110.0
    assert price("shm", 2_000_000, True) == pytest.approx(210.4, abs=1)
    assert price("shm", 10_000, False) == 25.0
    assert prices.of_curves(TEXTS, None)("shm", 10_000, True) == 25.0
    others = curves("arrays", {4_000: 10.0}, "iceoryx2")
    assert prices.of_curves(TEXTS, others)("shm", 10_000, True) == 25.0
