"""ZeroMQ's asynchronous sockets, DEALER and ROUTER: what servers of many clients and pipelines are built with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import zmq

from contenders.interface import PLAIN_LANES
from contenders.zmq_ipc import ZmqIpc
from contenders.zmq_lanes import Wire, receive_parts

HIGH_WATER_MARK = 10_000
"""Messages per direction and peer before a send blocks (DEALER) or drops (ROUTER). One is ever under way per
caller here; stated because a pipelined load needs it above its window."""


class ZmqDealer(ZmqIpc):
    """As :class:`contenders.zmq_ipc.ZmqIpc`, with a DEALER that calls and a ROUTER that answers by the caller's
    identity, which is a frame of its own.
    """

    name = "zmq-dealer"
    summary = "ZeroMQ DEALER/ROUTER over ipc://, blocking."
    lanes = PLAIN_LANES
    client_socket = zmq.DEALER
    server_socket = zmq.ROUTER

    def configure(self, socket: zmq.Socket[bytes]) -> None:
        socket.set_hwm(HIGH_WATER_MARK)

    def answer(
        self,
        server: zmq.Socket[bytes],
        wire: Wire[Any],
        respond: Callable[[Any], Any],
        stopping: Callable[[], bool],
    ) -> None:
        single = self.lane != "native"
        large = False
        while True:
            identity, *parts = receive_parts(server, large, 0)
            if stopping():
                return
            request = parts[0] if single else parts
            large = wire.is_large(request)
            server.send(identity, zmq.SNDMORE)
            wire.send(server, respond(request))

    def settings(self) -> Mapping[str, str]:
        return {
            **super().settings(),
            "sockets": "DEALER/ROUTER, blocking",
            "high-water mark": f"{HIGH_WATER_MARK} messages, both ways, both ends",
        }
