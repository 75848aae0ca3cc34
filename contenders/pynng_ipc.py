"""nng through pynng: Req0 and Rep0 sockets over ``ipc://``, plain and blocking. One thread per caller.

nng does its I/O in threads of its own; pynng copies each message into Python bytes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pynng

from contenders.endpoints import fresh_socket_path
from contenders.interface import Caller, Contender, ServerGone
from contenders.message_lanes import LANES, MessageLane
from contenders.service import methods_of

SLICE_MS = 100  # how often a waiting caller looks whether its server is still connected
NEVER_MS = 24 * 60 * 60 * 1000


class PynngIpc(Contender):
    """An address is an nng URL: ``ipc://`` and an absolute path."""

    name = "pynng"
    summary = "nng (the successor of nanomsg) REQ/REP over ipc:// through pynng, blocking."

    connect_seconds: ClassVar[float] = 10.0

    def new_address(self, folder: Path) -> str:
        return f"ipc://{fresh_socket_path(folder, 'nng')}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        respond = LANES[self.lane].responder(methods_of(service))
        stopping = threading.Event()
        with pynng.Rep0(recv_max_size=0) as server:

            def stop() -> None:
                stopping.set()
                server.close()  # wakes the thread that waits on it, which nng allows

            server.listen(address)
            ready(stop)
            while True:
                try:
                    server.send(respond(_received(server)))
                except pynng.Closed:
                    return

    def connect(self, address: str) -> Caller:
        socket = pynng.Req0(
            recv_max_size=0,
            recv_timeout=SLICE_MS,
            send_timeout=SLICE_MS,
            resend_time=NEVER_MS,
            reconnect_time_min=NEVER_MS,
            reconnect_time_max=NEVER_MS,
        )
        connected, lost = threading.Event(), threading.Event()
        socket.add_post_pipe_connect_cb(lambda pipe: connected.set())
        socket.add_post_pipe_remove_cb(lambda pipe: lost.set())
        try:
            socket.dial(address, block=True)
        except pynng.NNGException as error:
            socket.close()
            raise ServerGone(f"no server at {address}: {error}") from error
        connected.wait(self.connect_seconds)  # nng tells so from a thread of its own
        return _NngCaller(socket, lost, LANES[self.lane])

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "ipc:// (a Unix domain socket)",
            "sockets": "Req0/Rep0, blocking",
            "codec": LANES[self.lane].codec,
            "largest message": "unlimited",
            "resending and reconnecting": "never",
            "receive timeout": f"slices of {SLICE_MS} ms, then the connection is looked at",
            "server workers": "1",
        }


def _received(socket: Any) -> bytes:
    """The next message. An empty one has no body, and pynng 0.9 then asks cffi to unpack a null pointer."""
    try:
        message: bytes = socket.recv()
    except RuntimeError:
        return b""
    return message


class _NngCaller(Caller):
    """Waits in slices, after each of which it looks whether the connection is still there."""

    def __init__(self, socket: Any, lost: threading.Event, lane: MessageLane) -> None:
        self._socket, self._lost, self._lane = socket, lost, lane

    def call(self, method: str, payload: Any) -> Any:
        request = self._lane.request(method, payload)
        try:
            self._patiently(self._socket.send, request)
            response = self._patiently(_received, self._socket)
        except pynng.NNGException as error:  # closed, or no connection to send over
            raise ServerGone(str(error)) from error
        return self._lane.result(response)

    def _patiently(self, act: Callable[[Any], Any], what: Any) -> Any:
        """What `act` returns, tried again while it times out and the connection is there."""
        while True:
            with contextlib.suppress(pynng.Timeout):
                return act(what)
            if self._lost.is_set():
                raise ServerGone("the server closed the connection")

    def close(self) -> None:
        self._socket.close()
