"""Shared memory RPC, this project's library, waiting adaptively: only public names, as a user writes it.

Lanes ``json`` and ``native`` are RPCServer and RPCClient: JSON is this library's own idiom. Lane ``pickle`` is the same
with ``codec="pickle"``, lane ``arrays`` with methods that borrow the array they only read. Lane ``bytes`` is its
SharedMemoryTransport, which joins two processes and no more. Callers of the others may be shared by threads, and
several calls in flight are ``RPCClient.submit``, which has threads for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import CancelledError, Future
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from contenders.endpoints import fresh_path
from contenders.interface import ARRAYS, LANES, Caller, CallError, Contender, ServerGone
from contenders.message_lanes import MESSAGE_LANES
from contenders.service import Methods, methods_of
from shm_rpc_bridge import (
    RPCClient,
    RPCError,
    RPCMethodError,
    RPCSerializationError,
    RPCServer,
    SharedMemoryTransport,
)

VIEW_FROM_BYTES = 64 * 1024
"""Lane ``bytes`` looks at larger messages in place, as the ZeroMQ contender does with copy=False."""


BORROWING = ("total", "first")
"""Methods that only read an array, which lane ``arrays`` registers with ``borrow=True``."""


class Shm(Contender):
    """An address is the name of a server, or of a transport in lane ``bytes``."""

    name = "shm"
    summary = "This project's shared memory RPC, spinning briefly and then parking on a semaphore."
    lanes: ClassVar[tuple[str, ...]] = LANES
    wait = "adaptive"
    codec: ClassVar[str] = "json"
    """The codec of every lane but ``pickle`` and ``bytes``, by its name."""

    borrowing: ClassVar[tuple[str, ...]] = BORROWING
    threads: ClassVar[int] = 0
    """Of the server, that run handlers; 0: one after the other."""

    def __init__(self, lane: str) -> None:
        super().__init__(lane)
        self.many_clients = self.several_in_flight = lane != "bytes"
        self.streams = lane not in ("bytes", ARRAYS)
        self._codec = "pickle" if lane == "pickle" else self.codec

    def new_address(self, folder: Path) -> str:
        return fresh_path(folder, "bench").name  # nothing of it lies in the folder: it is shared memory

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        if self.lane == "bytes":
            self._serve_bytes(methods_of(service), address, ready)
            return
        with RPCServer(address, wait=self.wait, threads=self.threads, codec=self._codec) as server:
            for name, method in methods_of(service).items():
                server.register(name, method, borrow=self.lane == ARRAYS and name in self.borrowing)
            ready(server.stop)
            server.start()

    def _serve_bytes(self, methods: Methods, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        echo, stopped = methods["echo"], threading.Event()
        with SharedMemoryTransport.create(address, wait=self.wait) as transport:

            def stop() -> None:
                stopped.set()
                transport.close()

            ready(stop)
            try:
                receive: Callable[[], bytes | memoryview] = transport.receive_request
                while True:
                    request = receive()
                    transport.send_response(echo(request))
                    # As large as the last one, most likely: the same rule as the ZeroMQ contender's.
                    receive = transport.receive_request if len(request) < VIEW_FROM_BYTES else transport.view_request
            except RPCError:
                pass  # closed by stop(), or left by its one client
        stopped.wait()  # this process is measured until it is told to stop

    def connect(self, address: str) -> Caller:
        try:
            if self.lane == "bytes":
                return _TransportCaller(SharedMemoryTransport.open(address, wait=self.wait))
            return _ClientCaller(RPCClient(address, wait=self.wait, codec=self._codec))
        except RPCError as error:
            raise ServerGone(str(error)) from error

    def settings(self) -> Mapping[str, str]:
        api = "SharedMemoryTransport" if self.lane == "bytes" else "RPCServer and RPCClient"
        return {
            "transport": "POSIX shared memory and semaphores",
            "API": api,
            "codec": self.describe_codec(),
            **(
                {"copying": f"below {VIEW_FROM_BYTES // 1024} KiB, views from there up"} if self.lane == "bytes" else {}
            ),
            **({"arrays": f"{' and '.join(self.borrowing)} borrow, the others copy"} if self.lane == ARRAYS else {}),
            **({"in flight": "RPCClient.submit: 16 threads, a channel each"} if self.several_in_flight else {}),
            **({"streams": "RPCClient.stream of a generator"} if self.streams else {}),
            "wait": self.wait,
            "buffer size": f"{SharedMemoryTransport.DEFAULT_BUFFER_SIZE} bytes at first, grows",
            "server workers": "1",
        }

    def describe_codec(self) -> str:
        """As settings print it."""
        return "orjson; arrays beside the message" if self.lane == ARRAYS else MESSAGE_LANES[self.lane].codec


class _ClientCaller(Caller):
    def __init__(self, client: RPCClient) -> None:
        self._client = client

    def call(self, method: str, payload: Any) -> Any:
        try:
            return self._client.call(method, payload=payload)
        except Exception as error:  # codec "pickle" raises what the handler raised
            raise told(error) from error

    def begin(self, method: str, payload: Any) -> Callable[[], Any]:
        try:
            return partial(_result, self._client.submit(method, payload=payload))
        except RPCError as error:
            raise told(error) from error

    def stream(self, method: str, payload: Any) -> Generator[Any, None, None]:
        try:
            with self._client.stream(method, payload=payload) as items:
                yield from items
        except Exception as error:  # as of a call
            raise told(error) from error

    def close(self) -> None:
        self._client.close()


def _result(called: Future[Any]) -> Any:
    try:
        return called.result()
    except CancelledError as error:
        raise ServerGone("this caller is closed") from error
    except Exception as error:  # as of a call
        raise told(error) from error


def told(error: Exception) -> Exception:
    """What an exception of a call is to the caller of a contender."""
    if isinstance(error, RPCMethodError):
        return CallError(error.remote_type, error.remote_message)
    if isinstance(error, RPCError) and not isinstance(error, RPCSerializationError):
        return ServerGone(str(error))
    return CallError(type(error).__name__, str(error))


class _TransportCaller(Caller):
    def __init__(self, transport: SharedMemoryTransport) -> None:
        self._transport = transport

    def call(self, method: str, payload: Any) -> Any:
        if method != "echo":
            raise CallError("LookupError", f"lane bytes carries echo alone, not {method!r}")
        try:
            self._transport.send_request(payload)
            if len(payload) < VIEW_FROM_BYTES:
                return self._transport.receive_response()
            return self._transport.view_response()
        except RPCError as error:
            raise ServerGone(str(error)) from error

    def close(self) -> None:
        self._transport.close()
