"""One cell from outside: starts a fresh server and a fresh client, waits, and ends both whatever happens."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import wait
from types import TracebackType
from typing import Self

from contenders.interface import Contender
from contenders.process import ServerProcess
from contenders.service import BenchService
from scenarios import measure
from scenarios.cells import Cell
from scenarios.measure import Failure, Measurement, Server, Task


class CellFailed(Exception):
    """A cell gave no number; `kind` is a short word for why, `trace` the client's traceback if it had one."""

    def __init__(self, kind: str, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace


def run_cell(cell: Cell, contender: type[Contender], seed: int, time_limit_s: float) -> Measurement:
    """Measure one cell in processes of its own; they have ended when this returns or raises.

    Raises :class:`CellFailed` when the client failed, died or was not done after `time_limit_s`, and what
    starting the server raises.
    """
    task = Task(
        contender=contender(cell.lane),
        method=cell.method,
        payload=cell.payload,
        payload_bytes=cell.payload_bytes,
        seed=seed,
        calls=cell.calls,
        warmup_calls=cell.warmup_calls,
        seconds=cell.seconds,
    )
    with ExitStack() as stack:
        client = stack.enter_context(_Client(task))
        place = None
        if not contender.in_process:
            server = ServerProcess(task.contender, BenchService())
            stack.callback(server.stop)
            with _interrupts_held_back():
                server.start()
            place = Server(server.address, server.pid)
        return client.measure(place, time_limit_s)


class _Client:
    """The client's process, from its start to its end."""

    def __init__(self, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, self._its_pipe = context.Pipe()
        self._process = context.Process(target=measure.main, args=(task, self._its_pipe), name="client")

    def __enter__(self) -> Self:
        with _interrupts_held_back():
            self._process.start()
        self._its_pipe.close()
        return self

    def measure(self, server: Server | None, time_limit_s: float) -> Measurement:
        """What the client measures; raises :class:`CellFailed`."""
        try:
            self._pipe.send(server)
            # Nothing but this wait runs in the runner while a cell is timed.
            if not wait([self._pipe], time_limit_s):
                raise CellFailed("TimeLimit", f"not done after {time_limit_s:g} s")
            outcome: Measurement | Failure = self._pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            message = f"the client process ended with exit code {self._process.exitcode} and said nothing"
            raise CellFailed("ClientDied", message) from None
        # It has reported: a moment to close its connection, before the server is stopped.
        self._process.join(5.0)
        if isinstance(outcome, Failure):
            raise CellFailed(outcome.kind, outcome.message, outcome.trace)
        return outcome

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
        self._pipe.close()


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A process started in here does not see Ctrl-C, which a terminal sends to all; the runner ends it
    instead.

    The signal mask is inherited through exec, so not even the interpreter's start can be interrupted
    half-way.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
