"""iceoryx2: request-response over shared memory, both sides polling.

After some looks in vain the core is offered to whoever is ready (``sched_yield``), as the library under `shm-spin`
does. Messages are slices of bytes, written into memory that is loaned from iceoryx2 and read in place from 64 KiB up,
below copied out. Calls of a caller are made by one thread at a time.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import iceoryx2 as iox2

from contenders.endpoints import fresh_path
from contenders.interface import LANES, Caller, Contender, ServerGone
from contenders.message_lanes import GATHERING_LANES, MessageLane, Respond
from contenders.service import methods_of

VIEW_FROM_BYTES = 64 * 1024
"""Larger messages are looked at in place, as the other contenders' are."""
INITIAL_BYTES = 64 * 1024
MOST_CLIENTS = 64
"""iceoryx2 fixes such numbers when a service is made; its own is 8."""
LOOKS_PER_YIELD = 16
"""About 6 µs of looking."""
SLICE_MS = 100  # how often a waiting caller looks whether its server is still there

_BYTES = iox2.Slice[ctypes.c_uint8]


class Iceoryx(Contender):
    """An address is the name of an iceoryx2 service."""

    name = "iceoryx2"
    summary = "iceoryx2 request-response over shared memory, both sides polling all the time."
    lanes: ClassVar[tuple[str, ...]] = LANES
    wait = "spin"

    def new_address(self, folder: Path) -> str:
        return fresh_path(folder, "bench").name  # nothing of it lies in the folder: it is shared memory

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        respond, stopping = GATHERING_LANES[self.lane].responder(methods_of(service)), threading.Event()
        node = new_node()
        server = _growing(self.builder(node, address).open_or_create().server_builder()).create()
        try:
            ready(stopping.set)
            self.answer(node, address, server, respond, stopping.is_set)
        finally:
            server.delete()

    def builder(self, node: Any, address: str) -> Any:
        """The service to create or to open."""
        name = iox2.ServiceName.new(address)
        builder = node.service_builder(name).request_response(_BYTES, _BYTES)
        return builder.max_servers(1).max_clients(MOST_CLIENTS).max_nodes(MOST_CLIENTS + 1)

    def answer(self, node: Any, address: str, server: Any, respond: Respond, stopping: Callable[[], bool]) -> None:
        """Answer requests until `stopping`."""
        vain = 0
        while not stopping():
            request = server.receive()
            if request is not None:
                answer(request, respond)
                continue
            vain += 1
            if vain % LOOKS_PER_YIELD == 0:
                os.sched_yield()

    def connect(self, address: str) -> Caller:
        return IceoryxCaller(self, address)

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "shared memory, request-response",
            "waiting": f"polling on both sides, sched_yield after every {LOOKS_PER_YIELD} looks in vain",
            "codec": GATHERING_LANES[self.lane].codec,
            "copying": f"into loaned memory; out of it below {VIEW_FROM_BYTES // 1024} KiB, views from there up",
            "slices": f"{INITIAL_BYTES} bytes at first, allocation strategy PowerOfTwo",
            "configuration": f"iceoryx2's defaults, {MOST_CLIENTS} clients at most",
            "liveness": f"looked at every {SLICE_MS} ms",
            "server workers": "1",
        }


def new_node() -> Any:
    """A participant of iceoryx2's default domain, which leaves signals to the process."""
    iox2.set_log_level(iox2.LogLevel.Error)
    builder = iox2.NodeBuilder.new().config(iox2.config.default())
    return builder.signal_handling_mode(iox2.SignalHandlingMode.Disabled).create(iox2.ServiceType.Ipc)


def answer(request: Any, respond: Respond) -> None:
    """Answer one request. A client that has gone in the meantime gets nothing, and that is all."""
    response = respond(_read(request))
    with contextlib.suppress(iox2.LoanError, iox2.SendError):
        _filled(request.loan_slice_uninit(_length(response)), response).send()
    request.delete()


def _growing(builder: Any) -> Any:
    return builder.initial_max_slice_len(INITIAL_BYTES).allocation_strategy(iox2.AllocationStrategy.PowerOfTwo)


def _length(message: Any) -> int:
    return sum(map(len, message)) if type(message) is tuple else len(message)


def _filled(loan: Any, message: Any) -> Any:
    """`loan` with the message in it, ready to be sent. A message that is no bytes is a view from :func:`_read`, or, in
    lane ``arrays``, a tuple of parts.
    """
    if type(message) is tuple:
        memory = (ctypes.c_uint8 * _length(message)).from_address(loan.payload_ptr)
        place, view = 0, memoryview(memory).cast("B")
        for part in message:
            view[place : place + len(part)] = part
            place += len(part)
        return loan.assume_init()
    source = message if isinstance(message, bytes) else ctypes.addressof(ctypes.c_char.from_buffer(message))
    ctypes.memmove(loan.payload_ptr, source, len(message))
    return loan.assume_init()


def _read(received: Any) -> bytes | memoryview:
    """The message. A view is good for as long as `received` is not deleted."""
    content = received.payload()
    if content.len() < VIEW_FROM_BYTES:
        return ctypes.string_at(content.as_ptr(), content.len())
    view: memoryview = content.as_memory_view()
    return view.cast("B")


class IceoryxCaller(Caller):
    """A node, a client and the response that was read last, whose memory the result may be."""

    def __init__(self, contender: Iceoryx, address: str) -> None:
        self._lane: MessageLane = GATHERING_LANES[contender.lane]
        self._node = new_node()
        self._last: Any = None
        try:
            self._service = contender.builder(self._node, address).open()
        except iox2.RequestResponseOpenError as error:
            raise ServerGone(f"no server at {address}: {error}") from error
        self.look()
        self._client = _growing(self._service.client_builder()).create()

    def call(self, method: str, payload: Any) -> Any:
        if self._client is None:
            raise ServerGone("this caller is closed")
        request = self._lane.request(method, payload)
        if self._last is not None:
            self._last.delete()
            self._last = None
        pending = self.send(_filled(self._client.loan_slice_uninit(_length(request)), request))
        self._last = self.receive(pending)
        pending.delete()
        return self._lane.result(_read(self._last))

    def send(self, request: Any) -> Any:
        """Hand over a request; returns what the response will come out of."""
        return request.send()

    def receive(self, pending: Any) -> Any:
        """The response. Raises :class:`ServerGone` when there will be none."""
        clock = time.monotonic
        look_at = clock() + SLICE_MS / 1000
        vain = 0
        while True:
            response = pending.receive()
            if response is not None:
                return response
            vain += 1
            if vain % LOOKS_PER_YIELD == 0:
                os.sched_yield()
                if clock() > look_at:
                    self.look()
                    look_at = clock() + SLICE_MS / 1000

    def look(self) -> None:
        """Raise :class:`ServerGone` when the server is not there any more, and remove what a killed one has left."""
        self._service.try_cleanup_dead_nodes()
        if self._service.dynamic_config.number_of_servers == 0:
            raise ServerGone("the server has gone")

    def close(self) -> None:
        if self._client is not None:
            if self._last is not None:
                self._last.delete()
            self._client.delete()
        self._last = self._client = self._service = self._node = None
