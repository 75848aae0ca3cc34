"""Contenders that are quick to start, and some that go wrong in one way each. Importable by spawned processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import threading
from collections.abc import Awaitable, Callable, Mapping
from multiprocessing.connection import Client, Listener
from pathlib import Path
from typing import Any

from contenders.direct import Direct
from contenders.interface import AsyncCaller, Caller, CallError, Contender, ServerGone
from contenders.registry import ContenderUnavailable

HANG_FIFO = "SCENARIOS_TEST_HANG_FIFO"
"""Names the FIFO that a hanging client announces itself through; unset, `hang` answers as the others do."""


class Plain(Direct):
    """In-process, right."""

    name = "plain"


class Stale(Direct):
    """In-process; answers with the answer before."""

    name = "stale"

    def connect(self, address: str) -> Caller:
        return _Stale(super().connect(address))


class _Stale(Caller):
    def __init__(self, inner: Caller) -> None:
        self._inner = inner
        self._last: list[Any] = []

    def call(self, method: str, payload: Any) -> Any:
        self._last.append(self._inner.call(method, payload))
        return self._last.pop(0) if len(self._last) > 1 else self._last[0]

    def close(self) -> None:
        self._inner.close()


class Raising(Direct):
    """In-process; every call is an error."""

    name = "raising"

    def connect(self, address: str) -> Caller:
        return _Raising()


class _Raising(Caller):
    def call(self, method: str, payload: Any) -> Any:
        raise CallError("ValueError", "as it was told")

    def close(self) -> None:
        pass


class Dying(Direct):
    """In-process; the first call takes the process with it."""

    name = "dying"

    def connect(self, address: str) -> Caller:
        os._exit(3)


class Pipes(Contender):
    """A server in a process of its own, over a Unix socket."""

    name = "pipes"
    many_clients = False
    several_in_flight = True

    def new_address(self, folder: Path) -> str:
        return str(folder / "socket")

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        stopped = threading.Event()
        with Listener(address) as listener:
            threading.Thread(target=_accept, args=(listener, service), daemon=True).start()
            ready(stopped.set)
            stopped.wait()

    def connect(self, address: str) -> Caller:
        return _PipesCaller(address)

    def settings(self) -> Mapping[str, str]:
        return {"transport": "Unix socket"}


class _PipesCaller(Caller):
    def __init__(self, address: str) -> None:
        self._connection = Client(address)

    def call(self, method: str, payload: Any) -> Any:
        self._connection.send((method, payload))
        return self._connection.recv()

    def begin(self, method: str, payload: Any) -> Callable[[], Any]:
        self._connection.send((method, payload))
        return self._connection.recv

    def close(self) -> None:
        self._connection.close()


class Streams(Contender):
    """Asyncio's own: both sides live in an event loop, over a Unix socket; any number of clients."""

    name = "streams"
    is_async = True
    several_in_flight = True

    def new_address(self, folder: Path) -> str:
        return str(folder / "socket")

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    method, payload = await _read(reader)
                    _write(writer, getattr(service, method)(payload))

        async def run() -> None:
            loop, stopped = asyncio.get_running_loop(), asyncio.Event()
            server = await asyncio.start_unix_server(answer, address)
            ready(lambda: loop.call_soon_threadsafe(stopped.set) and None)
            await stopped.wait()
            server.close()

        asyncio.run(run())

    def connect(self, address: str) -> Caller:
        raise AssertionError("an asyncio contender is measured inside a running event loop")

    async def connect_async(self, address: str) -> AsyncCaller:
        return _StreamsCaller(*await asyncio.open_unix_connection(address))

    def settings(self) -> Mapping[str, str]:
        return {"transport": "Unix socket"}


class _StreamsCaller(AsyncCaller):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer, self._loop = reader, writer, asyncio.get_running_loop()

    async def call(self, method: str, payload: Any) -> Any:
        assert asyncio.get_running_loop() is self._loop
        _write(self._writer, (method, payload))
        return await _read(self._reader)

    def begin(self, method: str, payload: Any) -> Awaitable[Any]:
        _write(self._writer, (method, payload))
        return _read(self._reader)

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Any:
    length = int.from_bytes(await reader.readexactly(4), "big")
    return pickle.loads(await reader.readexactly(length))


def _write(writer: asyncio.StreamWriter, value: Any) -> None:
    content = pickle.dumps(value)
    writer.write(len(content).to_bytes(4, "big") + content)


class OneBad(Streams):
    """Lets two clients in; whoever comes third is told to leave."""

    name = "one-bad"

    async def connect_async(self, address: str) -> AsyncCaller:
        for place in range(2):
            with contextlib.suppress(FileExistsError):
                Path(f"{address}.{place}").touch(exist_ok=False)
                return await super().connect_async(address)
        raise ServerGone("this client is not wanted")


class Hang(Pipes):
    """The client of it announces itself and its parent, then waits for good, if :data:`HANG_FIFO` says where."""

    name = "hang"

    def connect(self, address: str) -> Caller:
        if fifo := os.environ.get(HANG_FIFO):
            Path(fifo).write_text(f"{os.getpid()}\n")
            threading.Event().wait()
        return super().connect(address)


class NoServer(Pipes):
    """Its server cannot start."""

    name = "no-server"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        raise OSError("no room for a server")


class _Fakes(dict[str, type[Contender]]):
    def __getitem__(self, name: str) -> type[Contender]:
        if name == "missing":
            raise ContenderUnavailable("missing", "pip install missing")
        return super().__getitem__(name)


def _accept(listener: Listener, service: object) -> None:
    with listener.accept() as connection:
        while True:
            try:
                method, payload = connection.recv()
            except EOFError:
                return
            connection.send(getattr(service, method)(payload))


_CLASSES: tuple[type[Contender], ...] = (Plain, Stale, Raising, Dying, Pipes, Streams, OneBad, Hang, NoServer)
CATALOGUE: Mapping[str, type[Contender]] = _Fakes({each.name: each for each in _CLASSES} | {"missing": Plain})
