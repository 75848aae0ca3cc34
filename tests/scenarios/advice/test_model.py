"""The decision model on tables small enough to compute by hand."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scenarios.advice import negligible
from scenarios.advice.choice import cheaper, recommended, tie
from scenarios.advice.curves import AdviceError, Curves, Estimate, between, cpus, curves_of
from scenarios.advice.model import LOOKS_US, answer
from scenarios.advice.negligible import BreakEven
from scenarios.advice.question import Advice, Question
from scenarios.plan.circumstances import NOTHING
from scenarios.plan.load import CALLERS
from scenarios.records import store
from scenarios.statistics import figures
from shm_rpc_bridge import budget
from tests.scenarios.tables import Cells, cells, is_honest, table

REFERENCE = Path(__file__).parents[3] / "results" / "reference"


def advise(
    frame: pd.DataFrame, payload_bytes: float, rate: float, handler_us: float, lane: str = "native"
) -> list[Advice]:
    return answer(Curves(frame, lane), Question(payload_bytes, rate, handler_us, lane))


def break_even(frame: pd.DataFrame, payload_bytes: float, share: float = 0.05) -> list[BreakEven]:
    return negligible.break_even(Curves(frame, "native"), payload_bytes, share)


def _row(rows: list[Advice], contender: str) -> Advice:
    return next(row for row in rows if row.contender == contender)


def _p50(row: Advice) -> float:
    assert row.ipc_p50_us is not None
    return row.ipc_p50_us.value


TWO_SIZES = {100: (10.0, 10.0, 10.0), 10_000: (1000.0, 1000.0, 1000.0)}


def test_between_two_measured_payloads_a_figure_lies_on_the_line_of_a_constant_and_a_part_per_byte() -> None:
    row = _row(advise(table(cells("a", TWO_SIZES)), 1000, 1, 0), "a")
    assert _p50(row) == pytest.approx(100)
    assert row.basis == (100, 10_000)


def test_at_a_measured_payload_it_is_the_median_of_the_repeats_with_their_interval() -> None:
    row = _row(advise(table(cells("a", {100: (1.0, 5.0, 3.0)})), 100, 1, 0), "a")
    assert row.ipc_p50_us == Estimate(3.0, 1.0, 5.0)
    assert row.basis == (100, 100)


@pytest.mark.parametrize("payload_bytes", [99, 10_001])
def test_beyond_the_measured_payloads_nothing_is_said(payload_bytes: float) -> None:
    rows = advise(table(cells("a", TWO_SIZES), cells("b", TWO_SIZES)), payload_bytes, 1, 0)
    assert rows == [Advice(name, False, "block", name) for name in "ab"]
    assert not any(row.measured for row in rows)
    assert recommended(rows) is None
    assert [each.handler_us for each in break_even(table(cells("a", TWO_SIZES)), payload_bytes)] == [None]


def test_a_contender_is_answered_for_only_where_it_was_measured_itself() -> None:
    narrow = cells("narrow", {100: (1.0, 1.0, 1.0)})
    rows = advise(table(narrow, cells("wide", TWO_SIZES)), 1000, 1, 0)
    assert [(row.contender, row.measured) for row in rows] == [("wide", True), ("narrow", False)]


def test_the_handler_is_added_to_latency_and_the_rest_is_ipc() -> None:
    rows = advise(table(cells("a", {100: (90.0, 100.0, 110.0)}, p99=300.0)), 100, 1, 400)
    row = _row(rows, "a")
    assert row.p50_us == Estimate(500, 490, 510)
    assert row.p99_us == 700
    assert row.ipc_share is not None
    assert row.ipc_share.value == pytest.approx(0.2)
    assert row.ipc_share.low == pytest.approx(90 / 490)
    assert row.ipc_share.high == pytest.approx(110 / 510)


def test_p99_is_the_median_of_the_repeats_own_and_exists_only_where_both_neighbours_have_one() -> None:
    rows = cells("a", TWO_SIZES)
    for row, p99 in zip(rows, ("20", "40", "30", "", "", ""), strict=True):
        row["p99_us"] = p99
    frame = table(rows)
    assert _row(advise(frame, 100, 1, 0), "a").p99_us == 30
    assert _row(advise(frame, 1000, 1, 0), "a").p99_us is None
    assert _row(advise(frame, 10_000, 1, 0), "a").p99_us is None


def test_cores_are_the_rate_times_the_cpu_time_of_a_call() -> None:
    row = _row(advise(table(cells("a", TWO_SIZES, client_cpu=20, server_cpu=30)), 1000, 5000, 0), "a")
    assert row.client_cores == pytest.approx(0.1)
    assert row.server_cores == pytest.approx(0.15)
    assert row.cores == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("rate", "clients"), [(1, 1), (2000, 1), (2001, 2), (4000, 2), (4001, 3), (10_000, 5), (10_001, None)]
)
def test_one_client_gets_one_call_after_the_other_and_the_server_runs_one_handler(
    rate: float, clients: int | None
) -> None:
    row = _row(advise(table(cells("a", {100: (390.0, 390.0, 390.0)}, mean=400)), 100, rate, 100), "a")
    assert row.most_calls_per_s is not None
    assert row.most_calls_per_s.value == pytest.approx(2000)
    assert (row.clients, row.gives) == (clients, clients == 1)
    assert row.utilization == pytest.approx(rate / 2000)


@pytest.mark.parametrize(
    ("rate", "handler_us", "limit"), [(1e6, 0, None), (2500, 400, None), (2501, 400, 2500), (30_000, 100, 10_000)]
)
def test_a_server_is_limited_by_its_handlers_time_alone(rate: float, handler_us: float, limit: float | None) -> None:
    assert Question(100, rate, handler_us).server_limit == limit


def test_a_contender_that_gives_the_rate_is_recommended_before_one_with_a_lower_median() -> None:
    quick_but_uneven = cells("uneven", {100: (10.0, 10.0, 10.0)}, mean=200)
    frame = table(quick_but_uneven, cells("even", {100: (50.0, 50.0, 50.0)}, mean=50))
    assert [row.contender for row in advise(frame, 100, 10_000, 0)] == ["even", "uneven"]
    assert [row.contender for row in advise(frame, 100, 1_000, 0)] == ["uneven", "even"]
    best = recommended(advise(frame, 100, 1_000_000, 0))
    assert best is not None
    assert (best.contender, best.clients) == ("even", 50), "it takes the fewest clients, of which uneven needs 200"


ADAPTIVE: tuple[Cells, ...] = (
    cells("ring", {100: (20.0, 20.0, 20.0)}, wait="adaptive", client_cpu=15, server_cpu=15),
    cells("ring-block", {100: (60.0, 60.0, 60.0)}, client_cpu=25, server_cpu=25),
)


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
    row = _row(advise(table(*ADAPTIVE), 100, rate, handler_us), "ring")
    assert row.figures_of == figures_of
    assert _p50(row) == (20 if figures_of == "ring" else 60)
    # Looking burns what it waits: the client while the handler works, the server in the pauses.
    pause_us = max(0.0, 1e6 / rate - handler_us - 20)
    assert row.client_cores == pytest.approx(rate * (15 + handler_us if figures_of == "ring" else 25) / 1e6)
    assert row.server_cores == pytest.approx(rate * (15 + pause_us if figures_of == "ring" else 25) / 1e6)


def test_the_model_knows_how_long_the_library_looks() -> None:
    assert pytest.approx(1e6 * budget.FULL * budget.ROUND_SECONDS) == LOOKS_US


def test_without_the_twin_an_adaptive_contender_is_not_measured_where_it_parks() -> None:
    """It was recommended by the figures of calls back to back: 20 us where nobody knew of the wake-ups."""
    row = _row(advise(table(ADAPTIVE[0]), 100, 1, 0), "ring")
    assert not row.measured
    assert row.caveat == "parks in waits this long, which was not measured"
    assert recommended(advise(table(ADAPTIVE[0]), 100, 1, 0)) is None
    awake = _row(advise(table(ADAPTIVE[0]), 100, 40_000, 0), "ring")
    assert (awake.figures_of, _p50(awake), awake.caveat) == ("ring", 20, "")
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


def test_a_spinning_contender_burns_a_core_on_the_server_and_the_handlers_time_on_the_client() -> None:
    frame = table(cells("ring", {100: (10.0, 10.0, 10.0)}, wait="spin", client_cpu=10, server_cpu=10))
    row = _row(advise(frame, 100, 100, 490), "ring")
    assert row.server_cores == 1
    assert row.client_cores == pytest.approx(100 * 500e-6)
    assert "never sleeps" in row.caveat


def test_within_one_process_there_is_no_ipc_and_no_server() -> None:
    frame = table(cells("direct", TWO_SIZES, server_cpu=None), cells("a", {100: (20.0,) * 3}))
    rows = advise(frame, 100, 1, 80)
    row = _row(rows, "direct")
    assert row.in_process
    assert row.ipc_share == Estimate(0)
    assert row.server_cores is None
    assert row.cores == row.client_cores
    best = recommended(rows)
    assert best is not None
    assert best.contender == "a"
    assert [each.contender for each in break_even(frame, 100)] == ["a"]


def test_contenders_are_told_apart_by_ratios_within_repeats() -> None:
    # The machine is ten times slower in repeat 1, for all alike: the intervals overlap, the ratios don't.
    frame = table(
        cells("a", {100: (1.0, 10.0, 1.0)}),
        cells("twice", {100: (2.0, 20.0, 2.2)}),
        cells("alike", {100: (1.1, 9.0, 1.3)}),
    )
    rows = advise(frame, 100, 1, 0)
    assert {row.contender: row.told_apart for row in rows} == {"a": None, "alike": False, "twice": True}


def test_from_too_few_repeats_there_is_no_interval_and_nothing_is_told_apart() -> None:
    rows = advise(table(cells("a", {100: (1.0, 2.0)}), cells("b", {100: (8.0, 9.0)})), 100, 1, 0)
    assert _row(rows, "a").ipc_p50_us == Estimate(1.5)
    assert _row(rows, "b").told_apart is None


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


def test_only_calls_back_to_back_of_one_client_are_taken_and_the_harness_floor_is_no_contender() -> None:
    frame = table(
        cells("a", {100: (10.0,) * 3}),
        cells("noop", {100: (0.1,) * 3}),
        cells("a", {100: (99.0,) * 3, 200: (99.0,) * 3}, scenario="s/clients", clients="4"),
        cells("a", {100: (99.0,) * 3, 200: (99.0,) * 3}, scenario="s/load", load="1000/s"),
        cells("a", {100: (99.0,) * 3}, scenario="s/again"),
        cells("a", {100: (99.0,) * 3}, lane="bytes"),
    )
    (row,) = advise(frame, 100, 1, 0)
    assert _p50(row) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((100, 1, 0, "jsn"), "lane 'jsn' is not in this run; allowed: native"),
        ((0, 1, 0), "payload_bytes is 0; allowed: more than 0"),
        ((100, 0, 0), "rate is 0; allowed: more than 0"),
        ((100, 1, -1), "handler_us is -1; allowed: 0 or more"),
        ((100, float("nan"), 0), "rate is nan"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_with_what_can(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(AdviceError, match=message):
        advise(table(cells("a", TWO_SIZES)), *arguments)  # type: ignore[arg-type]


def test_a_share_that_is_none_is_refused() -> None:
    with pytest.raises(AdviceError, match="share is 1; allowed"):
        break_even(table(cells("a", TWO_SIZES)), 100, share=1)


def test_noise_is_counted_over_the_measurements_behind_a_figure() -> None:
    rows = cells("a", TWO_SIZES)
    rows[0]["noise_flags"] = "steal"
    rows[3]["noise_flags"] = "load;steal"
    curves = Curves(table(rows), "native")
    assert curves.noise("a", 1000) == (2, 6)
    assert curves.noise("a", 100) == (1, 3)
    assert curves.noise("a", 1) == (0, 0)


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


def test_sizes_that_are_held_back_are_answered_within_a_quarter_or_their_interval_or_not_at_all() -> None:
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
                    assert is_honest(told, measured), answered[-1]
    assert len(answered) > 60


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
            if row.clients is not None and row.clients > 1 and curves.together(row.contender, row.clients, 100) is None:
                busy = [curves.at(row.contender, f"{each}_cpu_us_per_call", 100) for each in ("client", "server")]
                assert rate * sum(side.value for side in busy if side) / 1e6 <= curves.cpus, (row.contender, rate)
    assert intervals > 400


def test_a_run_says_how_many_cores_there_are() -> None:
    run = store.Run(REFERENCE)
    whole = Curves(figures.frame(run.rows()), "native", len(run.environment()["cpus_usable"]))
    question = Question(20_000, 500, 300)
    assert answer(curves_of(run, "native"), question) == answer(whole, question)
    assert cpus(run) == whole.cpus


def test_a_run_without_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdviceError, match="has no finished cell"):
        curves_of(store.Run(tmp_path), "native")


def test_the_table_is_not_changed_by_being_asked() -> None:
    frame = table(*ADAPTIVE)
    before = frame.copy()
    advise(frame, 100, 1, 0)
    pd.testing.assert_frame_equal(frame, before)
