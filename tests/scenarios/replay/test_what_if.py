"""What splitting would be to the program follows from its figures by rules that can be computed by hand."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from scenarios.replay import figures, what_if
from scenarios.replay.figures import Cost, Estimate
from scenarios.replay.tasks import Compared, Kept, Timed
from scenarios.replay.what_if import CHEAP, IF, IMPOSSIBLE, NOT_WORTH_IT, UNKNOWN, Today

NAN = math.nan


def today(**other: Any) -> Today:
    """1,000 calls of 1 ms, a second of ten, all of it computing."""
    made = Today("shop:quote", "function", 1000, 1.0, 10.0, 1000.0, 1.0, 0, 0, NAN)
    return dataclasses.replace(made, **other)


def cost(mean_us: float, **other: Any) -> Cost:
    made = Cost(
        function="shop:quote",
        contender="mp-pipe",
        carrier="json, lane json",
        rounds=6,
        calls=3000,
        p50_us=Estimate(mean_us),
        added_us=Estimate(mean_us),
        added_mean_us=Estimate(mean_us),
        client_cpu_us=mean_us / 2,
        server_cpu_us=mean_us / 2,
        per_call_us=mean_us,
        per_byte_ns=NAN,
        bytes_per_call=100.0,
        compared=Compared(1, 0, 0),
    )
    return dataclasses.replace(made, **other)


def test_a_cost_is_added_to_every_call() -> None:
    found = what_if.split(today(), cost(40.0))
    assert found.added_seconds == pytest.approx(0.04)
    assert found.of_program == pytest.approx(0.004)
    assert found.of_own == pytest.approx(0.04)
    assert found.leaves_cpu_seconds == pytest.approx(1.0 - 0.02)


@pytest.mark.parametrize(
    ("mean_us", "word"), [(40.0, CHEAP), (60.0, IF), (999.0, IF), (1001.0, NOT_WORTH_IT), (-5.0, CHEAP)]
)
def test_the_verdict_is_by_the_functions_own_time(mean_us: float, word: str) -> None:
    found = what_if.verdict(today(), [what_if.split(today(), cost(mean_us))], "", (0, 0), "")
    assert (found.word, found.contender) == (word, "mp-pipe")


def test_the_cheapest_decides_and_one_that_stays_in_the_process_does_not() -> None:
    costs = [cost(40.0), cost(2000.0, contender="grpc-uds"), cost(1.0, contender="thread-pool", server_cpu_us=NAN)]
    found = what_if.verdict(today(), [what_if.split(today(), each) for each in costs], "", (0, 0), "")
    assert found.contender == "mp-pipe"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (30.0, 45.0, ""),
        (30.0, 45.001, ""),
        (30.0, 60.0, "(3% to 6%, so it may be 'worth it only if')"),
        (-20.0, 1200.0, "(-2% to 120%, so it may be 'not worth it')"),
        (NAN, NAN, ""),
    ],
)
def test_a_verdict_says_where_its_interval_has_another(low: float, high: float, said: str) -> None:
    uncertain = cost(40.0, added_mean_us=Estimate(40.0, low, high))
    found = what_if.verdict(today(), [what_if.split(today(), uncertain)], "", (0, 0), "")
    assert found.word == CHEAP
    assert found.why == f"mp-pipe adds 4% of its own time{said and ' ' + said}"


@pytest.mark.parametrize(
    ("refused", "mutated", "why_not", "word", "why"),
    [
        ("a generator", (0, 0), "", IMPOSSIBLE, "a generator"),
        ("", (3, 40), "", IMPOSSIBLE, "3 of 40 calls that were looked at change their arguments in place"),
        ("", (0, 0), "nothing carries it: a lock", IMPOSSIBLE, "a lock"),
        ("", (0, 0), "none of its calls were kept", UNKNOWN, "none of its calls were kept"),
    ],
)
def test_what_cannot_be_split_says_why(
    refused: str, mutated: tuple[int, int], why_not: str, word: str, why: str
) -> None:
    found = what_if.verdict(today(), [], refused, mutated, why_not)
    assert found.word == word
    assert why in found.why


def test_a_batch_saves_the_part_per_call_and_not_the_part_per_byte() -> None:
    # 5% of 1 ms are 50 µs: 300 / k + 0.2 * 100 <= 50 from k = 10 on.
    assert what_if.batch(1000.0, cost(320.0, per_call_us=300.0, per_byte_ns=200.0)) == 10
    assert what_if.batch(1000.0, cost(50.0)) == 1
    assert what_if.batch(1000.0, cost(101.0)) == 3
    assert what_if.batch(1000.0, cost(320.0, per_call_us=100.0, per_byte_ns=2200.0)) == math.inf


def test_a_rate_is_cheap_below_5_percent_of_the_programs_time() -> None:
    found = what_if.split(today(), cost(500.0))
    assert found.cheap_per_s == pytest.approx(100.0)  # of 500 µs each: 50 ms of every second
    assert today().per_s == pytest.approx(100.0)


@pytest.mark.parametrize(
    ("mean_us", "other", "callers", "why"),
    [
        (
            500.0,
            {},
            1,
            "mp-pipe adds 50% of its own time: under 5% in batches of 10; "
            "under 5% of the program's time below 100 calls/s (now 1,000)",
        ),
        (
            60.0,
            {"per_byte_ns": 1000.0, "per_call_us": 1.0},
            1,
            "mp-pipe adds 6% of its own time: no batch is enough, its bytes alone cost more than that; "
            "under 5% of the program's time below 833 calls/s (now 1,000)",
        ),
        (
            2000.0,
            {},
            2,
            "mp-pipe adds 200% of its own time; under 5% in batches of 40; "
            "under 5% of the program's time below 25 calls/s (now 1,000)",
        ),
    ],
)
def test_what_is_not_cheap_says_which_batch_or_rate_would_be(
    mean_us: float, other: dict[str, Any], callers: int, why: str
) -> None:
    busy = today(program_seconds=1.0)
    found = what_if.verdict(busy, [what_if.split(busy, cost(mean_us, **other), callers)], "", (0, 0), "")
    assert found.why == why


def test_a_function_that_is_called_seldom_says_its_part_of_the_program_and_what_more_is_had_of_it() -> None:
    seldom = today(program_seconds=1.25)
    found = what_if.verdict(seldom, [what_if.split(seldom, cost(60.0, **FREE), 4, 4)], "", (0, 0), "")
    assert found.why == (
        "mp-pipe adds 6% of its own time: under 5% in batches of 2; 4.8% of the program's time at 800 calls/s; "
        "at most 3.82 times as much done"
    )


def bound(function: Today, added_us: float, callers: int, workers: int, **other: Any) -> float:
    return what_if.split(function, cost(added_us, **other), callers, workers).at_most


FREE = {"client_cpu_us": 0.0, "server_cpu_us": 0.0}


def test_the_bound_is_the_least_of_callers_main_process_and_workers() -> None:
    half = today(seconds=5.0, cpu_seconds=5.0)
    assert bound(half, 0.0, 1, 2, **FREE) == pytest.approx(1.0)  # one caller waits for each call
    assert bound(half, 0.0, 8, 1, **FREE) == pytest.approx(2.0)  # Amdahl: half is left
    assert bound(half, 0.0, 8, 8, **FREE) == pytest.approx(2.0)
    most = today(seconds=8.0, cpu_seconds=8.0)
    assert bound(most, 0.0, 8, 2, **FREE) == pytest.approx(2.5)  # 10 s by 8 s of 2 workers
    assert bound(half, 1000.0, 1, 2, **FREE) == pytest.approx(10 / 11)


def test_a_program_that_waits_has_more_to_gain_than_one_that_computes() -> None:
    waiting = today(program_cpu_seconds=5.0)
    assert bound(waiting, 0.0, 8, 8, **FREE) == pytest.approx(10 / (5 - 1))
    assert bound(today(program_cpu_seconds=30.0), 0.0, 8, 8, **FREE) == pytest.approx(10 / (10 - 1)), "of 3 processes"
    assert what_if.verdict(waiting, [what_if.split(waiting, cost(60.0), 1, 2)], "", (0, 0), "").why.endswith("calls/s")


def test_a_program_without_a_known_cpu_time_is_taken_by_its_time() -> None:
    unknown = today(cpu_seconds=NAN)
    assert math.isnan(what_if.split(unknown, cost(1.0)).leaves_cpu_seconds)
    assert bound(unknown, 0.0, 4, 4, **FREE) == pytest.approx(10 / 9)


def test_the_bound_of_the_program_is_that_of_all_its_functions_together() -> None:
    one, other = today(seconds=4.0, cpu_seconds=4.0), today(function="shop:report", seconds=4.0, cpu_seconds=NAN)
    busy = cost(0.0, client_cpu_us=500.0, server_cpu_us=1000.0)

    def of_program(callers: int, workers: int, *functions: Today, added_us: float = 0.0) -> float:
        each = dataclasses.replace(busy, added_mean_us=Estimate(added_us))
        lines = [(now, [what_if.split(now, each, callers, workers)]) for now in functions]
        (found,) = what_if.programs(lines, callers, workers)
        return found.at_most

    assert math.isnan(of_program(1, 1, one, other))
    assert of_program(8, 8, one, other) == pytest.approx(10 / (10 - 8 + 2 * 0.5))  # what is left, and calling
    assert of_program(8, 2, one, other) == pytest.approx(2 * 10 / (8 + 2 * 1.0))  # what is answered, and answering
    assert of_program(1, 8, one, other, added_us=500.0) == pytest.approx(10 / 11)
    assert of_program(8, 1, one) == what_if.split(one, busy, 8, 1).at_most, "of one function that is its own"
    whole = today(seconds=10.0, cpu_seconds=10.0)
    assert of_program(8, 8, whole, whole) == pytest.approx(8 * 10 / (10 + 2 * 1.0)), "no more than all of it leaves"


def timed(*passes: list[float], cpu_us: float = 0.0, server_us: float | None = 0.0) -> Timed:
    """Latencies in µs."""
    made = np.array(passes) * 1000
    calls = made.size
    server = None if server_us is None else round(server_us * 1000 * calls)
    return Timed(
        made.astype(np.int64).tobytes(), len(passes), Compared(calls, 0, 0), round(cpu_us * 1000 * calls), server
    )


def test_a_cost_is_the_difference_from_direct_in_the_same_round() -> None:
    rounds = {number: timed([50.0 + number, 52.0 + number], cpu_us=9, server_us=7) for number in range(5)}
    direct = {number: timed([1.0 + number, 1.0 + number], server_us=None) for number in range(5)}
    found = figures.cost(("shop:quote", "mp-pipe"), "json", rounds, direct, [10, 30])
    assert found.added_us.value == pytest.approx(50.0)
    assert (found.added_us.low, found.added_us.high) == pytest.approx((50.0, 50.0))
    assert found.p50_us.value == pytest.approx(53.0)
    assert (found.client_cpu_us, found.server_cpu_us) == pytest.approx((9.0, 7.0))
    assert (found.calls, found.rounds, found.bytes_per_call) == (10, 5, 20.0)
    assert found.compared.equal == 10


def test_the_line_finds_what_a_call_and_a_byte_cost() -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(100, 10_000, 300).astype(float)
    costs = 40 + 0.003 * sizes + rng.exponential(1.0, 300)
    costs[:20] += 5000  # a few that were disturbed
    per_call, per_byte = figures.line(sizes, costs)
    assert per_call == pytest.approx(40.7, abs=1.0)
    assert per_byte == pytest.approx(3.0, rel=0.1)


def test_there_is_no_line_where_what_a_byte_costs_is_lost_in_the_noise() -> None:
    """Else its slope would say that no batch is ever large enough."""
    rng = np.random.default_rng(2)
    sizes = rng.integers(10, 100, 300).astype(float)
    per_call, per_byte = figures.line(sizes, 40 + rng.normal(0, 10.0, 300))
    assert per_call == pytest.approx(40, abs=2)
    assert math.isnan(per_byte)


@pytest.mark.parametrize("sizes", [[100.0] * 300, [100.0, 10_000.0], []])
def test_there_is_no_line_through_sizes_that_hardly_differ_or_few_calls(sizes: list[float]) -> None:
    costs = np.array([5.0] * len(sizes) or [5.0])
    per_call, per_byte = figures.line(np.array(sizes), costs)
    assert per_call == 5.0
    assert math.isnan(per_byte)


def test_the_rhythm_counts_late_calls_for_each_function_and_all() -> None:
    took, late = np.array([10, 20, 30], np.int64) * 1000, np.array([0, 2_000_000, 5_000], np.int64)
    numbers, cpu = np.array([0, 1, 1], np.int64), np.array([7, 8, 10], np.int64) * 1000
    kept = Kept(*(each.tobytes() for each in (took, late, numbers, cpu)), bytes(3), 2, 3000, None, unmade=4)
    whole, one, other = figures.in_rhythm("mp-pipe", kept, ["a", "b"])
    assert (whole.function, whole.calls, whole.late, whole.unmade, whole.callers) == ("", 3, 1, 4, 2)
    assert whole.latest_us == pytest.approx(2000.0)
    assert (one.function, one.late, other.function, other.p50_us) == ("a", 0, "b", pytest.approx(25.0))
    assert (whole.client_cpu_us, other.client_cpu_us) == (pytest.approx(1.0), pytest.approx(9.0))
    assert (other.due_p50_us, whole.due_p50_us) == (pytest.approx(1027.5), pytest.approx(35.0))
    assert math.isnan(whole.p99_us)
    assert math.isnan(whole.server_cpu_us)


def test_calls_that_were_made_in_turn_by_the_client_itself_are_apart_from_the_others() -> None:
    took, numbers = np.array([10, 40, 20, 60], np.int64) * 1000, np.zeros(4, np.int64)
    cpu = np.array([9, 4, 19, 6], np.int64) * 1000
    late = np.array([0, 0, 2_000_000, 0], np.int64)
    kept = Kept(*(each.tobytes() for each in (took, late, numbers, cpu)), bytes([1, 0, 1, 0]), 1, 99_000, (10_000,))
    whole, one = figures.in_rhythm("shm", kept, ["a"], ["a"])
    assert (one.calls, one.p50_us, one.mean_us, one.own_p50_us, one.own_cpu_us) == (2, 50.0, 50.0, 15.0, 14.0)
    assert (whole.late, whole.client_cpu_us, whole.server_cpu_us) == (0, 5.0, 5.0)


def test_functions_that_have_a_server_each_have_its_cpu_time() -> None:
    took, numbers = np.array([10, 20, 30], np.int64) * 1000, np.array([0, 1, 1], np.int64)
    kept = Kept(took.tobytes(), took.tobytes(), numbers.tobytes(), took.tobytes(), bytes(3), 1, 3000, (4000, 10_000))
    twice = kept.and_also(kept)
    whole, one, other = figures.in_rhythm("shm", twice, ["b", "a"], ["b", "a"])
    assert (one.function, one.server_cpu_us, other.server_cpu_us) == ("a", 5.0, 4.0)
    assert whole.server_cpu_us == pytest.approx(14 / 3)


def test_the_program_is_all_of_its_functions_split_by_contender() -> None:
    one, other = today(), today(function="shop:report", calls=10, cpu_seconds=NAN)
    lines = [
        (one, [what_if.split(one, cost(us, contender=name)) for name, us in (("shm", 10.0), ("pipe", 30.0))]),
        (other, [what_if.split(other, cost(1000.0, contender="shm"))]),
    ]
    first, second = what_if.programs(lines)
    assert (first.contender, first.functions, first.calls) == ("shm", 2, 1010)
    assert (first.today_seconds, first.split_seconds) == (10.0, pytest.approx(10.0 + 0.01 + 0.01))
    assert math.isnan(first.leaves_cpu_seconds)
    assert (second.contender, second.functions, second.added_seconds) == ("pipe", 1, pytest.approx(0.03))


def test_what_a_function_computes_inside_another_is_counted_once() -> None:
    """A request of 4 s, of which 3 s are its quotes: behind another process they are the program's no more, once."""
    outer = today(function="shop:request", seconds=4.0, cpu_seconds=4.0)
    inner = today(seconds=3.0, cpu_seconds=3.0, inside={frozenset({"shop:request"}): 1.0})

    def together(*functions: Today) -> Any:
        lines = [(now, [what_if.split(now, cost(0.0, **FREE), 8, 8)]) for now in functions]
        (found,) = what_if.programs(lines, 8, 8)
        return found.at_most, found.leaves_cpu_seconds

    assert together(outer, inner) == pytest.approx((10 / (10 - 4), 4.0))
    assert together(outer) == pytest.approx((10 / (10 - 4), 4.0))
    assert together(inner) == pytest.approx((10 / (10 - 3), 3.0)), "whose request stays"


def test_one_caller_and_one_worker_have_no_bound() -> None:
    assert math.isnan(what_if.split(today(), cost(10.0)).at_most)
    assert what_if.split(today(cpu_seconds=5.0), cost(10.0), callers=2).at_most > 1
