"""The client's side of one cell: runs in a fresh process, times the calls, checks every answer.

This module is the only thing between a contender and its number, so what it does is deliberate:

*What is timed.* ``call(method, payload)`` from just before to just after, with ``time.perf_counter_ns``, one
stamp pair per call, round trip, never divided. Connecting and the first call are the cold start and not among
them.

*What is checked.* Every answer against the service's own, computed here, after the second stamp. Payloads
differ from call to call by a nonce, so an answer that came too late or twice is not the expected one. One
wrong answer and the cell has no number.

*Garbage collection.* Collected and frozen before the timed part and off during it, for every contender: a
pause of the client's collector is not the contender's latency. Reference counting frees the answers; the
server runs as Python starts it.

*CPU per call.* Of this process and of the server's, from the operating system's CPU clocks (ns, all threads)
around the timed part. The client also checks answers in that time, which is the harness' work and for a large
document as dear as the call: what one check costs is measured afterwards, on real answers, with this thread's
CPU clock, and `calls` times that is taken off. The rest of the loop, less than 1 µs per call, stays in; `noop`
shows it.

Imports are few, because they are in the client's memory and start time: no numpy here.
"""

from __future__ import annotations

import dataclasses
import gc
import os
import threading
import time
import traceback
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from contenders.interface import Caller, Contender
from contenders.process import ServerProcess
from contenders.service import BenchService
from scenarios import noise, usage
from scenarios.payloads import corpus

WARMUP_SHARE = 0.25
"""Warm-up takes at most this share of the time the timed part may take, for contenders of milliseconds per
call."""
FEWEST_CALLS = 30
"""A cell that is out of time still makes so many calls, for a median to exist."""
CHECK_CALIBRATION_NS = 20_000_000
"""CPU time spent on learning what a check costs: 20 ms, against which the clock's own cost is nothing."""


class WrongAnswer(Exception):
    """A call returned something else than the service does."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What a client process is told."""

    contender: Contender
    method: str
    payload: str
    payload_bytes: int
    seed: int
    calls: int
    warmup_calls: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Server:
    """Where the server is, once it is ready."""

    address: str
    pid: int


@dataclasses.dataclass(frozen=True)
class Measurement:
    """What one client process found. Times in ns."""

    latencies_ns: bytes
    """Signed 64-bit integers of this machine's byte order, one per call, in order."""
    cold_start_ns: int
    """Connecting and the first call, imports already done."""
    client: usage.Usage
    """Over the timed part, checks taken off."""
    server: usage.Usage | None
    """None when the server is this process. The worker, where the caller has one."""
    noise_flags: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why there is no measurement."""

    kind: str
    message: str
    trace: str


def main(task: Task, runner: Connection) -> None:
    """A client process: receive a :class:`Server` (None: serve in a thread of this process) once it is ready,
    measure, send a :class:`Measurement` or a :class:`Failure`.

    What needs no server is done before one is there: this process and the server's start side by side.
    """
    threading.Thread(target=_die_with_parent, daemon=True).start()
    outcome: Measurement | Failure
    try:
        payloads = corpus(task.payload, task.payload_bytes, task.seed)
        outcome = measure(task, payloads, runner.recv())
    except Exception as error:  # whatever a contender raises is recorded with the cell, which has failed
        outcome = Failure(type(error).__name__, str(error), traceback.format_exc())
    runner.send(outcome)
    runner.close()


def _die_with_parent() -> None:
    """Leave at once when the runner is gone, however it went. Blocked in one system call until then."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def measure(task: Task, payloads: list[Any], server: Server | None) -> Measurement:
    """Connect, warm up, time, check. Raises :class:`WrongAnswer`, and what the contender raises."""
    service = BenchService()
    answers = [getattr(service, task.method)(payload) for payload in payloads]
    with ExitStack() as stack:
        if server is None:
            address = stack.enter_context(ServerProcess(task.contender, service)).address
        else:
            address = server.address
        start = time.perf_counter_ns()
        caller = stack.enter_context(task.contender.connect(address))
        first = caller.call(task.method, payloads[0])
        cold_start_ns = time.perf_counter_ns() - start
        if not same(first, answers[0]):
            raise WrongAnswer("the first call")
        return _measure_connected(
            task, caller, payloads, answers, cold_start_ns, server.pid if server else caller.server_pid
        )


def _measure_connected(
    task: Task,
    caller: Caller,
    payloads: list[Any],
    answers: list[Any],
    cold_start_ns: int,
    server_pid: int | None,
) -> Measurement:
    limit_ns = int(task.seconds * 1e9)
    # The warm-up is the timed loop itself: the interpreter specialises the very code that is then timed.
    warmup = array("q", bytes(8 * task.warmup_calls))
    closed_loop(caller.call, task.method, payloads, answers, warmup, int(limit_ns * WARMUP_SHARE), 1)
    latencies = array("q", bytes(8 * task.calls))
    gc.collect()
    gc.freeze()
    gc.disable()
    machine_before = noise.read()
    server_before = usage.of_process(server_pid) if server_pid else None
    client_before = usage.of_self()
    calls = closed_loop(caller.call, task.method, payloads, answers, latencies, limit_ns, FEWEST_CALLS)
    client = usage.of_self().since(client_before)
    server = None
    if server_pid and server_before:
        server = usage.of_process(server_pid).since(server_before)
    machine_after = noise.read()
    gc.enable()
    flags = noise.flags(machine_before, machine_after, client + server if server else client)
    checks_ns = calls * check_cost_ns(caller.call(task.method, payloads[0]), answers[0])
    return Measurement(
        latencies_ns=latencies[:calls].tobytes(),
        cold_start_ns=cold_start_ns,
        client=dataclasses.replace(client, cpu_ns=max(0, round(client.cpu_ns - checks_ns))),
        server=server,
        noise_flags=flags,
    )


def closed_loop(
    call: Callable[[str, Any], Any],
    method: str,
    payloads: list[Any],
    answers: list[Any],
    latencies: array[int],
    limit_ns: int,
    fewest: int,
) -> int:
    """Call until `latencies` is full, or `limit_ns` have passed and `fewest` calls been made; returns how many.

    One call at a time, the next as soon as the last one's answer is checked. Raises :class:`WrongAnswer`.
    """
    # Local names: each costs an array access instead of a dictionary lookup between the two stamps.
    clock = time.perf_counter_ns
    deadline = clock() + limit_ns
    # zip over ready-made pairs: no indexing and no arithmetic on the way to the next call, and no list of
    # results that would hold every answer alive and make each call pay for fresh memory a real caller would
    # reuse.
    for i, payload, answer in zip(range(len(latencies)), cycle(payloads), cycle(answers)):
        start = clock()
        result = call(method, payload)
        end = clock()
        # array('q') stores 8 bytes and allocates nothing that stays; filled with zeros, its pages are there
        # already.
        latencies[i] = end - start
        if not same(result, answer):
            raise WrongAnswer(_difference(i, result, answer))
        # Freed here, not by the next assignment: that one is between the stamps.
        del result
        if end > deadline and i + 1 >= fewest:
            return i + 1
    return len(latencies)


def same(result: Any, answer: Any) -> bool:
    """Whether a result is the answer. A view is copied first: comparing it in place takes ten times as long."""
    return bool((bytes(result) if type(result) is memoryview else result) == answer)


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


def _difference(i: int, result: object, answer: object) -> str:
    return f"timed call {i} (from 0): got {_short(result)}, not {_short(answer)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text)} characters)"
