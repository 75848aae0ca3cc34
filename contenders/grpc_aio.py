"""gRPC's asyncio API, ``grpc.aio``, on both sides, over a Unix domain socket.

The lanes are those of the synchronous contenders (:mod:`contenders.grpc_base`). Handlers are coroutine functions and
run in the server's event loop, one at a time. A caller may be shared by the tasks of its loop; several calls in flight
are calls that are awaited later, as the API has it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import grpc
import grpc.aio

from contenders import codec
from contenders.endpoints import fresh_socket_path
from contenders.grpc_base import (
    CHANNEL_OPTIONS,
    CODECS,
    IO_THREADS,
    RAW_SERVICE,
    SERVER_OPTIONS,
    add_raw_handlers,
    raw_functions,
)
from contenders.grpc_errors import ASYNC, caller_error, unary_handler_async
from contenders.grpc_native import add_native_handlers, production, stub_methods, unknown
from contenders.interface import AsyncCaller, Caller, Contender, ServerGone
from contenders.loop_caller import LoopCaller
from contenders.message_lanes import echo_only
from contenders.service import Methods, methods_of


class GrpcAio(Contender):
    """An address is a gRPC target: ``unix:`` and an absolute path."""

    name = "grpc-aio"
    summary = "gRPC for Python, asyncio API, over a Unix domain socket."
    is_async: ClassVar[bool] = True
    several_in_flight = True
    connect_seconds: ClassVar[float] = 10.0
    """How long a channel may take to become ready; a refused connection fails at once."""

    def __init__(self, lane: str) -> None:
        super().__init__(lane)
        self.streams = lane == "native"

    def new_address(self, folder: Path) -> str:
        return f"unix:{fresh_socket_path(folder, 'grpc')}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        asyncio.run(_serve(self.lane, methods_of(service), address, ready))

    async def connect_async(self, address: str) -> AsyncCaller:
        channel = grpc.aio.insecure_channel(address, options=tuple(CHANNEL_OPTIONS.items()))
        try:
            await asyncio.wait_for(_connected(channel), self.connect_seconds)
        except (TimeoutError, ServerGone):
            await channel.close()
            raise ServerGone(f"{self.name}: no server at {address}") from None
        return _AioCaller(channel, self.lane)

    def connect(self, address: str) -> Caller:
        return LoopCaller(self.new_event_loop(), self.connect_async(address))

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "HTTP/2 over a Unix domain socket",
            "API": "grpc.aio, unary",
            "event loop": "asyncio's own",
            "codec": CODECS[self.lane],
            "in flight": "calls that are awaited later, one HTTP/2 stream each",
            **({"streams": "server streaming"} if self.streams else {}),
            "server workers": "1 (the event loop)",
            "I/O threads": IO_THREADS,
            **{option: str(value) for option, value in {**SERVER_OPTIONS, **CHANNEL_OPTIONS}.items()},
        }


async def _serve(lane: str, methods: Methods, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has stopped before
            loop.call_soon_threadsafe(stopped.set)

    server = grpc.aio.server(options=tuple(SERVER_OPTIONS.items()))
    if lane == "native":
        add_native_handlers(server, methods, ASYNC)
    else:
        add_raw_handlers(server, raw_functions(lane, methods), unary_handler_async)
    server.add_insecure_port(address)
    await server.start()
    try:
        ready(stop)
        await stopped.wait()
    finally:
        await server.stop(grace=None)


async def _connected(channel: grpc.aio.Channel) -> None:
    """Return once `channel` is ready. Raises :class:`ServerGone` when nobody listens."""
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.READY:
        if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            raise ServerGone  # a server that is ready does not come up later
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)


_Started = tuple[Awaitable[Any], Callable[[Any], Any]]
"""A reply that can be awaited, and what makes a result of it."""


def _as_it_is(reply: Any) -> Any:
    return reply


class _AioCaller(AsyncCaller):
    def __init__(self, channel: grpc.aio.Channel, lane: str) -> None:
        self._channel = channel
        self._closed = False
        self._stubs = stub_methods(channel) if lane == "native" else {}
        raw: Any = channel.unary_unary(f"/{RAW_SERVICE}/{'echo' if lane == 'bytes' else 'call'}")
        self._raw = raw
        starts = {"bytes": self._start_bytes, "json": self._start_json, "native": self._start_native}
        self._start = starts[lane]

    async def call(self, method: str, payload: Any) -> Any:
        return await self.begin(method, payload)

    def begin(self, method: str, payload: Any) -> Awaitable[Any]:
        try:
            reply, result = self._start(method, payload)
        except grpc.aio.UsageError as error:  # how a closed channel refuses a call
            if self._closed:
                raise ServerGone("this caller is closed") from error
            raise
        return self._answer(reply, result)

    async def _answer(self, reply: Awaitable[Any], result: Callable[[Any], Any]) -> Any:
        try:
            return result(await reply)
        except grpc.RpcError as error:
            raise caller_error(error) from error
        except (grpc.aio.UsageError, asyncio.CancelledError) as error:  # and what it leaves of one that is on its way
            if self._closed:
                raise ServerGone("this caller is closed") from error
            raise

    def _start_bytes(self, method: str, payload: Any) -> _Started:
        return self._raw(echo_only(method, payload)), _as_it_is

    def _start_json(self, method: str, payload: Any) -> _Started:
        return self._raw(codec.encode_request(method, payload)), codec.decode_response

    def _start_native(self, method: str, payload: Any) -> _Started:
        called = self._stubs.get(method)
        if called is None:
            raise unknown(method)
        return called.stub(called.request(payload)), called.result

    async def stream(self, method: str, payload: Any) -> AsyncGenerator[Any, None]:
        try:
            replies = production(self._channel, method, payload)
            try:
                async for reply in replies:
                    yield reply.text
            finally:
                replies.cancel()  # where it is closed early; it changes nothing at the end
        except grpc.RpcError as error:
            raise caller_error(error) from error
        except (grpc.aio.UsageError, asyncio.CancelledError) as error:
            if self._closed:
                raise ServerGone("this caller is closed") from error
            raise

    async def close(self) -> None:
        self._closed = True
        await self._channel.close()
