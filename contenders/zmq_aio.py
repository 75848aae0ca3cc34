"""ZeroMQ's asyncio sockets, ``zmq.asyncio``, DEALER and ROUTER over ``ipc://``.

The server runs handlers in its event loop, one at a time, and answers in order, as :mod:`contenders.zmq_dealer` does;
so are the lanes. Callers belong to one loop, and one task at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import zmq
import zmq.asyncio
from zmq.utils.monitor import parse_monitor_message

from contenders.endpoints import fresh_socket_path
from contenders.interface import AsyncCaller, Caller, Contender, ServerGone
from contenders.loop_caller import LoopCaller
from contenders.message_lanes import MESSAGE_LANES
from contenders.service import Methods, methods_of
from contenders.zmq_dealer import HIGH_WATER_MARK
from contenders.zmq_ipc import EVENTS, IO_THREADS, NEVER_RECONNECT_MS
from contenders.zmq_lanes import COPY_BELOW_BYTES, ZMQ_LANES, Parts


class ZmqAio(Contender):
    """An address is a ZeroMQ endpoint: ``ipc://`` and an absolute path."""

    name = "zmq-aio"
    summary = "ZeroMQ DEALER/ROUTER over ipc://, asyncio API."
    lanes: ClassVar[tuple[str, ...]] = ("json", "native")
    is_async: ClassVar[bool] = True
    several_in_flight = True
    connect_seconds: ClassVar[float] = 10.0
    """How long a connection may take; a refused one fails at once."""

    def new_address(self, folder: Path) -> str:
        return f"ipc://{fresh_socket_path(folder, 'zmq')}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        asyncio.run(_serve(self.lane, methods_of(service), address, ready))

    async def connect_async(self, address: str) -> AsyncCaller:
        caller = _AioCaller(self.lane, address)
        try:
            await asyncio.wait_for(caller.connected(), self.connect_seconds)
        except (TimeoutError, ServerGone):
            await caller.close()
            raise ServerGone(f"no server at {address}") from None
        return caller

    def connect(self, address: str) -> Caller:
        return LoopCaller(self.new_event_loop(), self.connect_async(address))

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "ZeroMQ over ipc://",
            "API": "zmq.asyncio",
            "event loop": "asyncio's own",
            "sockets": "DEALER/ROUTER",
            "codec": "multipart frames" if self.lane == "native" else MESSAGE_LANES[self.lane].codec,
            "I/O threads": str(IO_THREADS),
            "copying": f"sending, below {COPY_BELOW_BYTES // 1024} KiB; receiving, always",
            "high-water mark": f"{HIGH_WATER_MARK} messages, both ways, both ends",
            "linger": "0 ms",
            "reconnecting": "never",
            "in flight": "sent one after the other; one ROUTER answers them in their order",
            "server workers": "1 (the event loop)",
        }


def _parts_of(unit: Any) -> Parts:
    """A lane's unit as multipart frames."""
    return unit if isinstance(unit, list) else [unit]


def _unit_of(lane: str, parts: Parts) -> Any:
    return parts if lane == "native" else parts[0]


async def _serve(lane: str, methods: Methods, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
    loop, serving = asyncio.get_running_loop(), asyncio.current_task()
    assert serving is not None
    respond = ZMQ_LANES[lane].responder(methods)

    def stop() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has stopped before
            loop.call_soon_threadsafe(serving.cancel)

    context = zmq.asyncio.Context(IO_THREADS)
    try:
        server = context.socket(zmq.ROUTER)
        server.set_hwm(HIGH_WATER_MARK)
        server.copy_threshold = COPY_BELOW_BYTES
        server.bind(address)
        ready(stop)
        while True:
            identity, *received = await server.recv_multipart()
            request: Parts = [*received]
            await server.send_multipart([identity, *_parts_of(respond(_unit_of(lane, request)))], copy=False)
    except asyncio.CancelledError:
        serving.uncancel()  # by stop()
    finally:
        context.destroy(linger=0)


class _AioCaller(AsyncCaller):
    """A connection is never made again; that it was lost is heard from the socket's monitor."""

    def __init__(self, lane: str, address: str) -> None:
        self._lane_name, self._lane = lane, ZMQ_LANES[lane]
        self._context = zmq.asyncio.Context(IO_THREADS)
        self._socket = socket = self._context.socket(zmq.DEALER)
        socket.set_hwm(HIGH_WATER_MARK)
        socket.copy_threshold = COPY_BELOW_BYTES
        socket.reconnect_ivl = NEVER_RECONNECT_MS
        self._monitor = socket.get_monitor_socket(EVENTS)
        self._awaited: set[asyncio.Future[Parts]] = set()
        self._lost = False
        self._watching: asyncio.Task[None] | None = None
        socket.connect(address)

    async def connected(self) -> None:
        """Return once it is. Raises :class:`ServerGone` when nobody listens."""
        if await self._next_event() != zmq.Event.HANDSHAKE_SUCCEEDED:
            raise ServerGone
        self._watching = asyncio.create_task(self._watch())

    async def _next_event(self) -> int:
        event: int = parse_monitor_message(await self._monitor.recv_multipart())["event"]
        return event

    async def _watch(self) -> None:
        await self._next_event()  # after the handshake every event is the end
        self._lost = True
        for future in list(self._awaited):
            if not future.done():
                future.set_exception(ServerGone("the server closed the connection"))

    async def call(self, method: str, payload: Any) -> Any:
        return await self.begin(method, payload)

    def begin(self, method: str, payload: Any) -> Awaitable[Any]:
        parts = _parts_of(self._lane.request(method, payload))
        if self._lost:
            raise ServerGone("the server closed the connection")
        try:
            # At once, where there is room: there is, below the high-water mark.
            sent: Any = self._socket.send_multipart(parts, copy=False)
        except zmq.ZMQError as error:  # closed
            raise ServerGone(str(error)) from error
        return self._answer(method, sent)

    async def _answer(self, method: str, sent: Awaitable[Any]) -> Any:
        try:
            await sent
            received: Any = self._socket.recv_multipart()
            self._awaited.add(received)
            try:
                parts = await received
            finally:
                self._awaited.discard(received)
        except zmq.ZMQError as error:
            raise ServerGone(str(error)) from error
        return self._lane.result(method, _unit_of(self._lane_name, parts))

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        self._context.destroy(linger=0)
