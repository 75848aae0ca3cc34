"""asyncio's own streams over a Unix domain socket, each message after its length: RPC without a library.

The server runs handlers in its event loop, one at a time, and answers in order: with several calls in flight a caller
writes them one after the other. Callers belong to one loop, and one task at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from contenders import codec
from contenders.endpoints import fresh_socket_path
from contenders.interface import ARRAYS, PLAIN_LANES, AsyncCaller, Caller, CallError, Contender, ServerGone
from contenders.loop_caller import LoopCaller
from contenders.message_lanes import GATHERING_LANES, MessageLane, Respond
from contenders.service import methods_of

_LENGTH = struct.Struct("<Q")
_STREAM = b"stream"
"""Before a request for one: no request is this, in the lanes that have streams."""

Produce = Callable[[bytes], Iterator[bytes]]


async def _receive(reader: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return await reader.readexactly(length)


async def _send(writer: asyncio.StreamWriter, message: Any) -> None:
    if writer.is_closing():
        raise ConnectionError("the connection is closed")
    writer.writelines(_framed(message))
    await writer.drain()


def _framed(message: Any) -> tuple[Any, ...]:
    """The message, or the parts of one, behind its length."""
    parts = message if type(message) is tuple else (message,)
    return (_LENGTH.pack(sum(map(len, parts))), *parts)


class AsyncioUds(Contender):
    """An address is the path of a socket."""

    name = "asyncio-uds"
    summary = "asyncio streams with a length prefix over a Unix domain socket, nothing but the standard library."
    lanes: ClassVar[tuple[str, ...]] = (*PLAIN_LANES, ARRAYS)
    is_async: ClassVar[bool] = True
    several_in_flight = True
    stream_limit_bytes: ClassVar[int] = 64 * 1024
    """What a stream may hold before it stops reading from its socket."""
    loop_name: ClassVar[str] = "asyncio's own"

    def __init__(self, lane: str) -> None:
        super().__init__(lane)
        self.streams = lane not in ("bytes", ARRAYS)

    def new_address(self, folder: Path) -> str:
        return str(fresh_socket_path(folder, "asyncio"))

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        methods = methods_of(service)
        respond = GATHERING_LANES[self.lane].responder(methods)
        produce = partial(codec.stream, methods) if self.streams else None
        with asyncio.Runner(loop_factory=self.new_event_loop) as runner:
            runner.run(_serve(respond, produce, address, self.stream_limit_bytes, ready))

    async def connect_async(self, address: str) -> AsyncCaller:
        try:
            reader, writer = await asyncio.open_unix_connection(address, limit=self.stream_limit_bytes)
        except OSError as error:
            raise ServerGone(f"no server at {address}: {error}") from error
        return _StreamCaller(reader, writer, GATHERING_LANES[self.lane])

    def connect(self, address: str) -> Caller:
        return LoopCaller(self.new_event_loop(), self.connect_async(address))

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "Unix domain socket, length-prefixed messages",
            "API": "asyncio streams",
            "event loop": self.loop_name,
            "codec": GATHERING_LANES[self.lane].codec,
            "stream limit": f"{self.stream_limit_bytes} bytes",
            "in flight": "written one after the other; one stream answers them in their order",
            **({"streams": "an item a message, drain() after each"} if self.streams else {}),
            "server workers": "1 (the event loop)",
        }


async def _serve(
    respond: Respond,
    produce: Produce | None,
    address: str,
    limit_bytes: int,
    ready: Callable[[Callable[[], None]], None],
) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    connections: set[asyncio.Task[None]] = set()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await _receive(reader)
                if request == _STREAM and produce:
                    for item in produce(await _receive(reader)):
                        await _send(writer, item)
                else:
                    await _send(writer, respond(request))
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client has gone
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(converse(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    def stop() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has stopped before
            loop.call_soon_threadsafe(stopped.set)

    Path(address).unlink(missing_ok=True)  # what a killed server has left
    server = await asyncio.start_unix_server(accept, address, limit=limit_bytes)
    try:
        ready(stop)
        await stopped.wait()
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        Path(address).unlink(missing_ok=True)


class _StreamCaller(AsyncCaller):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lane: MessageLane) -> None:
        self._reader, self._writer, self._lane = reader, writer, lane

    async def call(self, method: str, payload: Any) -> Any:
        request = self._lane.request(method, payload)
        try:
            await _send(self._writer, request)
            response = await _receive(self._reader)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ServerGone(str(error)) from error
        return self._lane.result(response)

    def begin(self, method: str, payload: Any) -> Awaitable[Any]:
        request = self._lane.request(method, payload)
        if self._writer.is_closing():
            raise ServerGone("the connection is closed")
        self._writer.writelines(_framed(request))
        return self._answer()

    async def _answer(self) -> Any:
        # No drain(): a server whose answers nobody reads stops reading, and both would wait.
        try:
            response = await _receive(self._reader)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ServerGone(str(error)) from error
        return self._lane.result(response)

    async def stream(self, method: str, payload: Any) -> AsyncGenerator[Any, None]:
        is_over = False
        try:
            await _send(self._writer, _STREAM)
            await _send(self._writer, self._lane.request(method, payload))
            while (message := await _receive(self._reader)) != codec.END:
                yield self._lane.result(message)
            is_over = True
        except CallError:
            is_over = True
            raise
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ServerGone(str(error)) from error
        finally:
            if not is_over:  # the items that are still to come would be taken for answers
                self._writer.close()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):  # a connection that was lost cannot be closed in order
            await self._writer.wait_closed()
