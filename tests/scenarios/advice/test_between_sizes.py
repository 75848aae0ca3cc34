"""Between two measured sizes a figure lies between theirs, and where they are too far apart there is none."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scenarios.advice import words
from scenarios.advice.curves import Curves, Estimate, between, cpus
from scenarios.advice.model import answer
from scenarios.advice.question import Advice, Question
from scenarios.plan.circumstances import NOTHING
from scenarios.plan.load import BUSY, CALLERS
from scenarios.records import store
from scenarios.statistics import figures
from tests.scenarios.advice.asked import REFERENCE
from tests.scenarios.tables import cells, is_honest, table


@given(st.floats(1e-3, 1e9), st.floats(1e-3, 1e9), st.floats(100, 10_000))
@example(134217729.0, 0.99999, 10_000.0)  # the smaller one was what was left of a difference
def test_a_figure_between_two_sizes_lies_between_theirs_and_within_its_interval(
    one: float, other: float, size: float
) -> None:
    hair = 1e-9
    below, above = (Estimate(each, each / 2, each * 2) for each in (one, other))
    found = between((100, 10_000), size, below, above)
    if found is not None:
        assert min(one, other) * (1 - hair) <= found.value <= max(one, other) * (1 + hair)
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high


def test_a_call_costs_a_constant_and_a_part_per_byte() -> None:
    """On a line in the logarithms 1 KB between 64 B and 64 KB was 37 where 11 was measured."""
    found = between((1000, 11_000), 6000, Estimate(5.0, 5.0, 5.0), Estimate(7.0, 7.0, 7.0))
    assert found is not None
    assert found.value == pytest.approx(6.0)
    assert found.low == pytest.approx(6.0)
    assert found.high is not None
    assert found.high == pytest.approx(5 * 1.4**0.747, abs=0.01), "as far as the other line: how little is known"


def test_nothing_is_said_where_the_measured_sizes_are_too_far_apart() -> None:
    alike, dear = Estimate(10.0), Estimate(1e6)
    assert between((64, 6401), 1000, alike, alike) is None
    assert between((64, 6400), 1000, alike, alike) == alike
    assert between((64, 6400), 1000, alike, dear) is None, "two ways to draw the line differ by more than half"


def test_a_figure_of_nothing_is_between_others_without_logarithms() -> None:
    assert between((0, 10), 5, Estimate(0.0), Estimate(10.0)) is None, "10 is infinitely more than 0"
    assert between((10, 20), 15, Estimate(0.0), Estimate(10.0)) == Estimate(5.0)


def test_nothing_is_said_between_a_size_that_takes_pages_from_the_system_and_one_that_does_not() -> None:
    """direct-codec at 10 KB was answered with 19 us where 7.5 were measured: from 100 KB on the C library has memory
    from the system in each call, and gives it back."""
    frame = figures.headline(figures.frame(store.Run(REFERENCE).rows()))
    own = frame[frame["lane"] == "native"]
    without = Curves(own[own["payload_bytes"] != 10_000], "native")
    assert without.at("direct-codec", "p50_us", 10_000) is None
    assert without.at("direct-codec", "p50_us", 100_000) is not None
    calm = own.assign(client_page_faults_per_call=0.0, server_page_faults_per_call=math.nan)
    assert Curves(calm[calm["payload_bytes"] != 10_000], "native").at("direct-codec", "p50_us", 10_000) is not None


def test_sizes_that_are_held_back_are_answered_within_a_quarter_or_as_estimates_in_their_interval_or_not_at_all() -> (
    None
):
    """On the committed run, each. (mp-pipe took 30 us for 10 KB where 48 was answered: its calls have two speeds.)"""
    frame = figures.headline(figures.frame(store.Run(REFERENCE).rows()))
    answered = []
    for lane in ("bytes", "json", "native", "pickle"):
        own = frame[frame["lane"] == lane]
        whole = Curves(own, lane)
        for size in whole.payloads[1:-1]:
            without = Curves(own[own["payload_bytes"] != size], lane)
            for name in without.contenders:
                measured, told = whole.at(name, "p50_us", size), without.at(name, "p50_us", size)
                if measured and told:
                    answered.append((name, lane, size))
                    assert is_honest(told, measured, not told.is_within_a_quarter), answered[-1]
    assert len(answered) > 60


def test_what_was_not_measured_so_is_marked_where_it_may_be_more_than_a_quarter_off() -> None:
    def told(high: float, payload: float = 5500, low: float = 100.0) -> Advice:
        frame = table(cells("a", {1000: (low, 100.0, high), 10_000: (low, 100.0, high)}))
        return answer(Curves(frame, "native"), Question(payload, 1, 0.0, "native", BUSY))[0]

    assert [told(high).is_estimated for high in (133, 134)] == [False, True]
    assert [told(100, low=low).is_estimated for low in (80, 79)] == [False, True]
    assert not told(134, 10_000).is_estimated, "as measured"
    assert words.fields(told(134))[:2] == ["≈ 100 µs", "100 to 134 µs"]
    assert words.fields(told(133))[:2] == ["100 µs", "100 to 133 µs"]


def test_nothing_is_said_beside_a_size_whose_calls_have_two_speeds() -> None:
    alike = {100: (50.0,) * 3, 1000: (50.0,) * 3}
    assert Curves(table(cells("a", alike, mean=48)), "native").at("a", "p50_us", 500) == Estimate(50, 50, 50)
    without = Curves(table(cells("a", alike, mean=47)), "native")
    assert without.at("a", "p50_us", 500) is None
    assert without.at("a", "p50_us", 1000) == Estimate(50, 50, 50), "as measured"


def test_an_interval_holds_the_lines_of_the_sizes_before_and_behind_as_far_as_there_is_sense_in_it() -> None:
    even = dict.fromkeys((100, 1000, 10_000), (100.0,) * 3)
    steep = even | {20_000: (200.0,) * 3}
    assert Curves(table(cells("a", even)), "native").at("a", "p50_us", 5500) == Estimate(100, 100, 100)
    found = Curves(table(cells("a", steep)), "native").at("a", "p50_us", 5500)
    assert found == Estimate(100, pytest.approx(100 / 1.5), 100), "100 us at 10 KB less 45 of 10 us per KB, or 66.7"  # type: ignore[arg-type]


def test_no_answer_contradicts_itself_or_takes_more_cores_than_there_are() -> None:
    """Of the committed run: asyncio-uds was 5,541 us in an interval of 5,360 to 5,429; http-uds took 24 clients for
    50,000/s, whose CPU time alone is 24 cores."""
    run = store.Run(REFERENCE)
    curves = Curves(figures.frame(run.rows()), "native", cpus(run))
    besides = (NOTHING, "client-thread", "server-thread", "2-burners")
    intervals = 0
    for rate, caller, beside in itertools.product((10, 100, 1000, 5000, 50_000), CALLERS, besides):
        for row in answer(curves, Question(100, rate, 0.0, "native", caller, beside)):
            p50 = row.ipc_p50_us
            if p50 is not None and p50.low is not None and p50.high is not None:
                assert p50.low <= p50.value <= p50.high, (row.contender, rate, caller, beside)
                intervals += 1
            together = curves.crowds.together(row.contender, row.clients or 1, 100)
            if row.clients is not None and row.clients > 1 and together is None:
                busy = [curves.at(row.contender, f"{each}_cpu_us_per_call", 100) for each in ("client", "server")]
                assert rate * sum(side.value for side in busy if side) / 1e6 <= curves.cpus, (row.contender, rate)
    assert intervals > 400
