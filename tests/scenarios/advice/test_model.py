"""The decision model on tables small enough to compute by hand: what a figure is, and where there is none."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from scenarios.advice.choice import recommended
from scenarios.advice.curves import AdviceError, Curves, Estimate, cpus, curves_of
from scenarios.advice.model import answer
from scenarios.advice.question import Advice, Question
from scenarios.records import store
from scenarios.statistics import figures
from tests.scenarios.advice.asked import ADAPTIVE, REFERENCE, advise, break_even, p50_of, row_of
from tests.scenarios.tables import cells, table

TWO_SIZES = {100: (10.0, 10.0, 10.0), 10_000: (1000.0, 1000.0, 1000.0)}


def test_between_two_measured_payloads_a_figure_lies_on_the_line_of_a_constant_and_a_part_per_byte() -> None:
    row = row_of(advise(table(cells("a", TWO_SIZES)), 1000, 1, 0), "a")
    assert p50_of(row) == pytest.approx(100)
    assert row.basis == (100, 10_000)


def test_at_a_measured_payload_it_is_the_median_of_the_repeats_with_their_interval() -> None:
    row = row_of(advise(table(cells("a", {100: (1.0, 5.0, 3.0)})), 100, 1, 0), "a")
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
    row = row_of(rows, "a")
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
    assert row_of(advise(frame, 100, 1, 0), "a").p99_us == 30
    assert row_of(advise(frame, 1000, 1, 0), "a").p99_us is None
    assert row_of(advise(frame, 10_000, 1, 0), "a").p99_us is None


def test_cores_are_the_rate_times_the_cpu_time_of_a_call() -> None:
    row = row_of(advise(table(cells("a", TWO_SIZES, client_cpu=20, server_cpu=30)), 1000, 5000, 0), "a")
    assert row.client_cores == pytest.approx(0.1)
    assert row.server_cores == pytest.approx(0.15)
    assert row.cores == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("rate", "clients"), [(1, 1), (2000, 1), (2001, 2), (4000, 2), (4001, 3), (10_000, 5), (10_001, None)]
)
def test_one_client_gets_one_call_after_the_other_and_the_server_runs_one_handler(
    rate: float, clients: int | None
) -> None:
    frame = table(cells("a", {100: (390.0, 390.0, 390.0)}, mean=400, server_cpu=0))
    row = row_of(advise(frame, 100, rate, 100), "a")
    assert row.most_calls_per_s is not None
    assert row.most_calls_per_s.value == pytest.approx(2000)
    assert (row.clients, row.gives) == (clients, clients == 1)
    assert row.utilization == pytest.approx(rate / 2000)


@pytest.mark.parametrize(("rate", "clients"), [(8000, 4), (8001, None)])
def test_the_server_takes_its_own_time_for_each_call_beside_the_handlers(rate: float, clients: int | None) -> None:
    """Two clients were said to get 20,000 calls/s of 50 us each where the server alone would have burned 1.1 cores."""
    frame = table(cells("a", {100: (390.0, 390.0, 390.0)}, mean=400, server_cpu=25))
    assert row_of(advise(frame, 100, rate, 100), "a").clients == clients


@pytest.mark.parametrize(
    ("rate", "handler_us", "limit"), [(1e6, 0, None), (2500, 400, None), (2501, 400, 2500), (30_000, 100, 10_000)]
)
def test_a_server_is_limited_by_its_handlers_time_alone(rate: float, handler_us: float, limit: float | None) -> None:
    assert Question(100, rate, handler_us).server_limit == limit


def test_a_spinning_contender_burns_a_core_on_the_server_and_the_handlers_time_on_the_client() -> None:
    frame = table(cells("ring", {100: (10.0, 10.0, 10.0)}, wait="spin", client_cpu=10, server_cpu=10))
    row = row_of(advise(frame, 100, 100, 490), "ring")
    assert row.server_cores == 1
    assert row.client_cores == pytest.approx(100 * 500e-6)
    assert "never sleeps" in row.caveat


def test_within_one_process_there_is_no_ipc_and_no_server() -> None:
    frame = table(cells("direct", TWO_SIZES, server_cpu=None), cells("a", {100: (20.0,) * 3}))
    rows = advise(frame, 100, 1, 80)
    row = row_of(rows, "direct")
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
    assert row_of(rows, "a").ipc_p50_us == Estimate(1.5)
    assert row_of(rows, "b").told_apart is None


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
    assert p50_of(row) == 10


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
