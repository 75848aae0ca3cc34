"""ZeroMQ with PUSH and PULL sockets for streams: the pipeline of ZeroMQ's guide.

Calls are those of :mod:`contenders.zmq_ipc`. For a stream the caller binds a PULL socket and names it in a request; the
server connects a PUSH socket to it, pushes an item a message and answers the request when the last has been pushed.
Where the consumer is slower, the sockets' high-water marks hold the producer back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import orjson
import zmq

from contenders.endpoints import fresh_socket_path
from contenders.interface import Caller, CallError, ServerGone
from contenders.service import Methods, methods_of
from contenders.zmq_ipc import NEVER_RECONNECT_MS, SLICE_MS, ZmqCaller, ZmqIpc
from contenders.zmq_lanes import COPY_BELOW_BYTES, ZMQ_LANES, Parts, Wire

_PREFIX = "ipc://"
_STREAM = b""
"""The first part of a request for a stream: no method has an empty name."""
_ITEM, _END, _ERROR = b"item", b"end", b"error"
HIGH_WATER_MARK = 1000
"""Messages a socket may hold, ZeroMQ's own default; one on each side."""


class ZmqPush(ZmqIpc):
    """As :class:`contenders.zmq_ipc.ZmqIpc`, with streams."""

    name = "zmq-push"
    summary = "ZeroMQ over ipc://: a stream is pushed through PUSH/PULL, and started by a call through REQ/REP."
    lanes: ClassVar[tuple[str, ...]] = ("native",)
    streams = True

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        self._methods = methods_of(service)
        super().serve(service, address, ready)

    def answer(
        self,
        server: zmq.Socket[bytes],
        wire: Wire[Any],
        respond: Callable[[Any], Any],
        stopping: Callable[[], bool],
    ) -> None:
        def respond_or_push(request: Parts) -> Parts:
            if request[0] != _STREAM:
                answer: Parts = respond(request)
                return answer
            _, endpoint, method, payload = request
            items = _items(self._methods, str(method, "utf-8"), orjson.loads(payload))
            _push(server.context, str(endpoint, "utf-8"), items, stopping)
            return [_END]

        super().answer(server, wire, respond_or_push, stopping)

    def connect(self, address: str) -> Caller:
        return _PullCaller(self, address)

    def settings(self) -> Mapping[str, str]:
        return {
            **super().settings(),
            "streams": "a PUSH and a PULL socket for each, an item a message",
            "high-water marks": f"{HIGH_WATER_MARK} messages on each side",
        }


def _items(methods: Methods, method: str, payload: Any) -> Iterator[Parts]:
    """A message per item, and one of its end or its error."""
    try:
        for item in methods[method](payload):
            yield [_ITEM, item.encode()]
    except Exception as error:  # a user's generator ran: anything may come out of it
        yield [_ERROR, type(error).__name__.encode(), str(error).encode()]
    else:
        yield [_END]


def _push(context: zmq.Context[Any], endpoint: str, items: Iterator[Parts], stopping: Callable[[], bool]) -> None:
    """Push all of `items`, or as many as there is somebody for."""
    socket = context.socket(zmq.PUSH)
    try:
        socket.sndhwm = HIGH_WATER_MARK
        socket.immediate = True  # nothing is queued for who is not there
        socket.reconnect_ivl = NEVER_RECONNECT_MS
        socket.sndtimeo = SLICE_MS
        socket.copy_threshold = COPY_BELOW_BYTES
        with socket.get_monitor_socket(zmq.Event.CLOSED | zmq.Event.DISCONNECTED) as monitor:
            socket.connect(endpoint)
            for item in items:
                while not _sent(socket, item):
                    if stopping() or monitor.poll(0):
                        return
            socket.disable_monitor()
    finally:
        # The last items are on their way still; of a consumer that has gone, ZeroMQ drops them.
        socket.close()


def _sent(socket: zmq.Socket[bytes], parts: Parts) -> bool:
    """Whether there was room for it within a slice."""
    try:
        socket.send_multipart(parts, copy=False)
    except zmq.Again:
        return False
    return True


class _PullCaller(ZmqCaller):
    def __init__(self, contender: ZmqPush, address: str) -> None:
        super().__init__(contender, address, ZMQ_LANES[contender.lane])
        self._folder = Path(address.removeprefix(_PREFIX)).parent

    def stream(self, method: str, payload: Any) -> Generator[Any, None, None]:
        wire = self._lane.wire
        try:
            with self._context.socket(zmq.PULL) as pull:
                pull.rcvhwm = HIGH_WATER_MARK
                pull.rcvtimeo = SLICE_MS
                path = fresh_socket_path(self._folder, "pull")
                pull.bind(f"{_PREFIX}{path}")
                request = [_STREAM, f"{_PREFIX}{path}".encode(), method.encode(), orjson.dumps(payload)]
                wire.send(self._socket, request)
                try:
                    while True:
                        kind, *rest = self.receive(wire, pull, False)
                        if kind != _ITEM:
                            break
                        yield str(rest[0], "utf-8")
                finally:
                    pull.close(linger=0)  # which ends the pushing, where it goes on
                    self.receive(wire, self._socket, False)
        except zmq.ZMQError as error:
            raise ServerGone(str(error)) from error
        if kind == _ERROR:
            raise CallError(str(rest[0], "utf-8"), str(rest[1], "utf-8"))
