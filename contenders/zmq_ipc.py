"""ZeroMQ: REQ and REP sockets over ``ipc://``, plain and blocking.

Lane ``bytes`` is the bare frame, lane ``json`` one orjson frame each way, lane ``native`` a multipart message
(:mod:`contenders.zmq_lanes`). Each caller has a context and an I/O thread of its own; one thread at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import zmq
from zmq.utils.monitor import recv_monitor_message

from contenders.endpoints import fresh_socket_path
from contenders.interface import Caller, Contender, ServerGone
from contenders.service import methods_of
from contenders.zmq_lanes import COPY_BELOW_BYTES, LANES, Lane

IO_THREADS = 1
SLICE_MS = 100  # how often a waiting caller looks whether its server is still connected
# Longer than any caller lives. The option's own "never", -1, takes the endpoint down from the I/O thread, and in a
# few of a hundred trials on libzmq 4.3.5 the context that was closed just then never terminated.
NEVER_RECONNECT_MS = 24 * 60 * 60 * 1000

_WAKE = "inproc://wake"
_EVENTS = zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.CLOSED | zmq.Event.DISCONNECTED


class ZmqIpc(Contender):
    """An address is a ZeroMQ endpoint: ``ipc://`` and an absolute path."""

    name = "zmq-ipc"
    summary = "ZeroMQ REQ/REP over ipc://, blocking."
    connect_seconds: ClassVar[float] = 10.0
    """How long a connection may take; a refused one fails at once."""

    def new_address(self, folder: Path) -> str:
        return f"ipc://{fresh_socket_path(folder, 'zmq')}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        wire, respond = LANES[self.lane].wire, LANES[self.lane].responder(methods_of(service))
        context = zmq.Context(IO_THREADS)
        stopping, stop_lock = threading.Event(), threading.Lock()

        def stop() -> None:
            # A socket must not be closed under the thread that waits on it: a message wakes it instead.
            with stop_lock:
                if not stopping.is_set():
                    stopping.set()
                    with context.socket(zmq.REQ) as waker:
                        waker.connect(_WAKE)
                        waker.send(b"")

        try:
            server = context.socket(zmq.REP)
            server.copy_threshold = COPY_BELOW_BYTES
            server.bind(address)
            server.bind(_WAKE)  # costs nothing while nobody is connected to it
            ready(stop)
            large = False
            while True:
                request = wire.receive(server, large)
                if stopping.is_set():
                    return
                large = wire.is_large(request)
                wire.send(server, respond(request))
        finally:
            with stop_lock:  # a stop() under way needs the context; a later one finds nothing left to do
                stopping.set()
                context.destroy(linger=0)

    def connect(self, address: str) -> Caller:
        return _ZmqCaller(address, LANES[self.lane], self.connect_seconds)

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "ipc:// (a Unix domain socket)",
            "sockets": "REQ/REP, blocking",
            "codec": {"bytes": "none", "json": "orjson", "native": "multipart frames"}[self.lane],
            "I/O threads": str(IO_THREADS),
            "copying": f"below {COPY_BELOW_BYTES // 1024} KiB, copy=False from there up",
            "linger": "0 ms",
            "reconnecting": "never",
            "receive timeout": f"slices of {SLICE_MS} ms, then the connection is looked at",
            "server workers": "1",
        }


class _ZmqCaller(Caller):
    """Waits in slices: a plain blocking receive, but one that notices a dead server within `SLICE_MS`.

    A receive timeout is free where an answer comes in time, and so is the monitor, which is read only after a
    slice without one. A connection is never made again: its outstanding request would be lost in silence.
    """

    def __init__(self, address: str, lane: Lane[Any], connect_seconds: float) -> None:
        self._lane = lane
        self._context = zmq.Context(IO_THREADS)
        self._socket = self._context.socket(zmq.REQ)
        self._socket.copy_threshold = COPY_BELOW_BYTES
        self._socket.reconnect_ivl = NEVER_RECONNECT_MS
        self._socket.rcvtimeo = self._socket.sndtimeo = SLICE_MS
        self._monitor = self._socket.get_monitor_socket(_EVENTS)
        self._socket.connect(address)
        if self._next_event(int(connect_seconds * 1000)) != zmq.Event.HANDSHAKE_SUCCEEDED:
            self.close()
            raise ServerGone(f"no server at {address}")

    def _next_event(self, timeout_ms: int) -> int | None:
        if not self._monitor.poll(timeout_ms):
            return None
        return recv_monitor_message(self._monitor)["event"]

    def call(self, method: str, payload: Any) -> Any:
        lane, wire, socket = self._lane, self._lane.wire, self._socket
        request = lane.request(method, payload)
        try:
            wire.send(socket, request)
            response = self._receive(wire.is_large(request))
        except zmq.ZMQError as error:  # nobody to send to, an earlier call was cut short, or closed
            raise ServerGone(str(error)) from error
        return lane.result(method, response)

    def _receive(self, large: bool) -> Any:
        while True:
            try:
                return self._lane.wire.receive(self._socket, large)
            except zmq.Again:
                if self._next_event(0) is not None:  # after the handshake every event is the end
                    raise ServerGone("the server closed the connection") from None

    def close(self) -> None:
        self._context.destroy(linger=0)
