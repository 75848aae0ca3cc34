"""What gRPC over a Unix socket and over TCP share: options, server, lanes and the way errors travel.

Lanes ``bytes`` and ``arrays`` are a method without serializers, lane ``json`` the same with orjson on top, lane
``native`` the generated stubs (:mod:`contenders.grpc_native`). Calls are unary and synchronous; ``.future()``, whose
callbacks run on a thread of their own, is used where several are in flight. A caller may be shared by threads.
"""

from __future__ import annotations

import abc
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar

import grpc

from contenders import codec
from contenders.grpc_errors import GrpcCaller, unary_handler
from contenders.grpc_native import NativeCaller, add_native_handlers
from contenders.interface import ARRAYS, PLAIN_LANES, Caller, Contender, ServerGone
from contenders.message_lanes import MESSAGE_LANES, MessageLane
from contenders.service import Methods, methods_of

_BOTH_ENDS: Mapping[str, int] = {
    "grpc.max_send_message_length": -1,
    "grpc.max_receive_message_length": -1,
    "grpc.enable_http_proxy": 0,
}
SERVER_OPTIONS: Mapping[str, int] = {**_BOTH_ENDS, "grpc.so_reuseport": 0}
# Without a pool of its own a second channel of a process silently shares the first one's connection.
CHANNEL_OPTIONS: Mapping[str, int] = {**_BOTH_ENDS, "grpc.use_local_subchannel_pool": 1}

CODECS = {
    "bytes": "none: no serializers",
    "json": "orjson, no serializers",
    "native": "protobuf",
    "arrays": f"{MESSAGE_LANES[ARRAYS].codec}, no serializers",
}
IO_THREADS = "gRPC's own, on both sides: their number is its choice"
RAW_SERVICE = "shm_rpc_bridge.bench.Raw"


class GrpcContender(Contender):
    """A gRPC contender but for its address: subclasses say what that means to a server and to a channel."""

    lanes: ClassVar[tuple[str, ...]] = (*PLAIN_LANES, ARRAYS)
    several_in_flight = True

    def __init__(self, lane: str) -> None:
        super().__init__(lane)
        self.streams = lane == "native"

    workers: ClassVar[int] = 1
    """Threads that run handlers: as many as every other contender has."""
    connect_seconds: ClassVar[float] = 10.0
    """How long a channel may take to become ready; a refused connection fails at once."""

    @abc.abstractmethod
    def bind(self, server: grpc.Server, address: str) -> None:
        """Let `server` listen at `address`."""

    @abc.abstractmethod
    def target(self, address: str) -> str:
        """The gRPC target of `address`. Raises :class:`ServerGone` when there can be no server."""

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        stopped = threading.Event()
        with ThreadPoolExecutor(self.workers, thread_name_prefix=self.name) as workers:
            server = grpc.server(workers, options=tuple(SERVER_OPTIONS.items()))
            methods = methods_of(service)
            if self.lane == "native":
                add_native_handlers(server, methods)
            else:
                add_raw_handlers(server, raw_functions(self.lane, methods))
            self.bind(server, address)
            server.start()
            try:
                ready(stopped.set)
                stopped.wait()
            finally:
                server.stop(grace=None).wait()

    def connect(self, address: str) -> Caller:
        channel = grpc.insecure_channel(self.target(address), options=tuple(CHANNEL_OPTIONS.items()))
        ready = grpc.channel_ready_future(channel)

        def refuse(state: grpc.ChannelConnectivity) -> None:
            if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
                ready.cancel()  # nobody listens: a server that is ready does not come up later

        channel.subscribe(refuse)
        try:
            ready.result(timeout=self.connect_seconds)
        except (grpc.FutureTimeoutError, grpc.FutureCancelledError):
            channel.close()
            raise ServerGone(f"{self.name}: no server at {address}") from None
        finally:
            channel.unsubscribe(refuse)
        return _CALLERS[self.lane](channel)

    def settings(self) -> Mapping[str, str]:
        options = {**SERVER_OPTIONS, **CHANNEL_OPTIONS}
        return {
            "API": "sync, unary",
            "codec": CODECS[self.lane],
            "in flight": ".future() of the stub, one HTTP/2 stream each",
            **({"streams": "server streaming"} if self.streams else {}),
            "server workers": str(self.workers) if self.workers == 1 else f"{self.workers}, whichever is free",
            "I/O threads": IO_THREADS,
            **{option: str(value) for option, value in options.items()},
        }


def raw_functions(lane: str, methods: Methods) -> Mapping[str, Callable[[bytes], bytes]]:
    """What :data:`RAW_SERVICE` serves in all lanes but ``native``: bytes in, bytes out."""
    if lane == "bytes":
        return methods
    if lane == ARRAYS:
        return {"call": MESSAGE_LANES[lane].responder(methods)}

    def call(request: bytes) -> bytes:
        method, payload = codec.decode_request(request)
        return codec.encode_result(methods[method](payload))

    return {"call": call}


def add_raw_handlers(
    server: Any, functions: Mapping[str, Callable[[bytes], bytes]], handler_of: Callable[..., Any] = unary_handler
) -> None:
    """Serve `functions` without serializers."""
    handlers: dict[str, Any] = {
        name: grpc.unary_unary_rpc_method_handler(handler_of(function)) for name, function in functions.items()
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(RAW_SERVICE, handlers),))


class _BytesCaller(GrpcCaller):
    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        self._echo: Any = channel.unary_unary(f"/{RAW_SERVICE}/echo")

    def exchange(self, method: str, payload: Any) -> Any:
        return self._method(method)(payload)

    def start(self, method: str, payload: Any) -> tuple[Any, Callable[[Any], Any]]:
        return self._method(method).future(payload), bytes

    def _method(self, name: str) -> Any:
        return self._echo if name == "echo" else self._channel.unary_unary(f"/{RAW_SERVICE}/{name}")


class _MessageCaller(GrpcCaller):
    def __init__(self, channel: grpc.Channel, lane: MessageLane) -> None:
        super().__init__(channel)
        self._lane = lane
        self._call: Any = channel.unary_unary(f"/{RAW_SERVICE}/call")

    def exchange(self, method: str, payload: Any) -> Any:
        return self._lane.result(self._call(self._lane.request(method, payload)))

    def start(self, method: str, payload: Any) -> tuple[Any, Callable[[Any], Any]]:
        return self._call.future(self._lane.request(method, payload)), self._lane.result


_CALLERS: Mapping[str, Callable[[grpc.Channel], Caller]] = {
    "bytes": _BytesCaller,
    "json": partial(_MessageCaller, lane=MESSAGE_LANES["json"]),
    "arrays": partial(_MessageCaller, lane=MESSAGE_LANES["arrays"]),
    "native": NativeCaller,
}
