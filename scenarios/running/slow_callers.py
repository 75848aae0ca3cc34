"""The other clients of a cell's server, which call a slow method of it: their processes, from start to end."""

from __future__ import annotations

import multiprocessing
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

from contenders.interface import Contender
from scenarios.measuring.slow_calls import READY, call_slowly
from scenarios.plan.circumstances import Circumstances
from scenarios.plan.payloads import corpus
from scenarios.running.interrupts import interrupts_held_back


class SlowCallers:
    """As many as the circumstances say, which may be none. A context manager that ends them."""

    def __init__(
        self, contender: Contender, circumstances: Circumstances, payload: str, payload_bytes: int, seed: int
    ) -> None:
        """They send one payload of the cell's kind and size."""
        self._contender = contender
        self._circumstances = circumstances
        self._payload = payload, payload_bytes, seed
        self._processes: list[tuple[BaseProcess, Connection]] = []

    def start(self, address: str, seconds: float) -> str:
        """Returns when each has had its first answer: an empty text, or why that cannot be."""
        deadline = time.monotonic() + seconds
        context = multiprocessing.get_context("spawn")
        method, payload = self._circumstances.slow_method, corpus(*self._payload)[0]
        for number in range(self._circumstances.slow_callers):
            ours, theirs = context.Pipe()
            what = self._contender, address, method, payload, theirs
            process: BaseProcess = context.Process(
                target=call_slowly, args=what, name=f"slow caller {number}", daemon=True
            )
            with interrupts_held_back():
                process.start()
                self._processes.append((process, ours))
            theirs.close()
        for process, pipe in self._processes:
            if not pipe.poll(max(0.0, deadline - time.monotonic())):
                return f"{process.name} had no answer in {seconds:g} s"
            if (said := _said(process, pipe)) != READY:
                return said
        return ""

    def failure(self) -> str:
        """Why one of them calls no more; empty where all do."""
        return next((_said(process, pipe) for process, pipe in self._processes if pipe.poll()), "")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process, pipe in self._processes:
            process.kill()
            process.join()
            pipe.close()


def _said(process: BaseProcess, pipe: Connection) -> str:
    try:
        said: str = pipe.recv()
    except (EOFError, OSError):
        process.join()
        return f"{process.name} ended with exit code {process.exitcode} and said nothing"
    return said if said == READY else f"{process.name}: {said}"
