"""From the calls to the file: a queue into which calls put rows, and a thread that writes them, ten times a second.

A call never waits for the disk. Where the queue is full, calls are counted and not kept. No descriptor is held: the
file is opened for each piece, so that a program that closes all descriptors, changes its folder or forks does not have
another file written into, and what was written stands whatever becomes of the process.
"""

from __future__ import annotations

import collections
import os
import random
import threading
import time
from statistics import median
from typing import Any, Callable, Iterator, Sequence

from shm_rpc_bridge.record import blocks, payloads, rows
from shm_rpc_bridge.record.cpu import children, cpu_seconds

EVERY_S = 0.1
"""Between two pieces: what a process that is killed loses at most."""
MOST_ROWS = 200_000
"""Rows that wait to be written: about 50 MB."""
MOST_BYTES = 128 * 1024 * 1024
"""Of pickles, or of shapes, that wait."""
ROWS_A_BLOCK = 5_000
BYTES_A_BLOCK = 8 * 1024 * 1024
TOTALS_EVERY = 10
"""Pieces between two lists of totals."""
REMEMBERED = 500
"""Of each function's calls whose own cost was timed."""
FINISH_S = 10.0
"""At the end the rest is given so long to be written."""


class Queue:
    """What calls of one process put in. No locks: appending to a deque is one step. Sums that are not, are bounds."""

    def __init__(self, encode: Callable[..., Any], sample: float) -> None:
        self.rows: collections.deque[tuple[Any, ...]] = collections.deque()
        self.timed: collections.deque[tuple[int, int, str]] = collections.deque()
        """Calls of which only their times are kept, and these only in the totals: function, duration, raised."""
        self.objects: collections.deque[tuple[str, dict[str, Any]]] = collections.deque(maxlen=1_000)
        self.owns: collections.deque[tuple[int, int, bool]] = collections.deque(maxlen=100_000)
        self.encode: Any = encode
        """What a value becomes; None once the budget is used up: calls are only counted and timed then."""
        self.keeps_values = encode is payloads.values
        is_small = encode is payloads.sizes
        self.keep: Callable[[tuple[Any, ...]], None] = self.rows.append if is_small else self._keep_weighed
        self.failures: dict[str, int] = {}
        self._sample, self._random = sample, random.Random(os.urandom(8)).random
        self._set_room(True)
        self._bytes = 0
        """Of pickles and shapes that wait; threads may lose each other's additions, so it is about right."""

    def is_sampled(self) -> bool:
        return self._sample == 1 or self._random() < self._sample

    def is_full(self) -> bool:
        """Asked every few calls of a function: there may be some more than the most."""
        full = max(len(self.rows), len(self.timed)) >= MOST_ROWS or self._bytes >= MOST_BYTES
        self._set_room(not full)
        return full

    def _set_room(self, has_room: bool) -> None:
        self.has_room = has_room
        """As far as is known."""
        self.plain = has_room and self._sample == 1 and self.encode is not None
        """Every call is kept."""

    def _keep_weighed(self, row: tuple[Any, ...]) -> None:
        self.rows.append(row)
        self._bytes += rows.weight(row)
        if self._bytes >= MOST_BYTES:
            self._set_room(False)

    def own(self, function: int, nanoseconds: int, is_recorded: bool) -> None:
        """What the wrapper took of a call beside the function itself."""
        self.owns.append((function, nanoseconds, is_recorded))

    def fail(self, error: BaseException) -> None:
        """Looking at a call went wrong. What the error says may be what is to be hidden, and another each time."""
        what = type(error).__name__
        self.failures[what] = self.failures.get(what, 0) + 1

    def reduce(self, encode: Any) -> None:
        """Keep less of each call from now on."""
        self.encode, self.keeps_values, self.keep = encode, False, self.rows.append
        self._set_room(self.has_room)

    def take(self) -> list[tuple[Any, ...]]:
        """What has come so far. For the writing thread."""
        next_row = self.rows.popleft
        taken = [next_row() for _ in range(len(self.rows))]
        if not self.rows:
            self._bytes = 0
        elif self._bytes:
            self._bytes = max(0, self._bytes - sum(map(rows.weight, taken)))
        return taken


class Totals:
    """Of one function."""

    def __init__(self) -> None:
        self.calls = self.nanoseconds = self.raised = self.left_out = 0
        self._owns: dict[bool, collections.deque[int]] = {
            each: collections.deque(maxlen=REMEMBERED) for each in (False, True)
        }

    def add_own(self, nanoseconds: int, is_recorded: bool) -> None:
        self._owns[is_recorded].append(nanoseconds)

    def in_call_us(self) -> float | None:
        """What the wrapper takes of a call that is recorded, more than of one that is only timed."""
        without, recorded = self._owns[False], self._owns[True]
        if min(len(without), len(recorded)) < 8:
            return None
        return (median(recorded) - median(without)) / 1e3


class Writer:
    """Writes one process's file. :meth:`start`, then :meth:`finish`, by one thread."""

    def __init__(
        self,
        path: str,
        begin: dict[str, Any],
        queue: Queue,
        functions: Callable[[], Sequence[Any]],
        budget_bytes: int,
        entry_us: float,
    ) -> None:
        """`functions` are the probes so far, in the order of their index; there may come more. `entry_us`: what a call
        takes that goes through a wrapper which does nothing.
        """
        self.path, self._begin, self._queue, self._functions = path, begin, queue, functions
        self._budget, self._entry_us = budget_bytes, entry_us
        self._has_pickles, self._is_small = queue.keeps_values, queue.encode is payloads.sizes
        self.cpu_s = 0.0
        """Of the thread that writes."""
        self._began_ns: int = begin["start_ns"]
        self._began_cpu, self._began_children = cpu_seconds(), children()
        self.totals: dict[int, Totals] = collections.defaultdict(Totals)
        self.bytes = 0
        self.broken = ""
        """Why nothing more is written."""
        self._told = 0
        self._pieces = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shm_rpc_bridge.record", daemon=True)

    def create(self) -> None:
        """Make the file now. Raises OSError; without this it is made with its first block, and errors are noted."""
        self._write(b"")
        if self.broken:
            raise OSError(self.broken)

    def start(self) -> None:
        self._thread.start()

    def finish(self, timeout_s: float = FINISH_S) -> bool:
        """Write what is left. Whether all was within `timeout_s` seconds."""
        self._ending.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def text_of(self, probe: Any) -> tuple[int, float, int, int, float | None]:
        """What is said of one function: its calls, their seconds, those that raised, those that were not kept, and
        what recording took of one, in the thread that called. The median call may have no size looked at: what those
        take that have is put to it, in their mean.
        """
        totals, dropped = self.totals[probe.index], probe.dropped
        own = totals.in_call_us()
        if own is not None:
            own += self._entry_us + probe.asked.looks_us + probe.answered.looks_us
        return totals.calls + dropped, totals.nanoseconds / 1e9, totals.raised, totals.left_out + dropped, own

    def _run(self) -> None:
        try:
            while not self._ending.wait(EVERY_S):
                self._piece()
            self._piece()
            if self.bytes:
                self._write(blocks.encode({"kind": "end", **self._figures()}))
        except Exception as error:  # a fault of ours must not go unseen, nor fill the memory of the program
            self.broken = f"{type(error).__name__}: {error}"
            self._queue.reduce(None)
            raise

    def _piece(self) -> None:
        """Write what has come."""
        queue = self._queue
        taken = queue.take()
        for row in taken:
            totals = self.totals[row[0]]
            totals.calls += 1
            totals.nanoseconds += row[rows.DURATION]
            if row[rows.RAISED]:
                totals.raised += 1
        for block in self._in_blocks(taken):
            self._write_block(block)
        self.cpu_s = time.thread_time()
        news = bool(taken or queue.timed or queue.objects)
        while queue.timed:
            function, duration, raised = queue.timed.popleft()
            totals = self.totals[function]
            totals.calls += 1
            totals.left_out += 1
            totals.nanoseconds += duration
            totals.raised += bool(raised)
        while queue.owns:
            function, nanoseconds, is_recorded = queue.owns.popleft()
            self.totals[function].add_own(nanoseconds, is_recorded)
        self._pieces += news
        if news and self._pieces % TOTALS_EVERY == 1:
            self._write(blocks.encode({"kind": "totals", **self._figures()}))

    def _in_blocks(self, taken: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
        """Of so many rows, and of pickles or shapes of :data:`BYTES_A_BLOCK` and one more."""
        if self._is_small:
            yield from (taken[begin : begin + ROWS_A_BLOCK] for begin in range(0, len(taken), ROWS_A_BLOCK))
            return
        block: list[tuple[Any, ...]] = []
        size = 0
        for row in taken:
            block.append(row)
            size += rows.weight(row)
            if size >= BYTES_A_BLOCK or len(block) >= ROWS_A_BLOCK:
                yield block
                block, size = [], 0
        if block:
            yield block

    def _write_block(self, block: list[tuple[Any, ...]]) -> None:
        """Or count what is in it, once nothing more is to be written."""
        if self.broken or self.bytes > self._budget:
            for row in block:
                self.totals[row[0]].left_out += 1
            return
        texts, blobs = rows.with_blobs(block) if self._has_pickles else (block, [])
        self._write(blocks.encode({"kind": "calls", "rows": texts, **self._news()}, blobs))
        if self.bytes > self._budget:
            self._queue.reduce(None)
        elif self.bytes > self._budget // 2 and self._queue.encode is not payloads.sizes:
            self._queue.reduce(payloads.sizes)

    def _news(self) -> dict[str, Any]:
        """Functions that nobody was told of yet, and what is known of the objects of methods."""
        functions = self._functions()
        new, self._told = functions[self._told :], len(functions)
        objects = [self._queue.objects.popleft() for _ in range(len(self._queue.objects))]
        return {"functions": [describe(each) for each in new], "objects": objects}

    def _figures(self) -> dict[str, Any]:
        functions = self._functions()
        return {
            **self._news(),
            "seconds": (time.perf_counter_ns() - self._began_ns) / 1e9,
            "cpu_seconds": [now - then for now, then in zip(cpu_seconds(), self._began_cpu)],
            "children": {name: each - self._began_children.get(name, 0.0) for name, each in children().items()},
            "totals": {each.name: self.text_of(each) for each in functions},
            "failures": dict(self._queue.failures),
            "written_bytes": self.bytes,
            "writing_seconds": self.cpu_s,
        }

    def _write(self, data: bytes) -> None:
        """Append to the file, which is made with its first block; after an error nothing more is tried."""
        if self.broken:
            return
        if not self.bytes:
            data = blocks.MAGIC + blocks.encode(self._begin) + data
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | (0 if self.bytes else os.O_CREAT | os.O_EXCL)
            descriptor = os.open(self.path, flags, 0o600)
            try:
                left = memoryview(data)
                while left:
                    left = left[os.write(descriptor, left) :]
            finally:
                os.close(descriptor)
        except OSError as error:
            self.broken = f"{self.path}: {error.strerror}"
            self._queue.reduce(None)
        self.bytes += len(data)


def describe(probe: Any) -> dict[str, Any]:
    """A function, as the file has it."""
    return {
        "name": probe.name,
        "kind": probe.kind,
        "async": probe.is_async,
        "parameters": probe.parameters,
        "refused": probe.refused,
    }
