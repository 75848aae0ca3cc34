"""The timed loops: closed and open, each once for callers that block and once for callers that are awaited.

This is all that stands between two calls, so it is short, and what it does is deliberate. Every call has two
stamps of ``time.perf_counter_ns``, just before and just after. They are CLOCK_MONOTONIC, one clock for all
processes of the machine: several clients' stamps can be laid side by side.

*Closed*: one call at a time, the next as soon as the last answer is checked.

*Closed, several in flight*: so many calls are begun, then the oldest one's answer is taken and checked and another call
begun. A call takes from just before it was begun to just after its answer was taken, which is its turn: answers are
taken in the order of the calls, as the stamps are. At the end those under way are taken, too.

*Open*: a schedule made beforehand says when each call is meant to be sent. A call that falls due while the caller
is busy waits in a queue and counts its latency from the moment it was meant to be sent, so a server that stops for
100 ms is charged with every call it kept waiting, not with one (no coordinated omission; G. Tene, wrk2). A queue
that is full refuses the new call: it was skipped, and is counted. One caller has one call on the way at a time.

*Waiting for the clock* must be neither late nor falsify the CPU time per call. The dispatcher sleeps until
:data:`SPIN_NS` before the call is due and spins through the rest, and reads its own thread's CPU clock before and
after: what it spent waiting is known exactly, is taken off the client's CPU time, and so is one voluntary
switch per sleep. A caller that is on time is thereby a running one, as a program is that has just decided to
call: waking the caller is no part of the call, waking the server is. How late calls were sent
although the caller was free is the dispatcher's own fault and published (`lateness_*`). A load that is `asleep` has the
other caller: it sleeps to the end, its core with it, and its call begins when it has woken.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from itertools import cycle
from typing import Any

from contenders.objects import Order, same_arrays, same_types
from scenarios.measuring.dispatcher import Dispatcher

SPIN_NS = 200_000
"""A sleep ends late: by 105 µs (median) and 161 µs (p99) on a virtual machine of 2 cores, of which 50 µs are the
kernel's timer slack. Longer than that, so that nearly every call is on time."""
COARSE_NS = 1_500_000
"""The same for an event loop, whose sleep counts in whole ms (``epoll_wait``). From here to :data:`SPIN_NS` it turns
without sleeping, so that whatever else lives in the loop goes on living."""


class WrongAnswer(Exception):
    """A call returned something else than the service does."""


class Work:
    """What is called: a method, payloads in turn, and the answers they must have."""

    def __init__(self, method: str, payloads: list[Any], answers: list[Any]) -> None:
        self.method, self.payloads, self.answers = method, payloads, answers


class Record:
    """What the loops write: preallocated, so that storing a stamp allocates nothing that stays. Times in ns."""

    def __init__(self, most: int) -> None:
        self.start = array("q", bytes(8 * most))  # filled with zeros, its pages are there already
        self.end = array("q", bytes(8 * most))
        self.made = 0
        self.waiting_cpu_ns = 0
        """CPU time spent waiting for the clock, ..."""
        self.sleeps = 0
        """... and the sleeps in it."""
        self.due = array("q")
        """Open loop: when calls are meant to be sent, ascending; afterwards those calls that were made."""
        self.free = bytearray()
        """Open loop: whether the caller was free then, so that any delay is the dispatcher's."""
        self.skipped = 0
        self.ticks_late = array("q")
        """An event loop with several calls in flight: how late each tick beside them was."""
        self.asleep = False
        """Open loop: whether the caller sleeps until it calls; else it spins through the last :data:`SPIN_NS`."""

    @classmethod
    def of_schedule(cls, due: array[int]) -> Record:
        """For an open loop over `due`."""
        record = cls(len(due))
        record.due, record.free = due, bytearray(len(due))
        return record

    def resident_mib(self) -> float:
        """The memory the stamps take."""
        return (8 * (len(self.start) + len(self.end) + len(self.due)) + len(self.free)) / 2**20


def closed(call: Callable[[str, Any], Any], work: Work, record: Record, limit_ns: int, fewest: int) -> None:
    """Call until `record` is full, or `limit_ns` have passed and `fewest` calls been made.

    Raises :class:`WrongAnswer`.
    """
    # Local names: each costs an array access instead of a dictionary lookup between the two stamps.
    clock, method, starts, ends = time.perf_counter_ns, work.method, record.start, record.end
    deadline = clock() + limit_ns
    # zip over ready-made pairs: no indexing and no arithmetic on the way to the next call, and no list of
    # results that would hold every answer alive and make each call pay for fresh memory a real caller would
    # reuse.
    for i, payload, answer in zip(range(len(starts)), cycle(work.payloads), cycle(work.answers)):
        start = clock()
        result = call(method, payload)
        end = clock()
        starts[i], ends[i] = start, end
        if not same(result, answer):
            raise WrongAnswer(difference(i, result, answer))
        # Freed here, not by the next assignment: that one is between the stamps.
        del result
        if end > deadline and i + 1 >= fewest:
            break
    record.made = i + 1


async def closed_async(
    call: Callable[[str, Any], Awaitable[Any]], work: Work, record: Record, limit_ns: int, fewest: int
) -> None:
    """As :func:`closed`, awaiting each call inside the running event loop."""
    clock, method, starts, ends = time.perf_counter_ns, work.method, record.start, record.end
    deadline = clock() + limit_ns
    for i, payload, answer in zip(range(len(starts)), cycle(work.payloads), cycle(work.answers)):
        start = clock()
        result = await call(method, payload)
        end = clock()
        starts[i], ends[i] = start, end
        if not same(result, answer):
            raise WrongAnswer(difference(i, result, answer))
        del result
        if end > deadline and i + 1 >= fewest:
            break
    record.made = i + 1


def closed_in_flight(
    begin: Callable[[str, Any], Callable[[], Any]],
    work: Work,
    record: Record,
    limit_ns: int,
    fewest: int,
    in_flight: int,
) -> None:
    """As :func:`closed`, with so many calls under way at once; `begin` is :meth:`contenders.interface.Caller.begin`."""
    clock, method, starts, ends = time.perf_counter_ns, work.method, record.start, record.end
    deadline, most = clock() + limit_ns, len(record.start)
    turns, under_way = zip(cycle(work.payloads), cycle(work.answers)), deque[tuple[Callable[[], Any], Any]]()
    begun = made = 0
    while True:
        while begun < most and len(under_way) < in_flight:
            payload, answer = next(turns)
            starts[begun] = clock()
            under_way.append((begin(method, payload), answer))
            begun += 1
        if not under_way:
            break
        take, answer = under_way.popleft()
        result = take()
        end = clock()
        ends[made] = end
        if not same(result, answer):
            raise WrongAnswer(difference(made, result, answer))
        del result, take
        made += 1
        if end > deadline and begun >= fewest:
            most = begun
    record.made = made


async def closed_in_flight_async(
    begin: Callable[[str, Any], Awaitable[Any]],
    work: Work,
    record: Record,
    limit_ns: int,
    fewest: int,
    in_flight: int,
) -> None:
    """As :func:`closed_in_flight`, awaiting each result inside the running event loop."""
    clock, method, starts, ends = time.perf_counter_ns, work.method, record.start, record.end
    deadline, most = clock() + limit_ns, len(record.start)
    turns, under_way = zip(cycle(work.payloads), cycle(work.answers)), deque[tuple[Awaitable[Any], Any]]()
    begun = made = 0
    try:
        while True:
            while begun < most and len(under_way) < in_flight:
                payload, answer = next(turns)
                starts[begun] = clock()
                under_way.append((begin(method, payload), answer))
                begun += 1
            if not under_way:
                break
            reply, answer = under_way.popleft()
            result = await reply
            end = clock()
            ends[made] = end
            if not same(result, answer):
                raise WrongAnswer(difference(made, result, answer))
            del result, reply
            made += 1
            if end > deadline and begun >= fewest:
                most = begun
    finally:
        for reply, _ in under_way:  # none, unless a call has failed: nobody will await these
            if isinstance(reply, Coroutine):
                reply.close()
    record.made = made


def open_loop(call: Callable[[str, Any], Any], work: Work, record: Record, backlog: int) -> None:
    """Send a call at every moment of `record.due`, or as soon after as the caller is free.

    At most `backlog` calls wait at a time. Raises :class:`WrongAnswer`.
    """
    clock, method = time.perf_counter_ns, work.method
    wait = sleep_until if record.asleep else wait_until
    dispatcher, turns, i = Dispatcher(record.due[:], backlog), zip(cycle(work.payloads), cycle(work.answers)), 0
    while (turn := dispatcher.next(clock())) is not None:
        payload, answer = next(turns)
        moment, free = turn
        if free:
            wait(moment, record)
        start = clock()
        result = call(method, payload)
        end = clock()
        record.due[i], record.start[i], record.end[i], record.free[i] = moment, start, end, free
        if not same(result, answer):
            raise WrongAnswer(difference(i, result, answer))
        del result
        i += 1
    record.made, record.skipped = i, dispatcher.skipped


async def open_loop_async(call: Callable[[str, Any], Awaitable[Any]], work: Work, record: Record, backlog: int) -> None:
    """As :func:`open_loop`, awaiting each call inside the running event loop."""
    clock, method = time.perf_counter_ns, work.method
    wait = sleep_until_async if record.asleep else wait_until_async
    dispatcher, turns, i = Dispatcher(record.due[:], backlog), zip(cycle(work.payloads), cycle(work.answers)), 0
    while (turn := dispatcher.next(clock())) is not None:
        payload, answer = next(turns)
        moment, free = turn
        if free:
            await wait(moment, record)
        start = clock()
        result = await call(method, payload)
        end = clock()
        record.due[i], record.start[i], record.end[i], record.free[i] = moment, start, end, free
        if not same(result, answer):
            raise WrongAnswer(difference(i, result, answer))
        del result
        i += 1
    record.made, record.skipped = i, dispatcher.skipped


def wait_until(moment: int, record: Record) -> None:
    """Return at `moment` of the clock, at once when it has passed; what the waiting cost goes into `record`."""
    clock, cpu = time.perf_counter_ns, time.thread_time_ns()
    left = moment - clock()
    if left > SPIN_NS:
        time.sleep((left - SPIN_NS) / 1e9)
        record.sleeps += 1
    while clock() < moment:
        pass
    record.waiting_cpu_ns += time.thread_time_ns() - cpu


async def wait_until_async(moment: int, record: Record) -> None:
    """As :func:`wait_until` without holding up the event loop for longer than :data:`SPIN_NS`."""
    clock, cpu = time.perf_counter_ns, time.thread_time_ns()
    left = moment - clock()
    if left > COARSE_NS:
        await asyncio.sleep((left - COARSE_NS) / 1e9)
        record.sleeps += 1
    while moment - clock() > SPIN_NS:
        await asyncio.sleep(0)
    while clock() < moment:
        pass
    record.waiting_cpu_ns += time.thread_time_ns() - cpu


def sleep_until(moment: int, record: Record) -> None:
    """Sleep until that moment, and return some time after it: as late as the system wakes a sleeper."""
    cpu = time.thread_time_ns()
    left = moment - time.perf_counter_ns()
    if left > 0:
        time.sleep(left / 1e9)
        record.sleeps += 1
    record.waiting_cpu_ns += time.thread_time_ns() - cpu


async def sleep_until_async(moment: int, record: Record) -> None:
    """As :func:`sleep_until`, in an event loop."""
    cpu = time.thread_time_ns()
    left = moment - time.perf_counter_ns()
    if left > 0:
        await asyncio.sleep(left / 1e9)
        record.sleeps += 1
    record.waiting_cpu_ns += time.thread_time_ns() - cpu


def same(result: Any, answer: Any) -> bool:
    """Whether a result is the answer; of an object, in the types of all that it holds, too, of an array, in its dtype.

    A view is copied first: comparing it in place takes ten times as long.
    """
    if hasattr(answer, "dtype"):
        return same_arrays(result, answer)
    equal = bool((bytes(result) if type(result) is memoryview else result) == answer)
    return equal and (type(answer) is not Order or same_types(result, answer))


def difference(i: int, result: object, answer: object) -> str:
    """What is wrong with call number `i`, in a line."""
    return f"timed call {i} (from 0): got {_short(result)}, not {_short(answer)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"
