"""What the machine itself takes, measured between the cells of a run: two yardsticks that use nothing of the library or
of a contender.

*The codec alone*: one small document encoded and decoded by orjson, in this process, in CPU time. *A bare ping-pong*: a
byte there and a byte back between two processes that spin on shared memory, on two CPUs. Each is a median of batches,
so that a process that is interrupted for a moment does not show, and a machine that is slower for minutes does: the
frequency, a neighbour on the same core or host. What the readings mean is :mod:`scenarios.statistics.phases`'s.

A reading is taken before a cell if the last one is :data:`EVERY_S` old, and holds for all cells until the next: they
are a block. It takes 2 x :data:`TAKES_NS`, 1% of that time. The other process sleeps in a system call while cells run,
and ends when this one does, however it goes.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from statistics import median
from typing import Any, Self

import orjson

from scenarios.common.quotas import pinned
from scenarios.running.interrupts import interrupts_held_back

EVERY_S = 5.0
TAKES_NS = 20_000_000
"""Of one yardstick: some hundred batches."""
BATCH = 50
"""Calls, or round trips, a batch: some 30 µs, to which the clock's own cost adds nothing, and few are interrupted."""
LIMIT_NS = 200_000_000
"""On CPUs that others want as well each byte may wait for the scheduler: after so long a reading is left at what it
has, and a side that has heard nothing gives up."""
CROWDED_NS = 20_000
"""A round trip that takes longer, across sockets too, is a side that waits for a CPU: no speed of the machine, and
there are flags for that."""
START_S = 10.0
"""The other process is given so long to start, or to wake."""
LOOKS = 10_000
"""So often a side looks for a byte before it looks at the clock: about 0.5 ms."""
DOCUMENT = {
    "id": 123456,
    "name": "one of the documents.",
    "tags": ["one", "two"],
    "ok": True,
    "ratio": 0.75,
    "n": [1, 2, 3],
}
"""100 bytes when it is encoded."""
PING, PONG = 0, 64
"""Where the bytes are: a cache line each."""
BYTES = (1, 2) * (BATCH // 2)
"""What is sent in a batch."""
END = 3


@dataclasses.dataclass(frozen=True)
class Reading:
    """Both yardsticks, µs; None where there is no figure: with a single CPU two processes that spin only wait for the
    scheduler."""

    codec_us: float | None
    pingpong_us: float | None


UNREAD = Reading(None, None)


def codec() -> object:
    """One call of the codec alone."""
    return orjson.loads(orjson.dumps(DOCUMENT))


class Yardsticks:
    """The yardsticks of one run; a context. `work` is what is timed for the codec."""

    def __init__(self, every_s: float = EVERY_S, work: Callable[[], object] = codec) -> None:
        self._every_s, self.work = every_s, work
        self._taken_s, self._last = -float("inf"), UNREAD
        self._cpus = sorted(os.sched_getaffinity(0))
        self._partner = _Partner(self._cpus[1]) if len(self._cpus) > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._partner:
            self._partner.close()

    def of_block(self) -> Reading:
        """The reading of the block that a cell belongs to which begins now."""
        if time.monotonic() - self._taken_s >= self._every_s:
            with pinned({self._cpus[0]}):
                self._last = Reading(self._codec_us(), self._partner.pingpong_us() if self._partner else None)
            self._taken_s = time.monotonic()
        return self._last

    def _codec_us(self) -> float:
        work, batch, clock, batches = self.work, range(BATCH), time.thread_time_ns, []
        for _ in batch:  # what a cell in between has taken from the caches
            work()
        begun = now = clock()
        while now < begun + TAKES_NS:
            start = now
            for _ in batch:
                work()
            now = clock()
            batches.append(now - start)
        return median(batches) / BATCH / 1000


class _Partner:
    """The other process of the ping-pong, started when it is first needed and again if it has died."""

    def __init__(self, cpu: int) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._cpu = cpu
        self._shared = self._context.RawArray("B", 128)
        self._process: Any = None
        self._pipe: Connection | None = None

    def pingpong_us(self) -> float | None:
        """One round trip; None where the other process did not answer in time, or CPUs were crowded, which is seen in
        the empty field."""
        pipe = self._started()
        memory = memoryview(self._shared).cast("B")
        memory[PING] = memory[PONG] = 0
        try:
            pipe.send_bytes(b"begin")
            answered = pipe.poll(START_S) and bool(pipe.recv_bytes())
        except (EOFError, ConnectionError):  # somebody has killed it: the next reading has another
            self.close()
            return None
        clock, batches = time.perf_counter_ns, []
        begun = now = clock()
        while answered and now < begun + TAKES_NS:
            start = now
            answered = all(_exchange(memory, byte, begun + LIMIT_NS) for byte in BYTES)
            now = clock()
            batches += [now - start] if answered else []
        memory[PING] = END
        round_trip_ns = median(batches) / len(BYTES) if batches else CROWDED_NS
        return round_trip_ns / 1000 if round_trip_ns < CROWDED_NS else None

    def close(self) -> None:
        """End the process; it may be started again."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _started(self) -> Connection:
        if self._pipe is None:
            self._pipe, its = self._context.Pipe()
            self._process = self._context.Process(
                target=answer, args=(self._shared, its, LIMIT_NS), name="yardstick", daemon=True
            )
            with interrupts_held_back(), pinned({self._cpu}):
                self._process.start()
            its.close()
        return self._pipe


def answer(shared: Any, pipe: Connection, limit_ns: int) -> None:
    """The other process: told to begin, says so and gives every byte back, until :data:`END` or nothing comes; then
    sleeps until it is told again."""
    memory = memoryview(shared).cast("B")
    while True:
        try:
            pipe.send_bytes(pipe.recv_bytes())
        except (EOFError, ConnectionError):
            return
        before = 0
        while (now := _next(memory, PING, before, time.perf_counter_ns() + limit_ns)) not in (None, END):
            memory[PONG] = before = now


def _exchange(memory: memoryview, byte: int, give_up_ns: int) -> bool:
    """A byte there and back, another than the one before; whether it came back."""
    before = memory[PONG]
    memory[PING] = byte
    return _next(memory, PONG, before, give_up_ns) == byte


def _next(memory: memoryview, place: int, before: int, give_up_ns: int) -> int | None:
    """The byte at a place once it is another than before; None if it is not by then."""
    while time.perf_counter_ns() < give_up_ns:
        for _ in range(LOOKS):
            if (now := memory[place]) != before:
                return now
    return None
