"""ZeroMQ: REQ and REP sockets over ``ipc://``, plain and blocking.

Lane ``bytes`` is the bare frame, lane ``json`` one orjson frame each way, lanes ``native`` and ``arrays`` a multipart
message, lane ``pickle`` what send_pyobj and recv_pyobj do (:mod:`contenders.zmq_lanes`). Each caller has a context and
an I/O thread of its own; one thread at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import zmq
from zmq.utils.monitor import recv_monitor_message

from contenders.endpoints import fresh_socket_path
from contenders.interface import LANES, Caller, Contender, ServerGone
from contenders.message_lanes import MESSAGE_LANES
from contenders.service import methods_of
from contenders.zmq_lanes import COPY_BELOW_BYTES, ZMQ_LANES, Wire, ZmqLane

IO_THREADS = 1
SLICE_MS = 100  # how often a waiting caller looks whether its server is still connected
# Longer than any caller lives. The option's own "never", -1, takes the endpoint down from the I/O thread, and in a
# few of a hundred trials on libzmq 4.3.5 the context that was closed just then never terminated.
NEVER_RECONNECT_MS = 24 * 60 * 60 * 1000

_WAKE = "inproc://wake"
EVENTS = zmq.Event.HANDSHAKE_SUCCEEDED | zmq.Event.CLOSED | zmq.Event.DISCONNECTED


class ZmqIpc(Contender):
    """An address is a ZeroMQ endpoint: ``ipc://`` and an absolute path."""

    name = "zmq-ipc"
    summary = "ZeroMQ REQ/REP over ipc://, blocking."
    lanes: ClassVar[tuple[str, ...]] = LANES
    connect_seconds: ClassVar[float] = 10.0
    """How long a connection may take; a refused one fails at once."""
    client_socket: ClassVar[int] = zmq.REQ
    server_socket: ClassVar[int] = zmq.REP

    def new_address(self, folder: Path) -> str:
        return f"ipc://{fresh_socket_path(folder, 'zmq')}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        lane = ZMQ_LANES[self.lane]
        respond = lane.responder(methods_of(service))
        context = zmq.Context(IO_THREADS)
        stopping, stop_lock = threading.Event(), threading.Lock()

        def stop() -> None:
            # A socket must not be closed under the thread that waits on it: a message wakes it instead.
            with stop_lock:
                if not stopping.is_set():
                    stopping.set()
                    with context.socket(self.client_socket) as waker:
                        waker.connect(_WAKE)
                        waker.send(b"")

        try:
            server = context.socket(self.server_socket)
            self.configure(server)
            server.copy_threshold = COPY_BELOW_BYTES
            server.bind(address)
            server.bind(_WAKE)  # costs nothing while nobody is connected to it
            ready(stop)
            self.answer(server, lane.wire, respond, stopping.is_set)
        finally:
            with stop_lock:  # a stop() under way needs the context; a later one finds nothing left to do
                stopping.set()
                context.destroy(linger=0)

    def configure(self, socket: zmq.Socket[bytes]) -> None:
        """Set options of either side's socket, before it is bound or connected."""

    def answer(
        self,
        server: zmq.Socket[bytes],
        wire: Wire[Any],
        respond: Callable[[Any], Any],
        stopping: Callable[[], bool],
    ) -> None:
        """Answer requests until `stopping`, which comes with a message that is not to be answered."""
        large = False
        while True:
            request = self.next_request(server, wire, large)
            if stopping():
                return
            large = wire.is_large(request)
            wire.send(server, respond(request))

    def next_request(self, server: zmq.Socket[bytes], wire: Wire[Any], large: bool) -> Any:
        """Wait for one, however long that takes."""
        return wire.receive(server, large, 0)

    def connect(self, address: str) -> Caller:
        return ZmqCaller(self, address, ZMQ_LANES[self.lane])

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "ipc:// (a Unix domain socket)",
            "sockets": "REQ/REP, blocking",
            "codec": "multipart frames" if self.lane == "native" else MESSAGE_LANES[self.lane].codec,
            "I/O threads": str(IO_THREADS),
            "copying": f"below {COPY_BELOW_BYTES // 1024} KiB, copy=False from there up",
            "linger": "0 ms",
            "reconnecting": "never",
            "receive timeout": f"slices of {SLICE_MS} ms, then the connection is looked at",
            "server workers": "1",
        }


class ZmqCaller(Caller):
    """Waits in slices: a plain blocking receive, but one that notices a dead server within `SLICE_MS`.

    A receive timeout is free where an answer comes in time, and so is the monitor, which is read only after a
    slice without one. A connection is never made again: its outstanding request would be lost in silence.
    """

    def __init__(self, contender: ZmqIpc, address: str, lane: ZmqLane[Any]) -> None:
        self._lane = lane
        self._lost = False
        self._context = zmq.Context(IO_THREADS)
        self._socket = self._context.socket(contender.client_socket)
        contender.configure(self._socket)
        self._socket.copy_threshold = COPY_BELOW_BYTES
        self._socket.reconnect_ivl = NEVER_RECONNECT_MS
        self._socket.rcvtimeo = self._socket.sndtimeo = SLICE_MS
        self._monitor = self._socket.get_monitor_socket(EVENTS)
        self._socket.connect(address)
        if self._next_event(int(contender.connect_seconds * 1000)) != zmq.Event.HANDSHAKE_SUCCEEDED:
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
            response = self.receive(wire, socket, wire.is_large(request))
        except zmq.ZMQError as error:  # nobody to send to, an earlier call was cut short, or closed
            raise ServerGone(str(error)) from error
        return lane.result(method, response)

    def receive(self, wire: Wire[Any], socket: zmq.Socket[bytes], large: bool) -> Any:
        """The response. Raises :class:`ServerGone` when the connection has been lost."""
        while True:
            try:
                return wire.receive(socket, large, 0)
            except zmq.Again:
                self.look()

    def look(self) -> None:
        """Raise :class:`ServerGone` when the connection has been lost."""
        self._lost = self._lost or self._next_event(0) is not None  # after the handshake every event is the end
        if self._lost:
            raise ServerGone("the server closed the connection")

    def close(self) -> None:
        self._context.destroy(linger=0)
