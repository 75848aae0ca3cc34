"""nng through pynng: Req0 and Rep0 sockets over ``ipc://``, plain and blocking. One thread per caller.

nng does its I/O in threads of its own; pynng copies each message into Python bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import pynng

from contenders.endpoints import fresh_socket_path
from contenders.interface import ARRAYS, PLAIN_LANES, Caller, Contender, ServerGone
from contenders.message_lanes import MESSAGE_LANES, MessageLane
from contenders.service import methods_of

NEVER_MS = 24 * 60 * 60 * 1000


class PynngIpc(Contender):
    """An address is an nng URL: ``ipc://`` and an absolute path."""

    name = "pynng"
    summary = "nng (the successor of nanomsg) REQ/REP over ipc:// through pynng, blocking."
    lanes: ClassVar[tuple[str, ...]] = (*PLAIN_LANES, ARRAYS)

    def new_address(self, folder: Path) -> str:
        return f"ipc://{fresh_socket_path(folder, 'nng')}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        respond = MESSAGE_LANES[self.lane].responder(methods_of(service))
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
            recv_max_size=0, resend_time=NEVER_MS, reconnect_time_min=NEVER_MS, reconnect_time_max=NEVER_MS
        )
        caller = _NngCaller(socket, MESSAGE_LANES[self.lane])
        socket.add_post_pipe_remove_cb(caller.connection_lost)
        try:
            socket.dial(address, block=True)
        except pynng.NNGException as error:
            caller.close()
            raise ServerGone(f"no server at {address}: {error}") from error
        return caller

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "ipc:// (a Unix domain socket)",
            "sockets": "Req0/Rep0, blocking",
            "codec": MESSAGE_LANES[self.lane].codec,
            "largest message": "unlimited",
            "resending and reconnecting": "never",
            "timeouts": "none; a lost connection closes the socket",
            "server workers": "1",
            "I/O threads": "nng's own, on both sides: their number is its choice",
        }


def _received(socket: Any) -> bytes:
    """The next message. An empty one has no body, and pynng 0.9 then asks cffi to unpack a null pointer."""
    try:
        message: bytes = socket.recv()
    except RuntimeError:
        return b""
    return message


class _NngCaller(Caller):
    """Waits without a timeout, for one would end the request itself: nng wants exactly one receive per send."""

    def __init__(self, socket: Any, lane: MessageLane) -> None:
        self._socket, self._lane = socket, lane
        self._closing = threading.Lock()

    def connection_lost(self, pipe: object) -> None:
        """Wake whoever waits. From a thread of its own: this one is nng's, and closing waits for it."""
        threading.Thread(target=self.close, daemon=True).start()

    def call(self, method: str, payload: Any) -> Any:
        request = self._lane.request(method, payload)
        try:
            self._socket.send(request)
            response = _received(self._socket)
        except pynng.NNGException as error:  # closed
            raise ServerGone(str(error)) from error
        return self._lane.result(response)

    def close(self) -> None:
        with self._closing:
            self._socket.close()
