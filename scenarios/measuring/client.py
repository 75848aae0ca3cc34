"""A client of one cell: runs in a fresh process, times the calls, checks every answer.

This module and :mod:`scenarios.measuring.loops` are all there is between a contender and its number, so what they do is
deliberate:

*What is timed.* A call from just before to just after, see :mod:`scenarios.measuring.loops`; round trip, never divided.
Connecting and the first call are the cold start and not among them.

*When it begins.* Once every client of the cell is connected and warm, and has said so, the runner names a moment of
the machine's clock, and all begin then.

*What is checked.* Every answer against the service's own, computed here, after the second stamp. Payloads
differ from call to call by a nonce, so an answer that came too late or twice is not the expected one. One
wrong answer and the cell has no number.

*Garbage collection.* On, here as in the server, so what a contender leaves behind is its own cost; the heap is
collected and frozen before the timed part, so what the harness holds is not (:mod:`contenders.garbage`).

*CPU per call.* Of this process and of the server's, from the operating system's CPU clocks (ns, all threads)
around the timed part. The client also checks answers in that time, which is the harness' work and for a large
document as dear as the call: what one check costs is measured afterwards, on real answers, with this thread's
CPU clock, and `calls` times that is taken off, as is what an open loop spends waiting for the clock. The rest of the
loop, about 1 µs per call (2 in an open loop), stays in; `noop` shows it.

Imports are few, because they are in the client's memory and start time: no numpy here.
"""

from __future__ import annotations

import dataclasses
import math
import os
import threading
import time
import traceback
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Any

from contenders import garbage
from contenders.interface import Contender
from contenders.process import ServerProcess
from contenders.service import BenchService
from contenders.worker import die_with_parent
from scenarios.common import quotas
from scenarios.measuring import drivers, noise, programs, usage
from scenarios.measuring.drivers import Driver
from scenarios.measuring.loops import Record, Work, WrongAnswer, same, wait_until
from scenarios.plan.circumstances import APART, WORN, Circumstances
from scenarios.plan.load import Load, schedule
from scenarios.plan.payloads import corpus, of_streams

WARMUP_SHARE = 0.25
"""Warm-up takes at most this share of the time the timed part may take, for contenders of milliseconds per
call."""
FEWEST_CALLS = 30
"""A closed loop that is out of time still makes so many calls, for a median to exist."""
BACKLOG_S = 1.0
"""An open loop's queue holds the calls of so many seconds; ..."""
FEWEST_BACKLOG = 100
"""... or so many calls, if that is more."""
OPEN_WARMUP_CALLS, OPEN_WARMUP_GAP_NS = 20, 300_000
"""An open loop's own code is warmed with so many calls at this distance, after the closed loop's warm-up."""
READING_NS = 1_500_000
"""So long before the moment to begin the readings before the timed part are taken, for clients that have a CPU each.
They cost 0.2 ms, and 20 µs per thread of the server; after a sleep that may end 0.2 ms late. Earlier, and a server
that spins would be charged for what it spun before there was anything to do."""
CHECK_CALIBRATION_NS = 20_000_000
"""CPU time spent on learning what a check costs: 20 ms, against which the clock's own cost is nothing."""

READY = "ready"
"""What a client says when it is connected and warm; the answer is the moment to begin, in ns of the clock."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What a client process is told."""

    contender: Contender
    method: str
    payload: str
    payload_bytes: int
    seed: int
    repeat: int
    calls: int
    """Most timed calls of this client."""
    warmup_calls: int
    seconds: float
    load: Load
    client: int
    """Its number among the clients of the cell."""
    clients: int
    circumstances: Circumstances = dataclasses.field(default_factory=Circumstances)


@dataclasses.dataclass(frozen=True)
class Server:
    """Where the server is, once it is ready."""

    address: str
    pid: int


@dataclasses.dataclass(frozen=True)
class ClientResult:
    """What one client process found. Times in ns; arrays are signed 64-bit integers of this machine's byte order,
    one per call, in order.
    """

    begin_ns: int
    """When the client was to begin."""
    start_ns: bytes
    end_ns: bytes
    due_ns: bytes
    """Open loop: when each call was meant to be sent. Empty for a closed loop."""
    free: bytes
    """Open loop, one byte per call: whether the caller was free when it was due."""
    skipped: int
    cold_start_ns: int
    """Connecting and the first call, imports already done."""
    check_ns: float
    """What checking one answer costs."""
    client: usage.Usage
    """Over the timed part; checks, waiting for the clock and the memory of the stamps taken off."""
    harness_cpu_ns: int
    """What was taken off the CPU time."""
    server_before: usage.Usage | None
    """None when the server is this process. The worker, where the caller has one."""
    server_after: usage.Usage | None
    machine_before: noise.Reading
    machine_after: noise.Reading
    ticks_late_ns: bytes = b""
    """Several calls in flight in an event loop: how late each tick of the task beside them was. Else empty."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why there is no measurement."""

    kind: str
    message: str
    trace: str


def main(task: Task, runner: Connection) -> None:
    """A client process: receive a :class:`Server` (None: serve in a thread of this process) once it is ready,
    connect, warm up, say :data:`READY`, receive the moment to begin, measure, send a :class:`ClientResult`; or at any
    time a :class:`Failure`.

    What needs no server is done before one is there: this process and the server's start side by side.
    """
    threading.Thread(target=die_with_parent, daemon=True).start()

    def begin() -> int:
        runner.send(READY)
        moment: int = runner.recv()
        return moment

    outcome: ClientResult | Failure
    try:
        if task.circumstances.heap == WORN:
            programs.wear()
        payloads = corpus(task.payload, task.payload_bytes, task.seed)
        if task.circumstances.items:
            payloads = of_streams(payloads, task.circumstances.items)
        outcome = measure(task, payloads, runner.recv(), begin)
    except Exception as error:  # whatever a contender raises is recorded with the cell, which has failed
        outcome = Failure(type(error).__name__, str(error), traceback.format_exc())
    runner.send(outcome)
    runner.close()


def measure(task: Task, payloads: list[Any], server: Server | None, begin: Callable[[], int]) -> ClientResult:
    """Connect, warm up, begin at the moment `begin` returns, time, check.

    Raises :class:`WrongAnswer`, and what the contender raises.
    """
    service = BenchService()
    answers = [getattr(service, task.method)(payload) for payload in payloads]
    if task.circumstances.items:
        answers = [list(items) for items in answers]
    with ExitStack() as stack:
        if server is None:
            address = stack.enter_context(ServerProcess(task.contender, service)).address
        else:
            address = server.address
        driver = stack.enter_context(drivers.of(task.contender, address, streams=task.circumstances.items > 0))
        start = time.perf_counter_ns()
        driver.connect()
        first = driver.call(task.method, payloads[0])
        cold_start_ns = time.perf_counter_ns() - start
        if not same(first, answers[0]):
            raise WrongAnswer("the first call")
        work = Work(task.method, payloads, answers)
        server_pid = server.pid if server else driver.server_pid
        if driver.server_pid and task.circumstances.placement == APART:
            # The caller has started its worker itself, where it runs: on the client's CPU.
            quotas.pin(driver.server_pid, set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0))
        programs.prepare_client(task.circumstances, serves=server is None and not driver.server_pid)
        return _measure_connected(task, driver, work, cold_start_ns, server_pid, begin)


def _measure_connected(
    task: Task, driver: Driver, work: Work, cold_start_ns: int, server_pid: int | None, begin: Callable[[], int]
) -> ClientResult:
    _warm_up(task, driver, work)
    if task.load.is_open:
        due = schedule(task.load, task.client, task.clients, task.seconds, task.calls, task.seed, task.repeat)
        record = Record.of_schedule(due)
        record.asleep = task.load.asleep
    else:
        record = Record(task.calls)
    garbage.settle()
    moment = begin()
    for i, offset in enumerate(record.due):
        record.due[i] = moment + offset
    wait_until(moment - reading_lead_ns(task.clients), Record(0))
    # Every client is ready now and nobody calls yet: whatever the server does from here on is the timed part's.
    machine_before = noise.read()
    server_before = usage.of_process(server_pid) if server_pid else None
    client_before = usage.of_self()
    wait_until(moment, record)
    if task.load.is_open:
        driver.open(work, record, backlog(task))
    else:
        _closed(task, driver, work, record, round(task.seconds * 1e9), FEWEST_CALLS)
    client = usage.of_self().since(client_before)
    server_after = usage.of_process(server_pid) if server_pid else None
    machine_after = noise.read(frequency=True)
    check_ns = check_cost_ns(driver.call(work.method, work.payloads[0]), work.answers[0])
    harness_cpu_ns = round(record.made * check_ns) + record.waiting_cpu_ns
    return ClientResult(
        begin_ns=moment,
        start_ns=record.start[: record.made].tobytes(),
        end_ns=record.end[: record.made].tobytes(),
        due_ns=record.due[: record.made].tobytes(),
        free=bytes(record.free[: record.made]),
        skipped=record.skipped,
        ticks_late_ns=record.ticks_late.tobytes(),
        cold_start_ns=cold_start_ns,
        check_ns=check_ns,
        client=dataclasses.replace(
            client,
            cpu_ns=max(0, client.cpu_ns - harness_cpu_ns),
            voluntary=max(0, client.voluntary - record.sleeps),
            rss_mib=client.rss_mib - record.resident_mib(),
        ),
        harness_cpu_ns=harness_cpu_ns,
        server_before=server_before,
        server_after=server_after,
        machine_before=machine_before,
        machine_after=machine_after,
    )


def reading_lead_ns(clients: int) -> int:
    """How long before the moment to begin the readings are taken: more clients than CPUs take them in turns."""
    return READING_NS * max(1, math.ceil(clients / (os.cpu_count() or 1)))


def _warm_up(task: Task, driver: Driver, work: Work) -> None:
    """Run the timed loops themselves: the interpreter specialises the very code that is then timed."""
    limit_ns = int(task.seconds * 1e9 * WARMUP_SHARE)
    if task.warmup_calls:
        _closed(task, driver, work, Record(task.warmup_calls), limit_ns, 1)
    if task.load.is_open:
        soon = time.perf_counter_ns()
        due = array("q", (soon + i * OPEN_WARMUP_GAP_NS for i in range(OPEN_WARMUP_CALLS)))
        driver.open(work, Record.of_schedule(due), OPEN_WARMUP_CALLS)


def _closed(task: Task, driver: Driver, work: Work, record: Record, limit_ns: int, fewest: int) -> None:
    """The closed loop of the task, which is a plain one where one call is in flight."""
    if task.circumstances.in_flight == 1:
        driver.closed(work, record, limit_ns, fewest)
    else:
        driver.in_flight(work, record, limit_ns, fewest, task.circumstances.in_flight)


def backlog(task: Task) -> int:
    """How many calls may wait in an open loop's queue, per client."""
    return max(FEWEST_BACKLOG, round((task.load.rate or 0) / task.clients * BACKLOG_S))


def check_cost_ns(result: Any, answer: Any) -> float:
    """CPU ns of checking a result that is right, with the loop's own cost taken off."""
    clock = time.thread_time_ns
    batch = range(16)  # the clock is a system call: read it once for several checks
    spent = idle = rounds = 0
    while spent < CHECK_CALIBRATION_NS and rounds < 2000:
        start = clock()
        for _ in batch:
            if not same(result, answer):
                raise WrongAnswer("a call after the timed part")
        middle = clock()
        for _ in batch:
            pass
        idle += clock() - middle
        spent += middle - start
        rounds += 1
    return max(0, spent - idle) / (rounds * len(batch))
