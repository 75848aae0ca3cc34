"""One cell from outside: starts a fresh server and fresh clients, lets the clients begin together, waits, and ends
all of them whatever happens.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Self

from contenders.interface import Contender
from contenders.process import ServerProcess
from contenders.service import BenchService
from scenarios.measuring.client import READY, ClientResult, Failure, Server, Task, main
from scenarios.measuring.programs import prepare_server
from scenarios.plan.cells import Cell
from scenarios.plan.load import Load
from scenarios.running import combine, surroundings
from scenarios.running.combine import Measurement
from scenarios.running.interrupts import interrupts_held_back
from scenarios.running.slow_callers import SlowCallers

LEAD_NS, LEAD_PER_CLIENT_NS = 5_000_000, 2_000_000
"""From naming the moment to begin until that moment: every client must have heard of it, have woken, and have taken
its readings, for which :func:`scenarios.measuring.client.reading_lead_ns` is kept free."""


class CellFailed(Exception):
    """A cell gave no number; `kind` is a short word for why, `trace` the client's traceback if it had one."""

    def __init__(self, kind: str, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace


def run_cell(
    cell: Cell,
    contender: type[Contender],
    seed: int,
    time_limit_s: float,
    on_begin: Callable[[Server | None, int], None] = lambda server, moment_ns: None,
) -> Measurement:
    """Measure one cell in processes of its own; they have ended when this returns or raises.

    `on_begin` is called when the clients have been told the moment to begin (ns of the clock), for those who want to
    do something to the server meanwhile. Raises :class:`CellFailed` when a client failed, died or was not done
    after `time_limit_s`, and what starting the server raises.
    """
    made = contender(cell.lane)
    load, around = Load.parse(cell.load), cell.circumstances
    with ExitStack() as stack:
        with interrupts_held_back():
            stack.enter_context(surroundings.around(around))
        clients = []
        for number in range(cell.clients):
            task = Task(
                contender=made,
                method=cell.method,
                payload=cell.payload,
                payload_bytes=cell.payload_bytes,
                seed=seed,
                repeat=cell.repeat,
                calls=cell.calls,
                warmup_calls=cell.warmup_calls,
                seconds=cell.seconds,
                load=load,
                client=number,
                clients=cell.clients,
                circumstances=around,
            )
            with surroundings.cpu_of_client(around):
                clients.append(stack.enter_context(_Client(task)))
        place = None
        if not contender.in_process:
            server = ServerProcess(made, BenchService(), prepare=partial(prepare_server, around))
            stack.callback(server.stop)
            with interrupts_held_back(), surroundings.cpu_of_server(around):
                server.start()
            place = Server(server.address, server.pid)
        slow = stack.enter_context(SlowCallers(made, around, cell.payload, cell.payload_bytes, seed))
        if place is not None and (why := slow.start(place.address, time_limit_s)):
            raise CellFailed("SlowCaller", why)
        parts = _conduct(clients, place, time_limit_s, on_begin)
        if why := slow.failure():
            raise CellFailed("SlowCaller", why)
    return combine.combine(parts, load, os.cpu_count() or 1, around)


def _conduct(
    clients: list[_Client],
    server: Server | None,
    time_limit_s: float,
    on_begin: Callable[[Server | None, int], None],
) -> list[ClientResult]:
    """From a server that is ready to every client's part."""
    deadline = time.monotonic() + time_limit_s
    for client in clients:
        client.send(server)
    for client, answer in _answers(clients, deadline, time_limit_s):
        if answer != READY:
            raise CellFailed("ProtocolError", f"{client.name} said {answer!r} before it began")
    moment = time.perf_counter_ns() + LEAD_NS + LEAD_PER_CLIENT_NS * len(clients)
    for client in clients:
        client.send(moment)
    on_begin(server, moment)
    # Nothing but this wait runs in the runner while a cell is timed.
    found = {
        client: answer
        for client, answer in _answers(clients, deadline, time_limit_s)
        if isinstance(answer, ClientResult)
    }
    for client in clients:
        client.finish()
    return [found[client] for client in clients]


def _answers(
    clients: list[_Client], deadline: float, time_limit_s: float
) -> Iterator[tuple[_Client, ClientResult | str]]:
    """The next thing each client says, as it comes. Raises :class:`CellFailed`."""
    silent = {client.pipe: client for client in clients}
    while silent:
        spoke = wait(list(silent), max(0, deadline - time.monotonic()))
        if not spoke:
            raise CellFailed("TimeLimit", f"not done after {time_limit_s:g} s")
        for pipe in spoke:
            client = silent.pop(pipe)  # type: ignore[call-overload]
            yield client, client.receive()


class _Client:
    """A client's process, from its start to its end."""

    def __init__(self, task: Task) -> None:
        context = multiprocessing.get_context("spawn")
        self.name = f"client {task.client}"
        self.pipe: Connection
        self.pipe, self._its_pipe = context.Pipe()
        self._process = context.Process(target=main, args=(task, self._its_pipe), name=self.name)

    def __enter__(self) -> Self:
        with interrupts_held_back():
            self._process.start()
        self._its_pipe.close()
        return self

    def send(self, message: Server | int | None) -> None:
        """Tell it where the server is, or when to begin. Raises :class:`CellFailed` when it is gone."""
        try:
            self.pipe.send(message)
        except ConnectionError:
            self.receive()  # a failure it reported before it went, else its death

    def receive(self) -> ClientResult | str:
        """What it says next. Raises :class:`CellFailed` for a failure, and when it has died."""
        try:
            outcome: ClientResult | Failure | str = self.pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            message = f"the client process ended with exit code {self._process.exitcode} and said nothing"
            raise CellFailed("ClientDied", message) from None
        if isinstance(outcome, Failure):
            raise CellFailed(outcome.kind, outcome.message, outcome.trace)
        return outcome

    def finish(self) -> None:
        """It has reported: a moment to close its connection, before the server is stopped."""
        self._process.join(5.0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
        self.pipe.close()
