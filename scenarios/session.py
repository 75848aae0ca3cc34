"""One cell from outside: starts a fresh server and a fresh client, waits, and ends both whatever happens."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

from contenders.interface import Contender
from contenders.process import ServerProcess
from contenders.service import BenchService
from scenarios import measure
from scenarios.cells import Cell
from scenarios.measure import Failure, Measurement, Task


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
    instance = contender(cell.lane)
    with ExitStack() as stack:
        address, server_pid = None, None
        if not instance.in_process:
            server = ServerProcess(instance, BenchService())
            with _interrupts_held_back():
                server.start()
            stack.callback(server.stop)
            address, server_pid = server.address, server.pid
        task = Task(
            contender=instance,
            address=address,
            server_pid=server_pid,
            method=cell.method,
            payload=cell.payload,
            payload_bytes=cell.payload_bytes,
            seed=seed,
            calls=cell.calls,
            warmup_calls=cell.warmup_calls,
            seconds=cell.seconds,
        )
        return _run_client(task, time_limit_s)


def _run_client(task: Task, time_limit_s: float) -> Measurement:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=measure.main, args=(task, sender), name="client")
    patience_s = 0.0
    with receiver:
        with sender, _interrupts_held_back():
            process.start()
        try:
            # Nothing but this wait runs in the runner while a cell is timed.
            if not wait([receiver, process.sentinel], time_limit_s):
                raise CellFailed("TimeLimit", f"not done after {time_limit_s:g} s")
            if not receiver.poll():
                process.join()
                raise CellFailed("ClientDied", f"the client process ended with exit code {process.exitcode}")
            try:
                outcome: Measurement | Failure = receiver.recv()
                patience_s = 5.0
            except EOFError:
                process.join()
                message = f"the client process ended with exit code {process.exitcode} and said nothing"
                raise CellFailed("ClientDied", message) from None
        finally:
            _end(process, patience_s)
    if isinstance(outcome, Failure):
        raise CellFailed(outcome.kind, outcome.message, outcome.trace)
    return outcome


def _end(process: BaseProcess, patience_s: float) -> None:
    """A client that has reported gets a moment to close its connection; any other gets SIGKILL at once."""
    process.join(patience_s)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()


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
