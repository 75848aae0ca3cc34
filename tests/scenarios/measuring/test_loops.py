"""The timed loops: every call timed and checked, in a closed loop and in an open one, blocking and awaited alike."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import time
from array import array
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from contenders.objects import Order
from scenarios.measuring import loops
from scenarios.measuring.dispatcher import DRAIN_NS, Dispatcher
from scenarios.measuring.loops import Record, Work, WrongAnswer

LIMIT_NS = 10**10
MS = 1_000_000

Call = Callable[[str, Any], Any]


def _awaited(call: Call) -> Callable[[str, Any], Awaitable[Any]]:
    async def awaited(method: str, payload: Any) -> Any:
        await asyncio.sleep(0)
        return call(method, payload)

    return awaited


def _closed(call: Call, work: Work, record: Record, limit_ns: int = LIMIT_NS, fewest: int = 1) -> None:
    loops.closed(call, work, record, limit_ns, fewest)


def _closed_async(call: Call, work: Work, record: Record, limit_ns: int = LIMIT_NS, fewest: int = 1) -> None:
    asyncio.run(loops.closed_async(_awaited(call), work, record, limit_ns, fewest))


def _open(call: Call, work: Work, record: Record, backlog: int = 100) -> None:
    loops.open_loop(call, work, record, backlog)


def _open_async(call: Call, work: Work, record: Record, backlog: int = 100) -> None:
    asyncio.run(loops.open_loop_async(_awaited(call), work, record, backlog))


closed_loops = pytest.mark.parametrize("run", [_closed, _closed_async])
open_loops = pytest.mark.parametrize("run", [_open, _open_async])


def _echo(*values: str) -> Work:
    return Work("echo", list(values), list(values))


def _every_ms(count: int, gap_ms: int = 1) -> Record:
    now = time.perf_counter_ns()
    return Record.of_schedule(array("q", (now + number * gap_ms * MS for number in range(1, count + 1))))


@closed_loops
def test_every_call_has_its_stamps_and_payloads_come_in_turn(run: Callable[..., None]) -> None:
    seen: list[object] = []

    def call(method: str, payload: object) -> object:
        seen.append((method, payload))
        return payload

    record = Record(7)
    run(call, _echo("a", "b", "c"), record)
    assert record.made == 7
    assert seen == [("echo", each) for each in "abcabca"]
    stamps = [stamp for pair in zip(record.start, record.end, strict=True) for stamp in pair]
    assert stamps == sorted(stamps)


@closed_loops
def test_a_loop_out_of_time_makes_the_fewest_calls_and_ends(run: Callable[..., None]) -> None:
    record = Record(100)
    run(lambda _, payload: payload, _echo("a"), record, 0, 30)
    assert record.made == 30
    assert not any(record.end[30:])


@closed_loops
def test_an_answer_of_another_call_is_found(run: Callable[..., None]) -> None:
    answers = itertools.cycle("ba")
    with pytest.raises(WrongAnswer, match=r"timed call 0 \(from 0\): got 'b', not 'a'"):
        run(lambda *_: next(answers), _echo("a", "b"), Record(9))


class Window:
    """Calls that are begun and taken later: how many are under way, most of them at once, in which order."""

    def __init__(self, answer: Call = lambda _, payload: payload) -> None:
        self.under_way = self.most = 0
        self.begun: list[Any] = []
        self._answer = answer

    def begin(self, method: str, payload: Any) -> Callable[[], Any]:
        self.begun.append((method, payload))
        self.under_way += 1
        self.most = max(self.most, self.under_way)

        def take() -> Any:
            self.under_way -= 1
            return self._answer(method, payload)

        return take


def _in_flight(window: Window, work: Work, record: Record, count: int, limit_ns: int = LIMIT_NS, few: int = 1) -> None:
    loops.closed_in_flight(window.begin, work, record, limit_ns, few, count)


def _in_flight_async(
    window: Window, work: Work, record: Record, count: int, limit_ns: int = LIMIT_NS, few: int = 1
) -> None:
    def begin(method: str, payload: Any) -> Awaitable[Any]:
        take = window.begin(method, payload)

        async def taken() -> Any:
            await asyncio.sleep(0)
            return take()

        return taken()

    asyncio.run(loops.closed_in_flight_async(begin, work, record, limit_ns, few, count))


windows = pytest.mark.parametrize("run", [_in_flight, _in_flight_async])


@windows
@pytest.mark.parametrize(("count", "most"), [(1, 1), (3, 3), (7, 7), (64, 7)])
def test_so_many_calls_are_under_way_and_all_are_taken_in_their_order(
    run: Callable[..., None], count: int, most: int
) -> None:
    window, record = Window(), Record(7)
    run(window, _echo("a", "b", "c"), record, count)
    assert (window.most, window.under_way, record.made) == (most, 0, 7)
    assert window.begun == [("echo", each) for each in "abcabca"]
    for stamps in (record.start, record.end):
        assert list(stamps) == sorted(stamps)
        assert all(stamps)
    assert all(start < end for start, end in zip(record.start, record.end, strict=True))
    begun_before_the_first_was_taken = sum(start < record.end[0] for start in record.start)
    assert begun_before_the_first_was_taken == most


@windows
def test_what_is_under_way_when_the_time_is_over_is_taken_and_nothing_more_begun(run: Callable[..., None]) -> None:
    window, record = Window(), Record(100)
    run(window, _echo("a"), record, 4, 0, 30)
    assert (record.made, len(window.begun), window.under_way) == (30, 30, 0)
    assert not any(record.end[30:])


@windows
def test_an_answer_of_another_call_in_flight_is_found(run: Callable[..., None]) -> None:
    answers = iter("acb")
    with pytest.raises(WrongAnswer, match=r"timed call 1 \(from 0\): got 'c', not 'b'"):
        run(Window(lambda *_: next(answers)), _echo("a", "b", "c"), Record(3), 3)


@pytest.mark.parametrize(
    "changed",
    [{"number": 1.0}, {"number": True}, {"position": [1.0, 2.0]}, {"position": (1, 2.0)}, {"lines": [[1, (2.0,)]]}],
    ids=str,
)
def test_an_object_that_is_equal_and_not_of_the_same_types_is_no_answer(changed: dict[str, Any]) -> None:
    order = Order(1, datetime(2026, 1, 1), (1.0, 2.0), [[1, (2,)]], "note")
    assert loops.same(dataclasses.replace(order), order)
    assert not loops.same(dataclasses.replace(order, **changed), order)


@open_loops
def test_an_open_loop_finds_a_wrong_answer_too(run: Callable[..., None]) -> None:
    answers = itertools.cycle("aa")
    with pytest.raises(WrongAnswer, match=r"timed call 1 \(from 0\): got 'a', not 'b'"):
        run(lambda *_: next(answers), _echo("a", "b"), _every_ms(2))


@pytest.mark.parametrize("run", [_closed, _closed_async, _open, _open_async])
def test_results_are_freed_outside_of_the_timed_part_and_not_kept(run: Callable[..., None]) -> None:
    alive = 0
    most = 0

    class Result:
        def __init__(self) -> None:
            nonlocal alive, most
            alive += 1
            most = max(most, alive)

        def __eq__(self, other: object) -> bool:
            return True

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    record = _every_ms(20) if run in (_open, _open_async) else Record(20)
    run(lambda *_: Result(), _echo("a"), record)
    assert (record.made, most, alive) == (20, 1, 0)


@open_loops
def test_no_call_is_sent_before_its_moment(run: Callable[..., None]) -> None:
    record = _every_ms(10, gap_ms=3)
    due = list(record.due)
    run(lambda _, payload: payload, _echo("a", "b"), record)
    assert list(record.due) == due
    assert all(start >= moment for start, moment in zip(record.start, due, strict=True))
    assert record.sleeps > 0
    assert record.waiting_cpu_ns > 0


@open_loops
def test_calls_that_fell_due_during_a_slow_one_count_from_when_they_were_due(run: Callable[..., None]) -> None:
    """Take `moment` out of the queue's elements and stamp when sent instead: the second assertion fails."""
    slow = itertools.chain([30 * MS], itertools.repeat(0))

    def call(method: str, payload: object) -> object:
        until = time.perf_counter_ns() + next(slow)
        while time.perf_counter_ns() < until:
            pass
        return payload

    record = _every_ms(20)
    run(call, _echo("a"), record)
    late = [end - due for end, due in zip(record.end, record.due, strict=True)]
    assert record.made == 20
    assert all(latency > (29 - number) * MS for number, latency in enumerate(late)), "each waited for the slow one"
    assert not any(record.free[1:]), "and none of that was the dispatcher's fault"


def _dispatched(due: list[int], backlog: int, took: list[int]) -> tuple[list[tuple[int, int]], int]:
    """(due, sent) of each call with an imagined clock, where call number i takes `took[i]`; and the skipped."""
    dispatcher, now, sent = Dispatcher(array("q", due), backlog), 0, []
    while (turn := dispatcher.next(now)) is not None:
        now = max(now, turn[0])
        sent.append((turn[0], now))
        now += took[len(sent) - 1]
    return sent, dispatcher.skipped


def test_a_full_queue_refuses_the_new_call_and_keeps_the_old_ones() -> None:
    sent, skipped = _dispatched([0, 10, 20, 30, 40, 100], backlog=2, took=[50, 5, 5, 5])
    assert sent == [(0, 0), (10, 50), (20, 55), (100, 100)]
    assert skipped == 2, "those due at 30 and 40 found two waiting"


def test_a_queue_has_room_again_once_a_call_was_taken_from_it() -> None:
    sent, skipped = _dispatched([0, 10, 20, 55, 56], backlog=2, took=[50, 20, 1, 1, 1])
    assert [due for due, _ in sent] == [0, 10, 20, 55]
    assert skipped == 1, "at 55 one waited and at 56 two"


def test_a_queue_that_cannot_be_worked_off_is_given_up_and_counted() -> None:
    due = [0, 1, 2, 3]
    sent, skipped = _dispatched(due, backlog=9, took=[1, 2 * DRAIN_NS])
    assert [moment for moment, _ in sent] == [0, 1]
    assert skipped == 2


def test_every_offered_call_is_sent_or_skipped() -> None:
    due = sorted(number * 7919 % 1000 for number in range(500))
    sent, skipped = _dispatched(due, backlog=5, took=[5] * 500)
    assert len(sent) + skipped == 500
    assert skipped > 0
    assert all(at >= moment for moment, at in sent)
