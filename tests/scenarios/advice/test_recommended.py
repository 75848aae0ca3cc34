"""Which contender the model recommends, beside those that burn a core or are not told apart."""

from __future__ import annotations

import pytest

from scenarios.advice.choice import cheaper, recommended, tie
from scenarios.advice.model import LOOKS_US
from shm_rpc_bridge import budget
from tests.scenarios.advice.asked import ADAPTIVE, advise, break_even, p50_of, row_of
from tests.scenarios.tables import cells, table


def test_a_contender_that_gives_the_rate_is_recommended_before_one_with_a_lower_median() -> None:
    quick_but_uneven = cells("uneven", {100: (10.0, 10.0, 10.0)}, mean=200)
    frame = table(quick_but_uneven, cells("even", {100: (50.0, 50.0, 50.0)}, mean=50))
    assert [row.contender for row in advise(frame, 100, 10_000, 0)] == ["even", "uneven"]
    assert [row.contender for row in advise(frame, 100, 1_000, 0)] == ["uneven", "even"]
    best = recommended(advise(frame, 100, 1_000_000, 0))
    assert best is not None
    assert (best.contender, best.clients) == ("even", 50), "it takes the fewest clients, of which uneven needs 200"


@pytest.mark.parametrize(
    ("rate", "handler_us", "figures_of"),
    [
        (40_000, 0, "ring"),  # a pause of 5 µs: shorter than a call, as measured
        (20_000, 0, "ring"),  # a pause of 30 µs: with the call no longer than it looks
        (10_000, 0, "ring-block"),  # a pause of 80 µs
        (40_000, 39, "ring"),
        (40_000, 41, "ring-block"),
    ],
)
def test_an_adaptive_contender_has_its_blocking_twins_figures_where_a_wait_is_longer_than_it_looks(
    rate: float, handler_us: float, figures_of: str
) -> None:
    row = row_of(advise(table(*ADAPTIVE), 100, rate, handler_us), "ring")
    assert row.figures_of == figures_of
    assert p50_of(row) == (20 if figures_of == "ring" else 60)
    # Looking burns what it waits: the client while the handler works, the server in the pauses.
    pause_us = max(0.0, 1e6 / rate - handler_us - 20)
    assert row.client_cores == pytest.approx(rate * (15 + handler_us if figures_of == "ring" else 25) / 1e6)
    assert row.server_cores == pytest.approx(rate * (15 + pause_us if figures_of == "ring" else 25) / 1e6)


def test_the_model_knows_how_long_the_library_looks() -> None:
    assert pytest.approx(1e6 * budget.FULL * budget.ROUND_SECONDS) == LOOKS_US


def test_without_the_twin_an_adaptive_contender_is_not_measured_where_it_parks() -> None:
    """It was recommended by the figures of calls back to back: 20 us where nobody knew of the wake-ups."""
    row = row_of(advise(table(ADAPTIVE[0]), 100, 1, 0), "ring")
    assert not row.measured
    assert row.caveat == "parks in waits this long, which was not measured"
    assert recommended(advise(table(ADAPTIVE[0]), 100, 1, 0)) is None
    awake = row_of(advise(table(ADAPTIVE[0]), 100, 40_000, 0), "ring")
    assert (awake.figures_of, p50_of(awake), awake.caveat) == ("ring", 20, "")
    assert break_even(table(ADAPTIVE[0]), 100)[0].handler_us is None


def test_two_that_are_the_same_when_parked_are_not_told_apart() -> None:
    rows = advise(table(*ADAPTIVE), 100, 1, 500)
    assert [row.contender for row in rows] == ["ring", "ring-block"]
    assert [row.told_apart for row in rows] == [None, False]


def test_beside_a_contender_that_burns_a_core_the_next_that_does_not_is_named() -> None:
    hot = cells("hot", {100: (10.0,) * 3}, client_cpu=6000, server_cpu=10)
    cool, slow = (
        cells(name, {100: (p50,) * 3}, client_cpu=5, server_cpu=5) for name, p50 in (("cool", 50), ("slow", 90))
    )
    found = cheaper(advise(table(hot, cool, slow), 100, 100, 0))
    assert found is not None
    assert found.contender == "cool"
    assert cheaper(advise(table(cool, slow), 100, 100, 0)) is None, "the recommended one burns next to nothing"
    assert cheaper(advise(table(hot), 100, 100, 0)) is None


def test_of_those_whose_call_takes_a_tenth_longer_at_most_the_one_that_burns_least_is_recommended() -> None:
    hot = cells("hot", {100: (10.0,) * 3}, client_cpu=10, server_cpu=10)
    cool, slow = (
        cells(name, {100: (p50,) * 3}, client_cpu=5, server_cpu=5) for name, p50 in (("cool", 50), ("slow", 72))
    )
    frame = table(hot, cool, slow)
    for handler_us, equal, chosen in ((0, ["hot"], "hot"), (600, ["hot", "cool"], "cool")):
        rows = advise(frame, 100, 100, handler_us)
        assert [row.contender for row in tie(rows)] == equal
        best = recommended(rows)
        assert best is not None
        assert best.contender == chosen


def test_break_even_is_the_handler_beside_which_ipc_is_the_share() -> None:
    (found,) = break_even(table(cells("a", {100: (8.0, 10.0, 12.0)})), 100)
    assert found.handler_us is not None
    assert found.handler_us.value == pytest.approx(190)
    assert found.handler_us.low == pytest.approx(152)
    assert found.handler_us.high == pytest.approx(228)
    (quarter,) = break_even(table(cells("a", {100: (8.0, 10.0, 12.0)})), 100, share=0.25)
    assert quarter.handler_us is not None
    assert quarter.handler_us.value == pytest.approx(30)


def test_break_even_of_an_adaptive_contender_counts_what_it_costs_parked() -> None:
    found = {each.contender: each for each in break_even(table(*ADAPTIVE), 100)}
    assert found["ring"].figures_of == "ring-block"
    assert found["ring"].handler_us == found["ring-block"].handler_us
    assert found["ring"].handler_us is not None
    assert found["ring"].handler_us.value == pytest.approx(60 * 19)
