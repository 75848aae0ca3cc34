"""A client and the servers of one carrier, each in a process of its own, from their start to their end.

    with Pair(task) as pair:
        timed = pair.ask(BackToBack(...), limit_s=60)

Whatever happens, both have ended when the block is left. Belongs to one thread.
"""

from __future__ import annotations

import multiprocessing
from contextlib import ExitStack
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from contenders.process import ServerFailed, ServerProcess
from scenarios.replay.client import READY, main
from scenarios.replay.service import ReplayService, load
from scenarios.replay.tasks import Answer, Asked, Failure, Kept, Server, Task, Timed
from scenarios.running.interrupts import interrupts_held_back

START_S = 60.0
"""For a server and a client to start and read the calls: importing a recorded program may take long."""
END_S = 5.0


class ReplayFailed(Exception):
    """A carrier gave no figures; `kind` is a short word for why, `trace` the client's traceback if it had one."""

    def __init__(self, kind: str, message: str, trace: str = "") -> None:
        super().__init__(message)
        self.kind, self.trace = kind, trace

    def __str__(self) -> str:
        """In one line: of a traceback the last."""
        first, *others = str(self.args[0]).strip().splitlines() or [""]
        return f"{self.kind}: {first}{f' ... {others[-1]}' if others else ''}"


class Pair:
    """See the module. Raises :class:`ReplayFailed` at every step."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._stack = ExitStack()
        context = multiprocessing.get_context("spawn")
        self._pipe: Connection
        self._pipe, self._its_pipe = context.Pipe()
        name = f"replay client of {task.contender.name}"
        self._client = context.Process(target=main, args=(task, self._its_pipe), name=name)

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def _start(self) -> None:
        with interrupts_held_back():
            self._client.start()
        self._its_pipe.close()
        places = None
        if not self._task.contender.in_process:
            places = [self._server() for _ in self._task.apart or ("",)]
        self._send(places)
        said = self._receive(START_S)
        if said != READY:
            raise ReplayFailed("ProtocolError", f"the client said {said!r} before it was ready")

    def _server(self) -> Server:
        service = ReplayService(self._task.file, self._task.handler)
        server = ServerProcess(self._task.contender, service, start_seconds=START_S, prepare=partial(load, service))
        self._stack.callback(server.stop)
        try:
            with interrupts_held_back():
                server.start()
        except ServerFailed as error:
            raise ReplayFailed("ServerFailed", str(error)) from None
        return Server(server.address, server.pid)

    def ask(self, asked: Asked, limit_s: float) -> Timed | Kept:
        """The client's answer, which must come in this time."""
        self._send(asked)
        answer = self._receive(limit_s)
        if not isinstance(answer, (Timed, Kept)):
            raise ReplayFailed("ProtocolError", f"the client said {answer!r}")
        return answer

    def _send(self, message: list[Server] | Asked) -> None:
        try:
            self._pipe.send(message)
        except ConnectionError:
            self._receive(END_S)  # a failure it reported before it went, else its death

    def _receive(self, limit_s: float) -> Answer | str:
        try:
            if not self._pipe.poll(limit_s):
                raise ReplayFailed("TimeLimit", f"no answer in {limit_s:.0f} s")
            said: Answer | str = self._pipe.recv()
        except (EOFError, ConnectionError):
            self._client.join()
            message = f"the client process ended with exit code {self._client.exitcode} and said nothing"
            raise ReplayFailed("ClientDied", message) from None
        if isinstance(said, Failure):
            raise ReplayFailed(said.kind, said.message, said.trace)
        return said

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._send_end()
        self._end()

    def _send_end(self) -> None:
        try:
            self._pipe.send(None)
        except ConnectionError:
            return
        self._client.join(END_S)

    def _end(self) -> None:
        try:
            if self._client.is_alive():
                self._client.terminate()  # upon which it gives back what it has, as a folder of a server in it
                self._client.join(END_S)
            if self._client.is_alive():
                self._client.kill()
                self._client.join()
        finally:
            self._stack.close()
        if self._client.pid is not None:
            self._client.close()
        self._pipe.close()
