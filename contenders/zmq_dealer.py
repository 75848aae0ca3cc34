"""ZeroMQ's asynchronous sockets, DEALER and ROUTER: what servers of many clients and pipelines are built with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import zmq

from contenders.interface import ARRAYS, PLAIN_LANES, Caller, ServerGone
from contenders.zmq_ipc import ZmqCaller, ZmqIpc
from contenders.zmq_lanes import ZMQ_LANES, Wire, receive_parts

HIGH_WATER_MARK = 10_000
"""Messages per direction and peer before a send blocks (DEALER) or drops (ROUTER): above what is ever in flight."""


class ZmqDealer(ZmqIpc):
    """As :class:`contenders.zmq_ipc.ZmqIpc`, with a DEALER that calls and a ROUTER that answers by the caller's
    identity, which is a frame of its own.
    """

    name = "zmq-dealer"
    summary = "ZeroMQ DEALER/ROUTER over ipc://, blocking."
    lanes = (*PLAIN_LANES, ARRAYS)
    client_socket = zmq.DEALER
    server_socket = zmq.ROUTER
    several_in_flight = True

    def configure(self, socket: zmq.Socket[bytes]) -> None:
        socket.set_hwm(HIGH_WATER_MARK)

    def answer(
        self,
        server: zmq.Socket[bytes],
        wire: Wire[Any],
        respond: Callable[[Any], Any],
        stopping: Callable[[], bool],
    ) -> None:
        single = self.lane not in ("native", ARRAYS)
        large = False
        while True:
            identity, *parts = receive_parts(server, large, 0)
            if stopping():
                return
            request = parts[0] if single else parts
            large = wire.is_large(request)
            server.send(identity, zmq.SNDMORE)
            wire.send(server, respond(request))

    def connect(self, address: str) -> Caller:
        return _DealerCaller(self, address, ZMQ_LANES[self.lane])

    def settings(self) -> Mapping[str, str]:
        return {
            **super().settings(),
            "sockets": "DEALER/ROUTER, blocking",
            "high-water mark": f"{HIGH_WATER_MARK} messages, both ways, both ends",
            "in flight": "sent one after the other; one ROUTER answers them in their order",
        }


class _DealerCaller(ZmqCaller):
    def begin(self, method: str, payload: Any) -> Callable[[], Any]:
        lane, wire, socket = self._lane, self._lane.wire, self._socket
        request = lane.request(method, payload)
        large = wire.is_large(request)
        try:
            wire.send(socket, request)
        except zmq.ZMQError as error:
            raise ServerGone(str(error)) from error

        def result() -> Any:
            try:
                response = self.receive(wire, socket, large)
            except zmq.ZMQError as error:  # closed
                raise ServerGone(str(error)) from error
            return lane.result(method, response)

        return result
