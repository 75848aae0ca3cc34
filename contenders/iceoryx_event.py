"""iceoryx2's event-driven form: a notification beside each message, so that both sides sleep while they wait.

The server has an event service of its own; so has each client, whose number travels in the request's user header.
Notifications go to that client alone.
"""

from __future__ import annotations

import ctypes
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import iceoryx2 as iox2

from contenders.iceoryx import MOST_CLIENTS, SLICE_MS, Iceoryx, IceoryxCaller, answer
from contenders.interface import ARRAYS, PLAIN_LANES, Caller
from contenders.message_lanes import Respond


class IceoryxEvent(Iceoryx):
    """As :class:`contenders.iceoryx.Iceoryx`, waiting for events."""

    name = "iceoryx2-event"
    summary = "iceoryx2 request-response over shared memory, both sides woken by its events."
    lanes = (*PLAIN_LANES, ARRAYS)
    wait = "block"

    def builder(self, node: Any, address: str) -> Any:
        return super().builder(node, address).request_header(ctypes.c_uint64)

    def answer(self, node: Any, address: str, server: Any, respond: Respond, stopping: Callable[[], bool]) -> None:
        listener = _events(node, _server_events(address)).listener_builder().create()
        slice_ = iox2.Duration.from_millis(SLICE_MS)
        notifiers: dict[int, Any] = {}
        while not stopping():
            listener.timed_wait(slice_)
            while (request := server.receive()) is not None:
                client = request.user_header().contents.value
                answer(request, respond)
                if client not in notifiers:
                    service = _events(node, _client_events(address, client))
                    notifiers[client] = service.notifier_builder().create()
                notifiers[client].notify()

    def connect(self, address: str) -> Caller:
        return _EventCaller(self, address)

    def settings(self) -> Mapping[str, str]:
        return {
            **super().settings(),
            "waiting": f"for events, in slices of {SLICE_MS} ms; one event service per process",
        }


def _server_events(address: str) -> str:
    return f"{address}/server"


def _client_events(address: str, client: int) -> str:
    return f"{address}/client/{client}"


def _events(node: Any, name: str) -> Any:
    """The event service `name`."""
    builder = node.service_builder(iox2.ServiceName.new(name)).event()
    return builder.max_notifiers(MOST_CLIENTS).max_nodes(MOST_CLIENTS + 1).open_or_create()


class _EventCaller(IceoryxCaller):
    def __init__(self, contender: IceoryxEvent, address: str) -> None:
        super().__init__(contender, address)
        self._number = secrets.randbits(63)
        self._slice = iox2.Duration.from_millis(SLICE_MS)
        self._listener = _events(self._node, _client_events(address, self._number)).listener_builder().create()
        self._notifier = _events(self._node, _server_events(address)).notifier_builder().create()

    def send(self, request: Any) -> Any:
        request.user_header().contents.value = self._number
        pending = request.send()
        self._notifier.notify()
        return pending

    def receive(self, pending: Any) -> Any:
        while True:
            # Not trusted: a notification may be left over from a call that was given up.
            self._listener.timed_wait(self._slice)
            response = pending.receive()
            if response is not None:
                return response
            self.look()

    def close(self) -> None:
        self._listener = self._notifier = None
        super().close()
