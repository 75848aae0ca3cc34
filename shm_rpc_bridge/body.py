"""What a client's channel consists of: a slot, six objects in shared memory, and what is asked while it waits."""

import functools
import os
import time
import weakref
from typing import Callable, Optional, Protocol, Tuple, Type

from . import channel as channels
from . import layout, names, posix, statistics
from .buffer import Buffer, Terms
from .codec import TRUSTING
from .control import Control
from .exceptions import RPCTransportError
from .lane import Lane
from .scratch import InPlace, Scratch
from .waiting import SLICE

_WORTH_GIVING_BACK = 256 * 1024
"""Bytes that the buffers of a channel have grown by: it takes a millisecond or two to make another one."""


class User(Protocol):
    """The caller of a channel."""

    thread: int
    """The thread that used it last."""

    def forget_server(self) -> None:
        """It is closed: there is no server any more for whoever still has it."""


class Body:
    """What a channel consists of and must be let go, and what is asked during its waits. It outlives its user: what a
    signal's handler, raising, has made somebody lose is known by that, and closed."""

    user: "weakref.ref[User]"

    def __init__(self, control: Control, doorbell: posix.Semaphore, on_growth: Callable[[], None]) -> None:
        """`on_growth`: told when there is so much memory in it that it is worth being given back."""
        self._on_growth = on_growth
        self.control = control
        self.doorbell = doorbell
        self.closed = False
        self.scratch = InPlace() if control.codec in TRUSTING else Scratch()
        self.channel: Optional[channels.Channel] = None
        self.bell: Optional[posix.Bell] = None
        """Of a multiplexed channel."""
        self.slot = -1
        self.token = 0
        self._held: posix.Held = []
        self._names: Optional[names.ChannelNames] = None
        self._waits_since = 0  # ns
        self.meanwhile: Callable[[], None] = _nothing
        """Called every tenth of a second while one call waits for its response."""

    def open(self, request_size: int, max_message_size: int, wait: str) -> channels.Channel:
        """Claim a slot and create the channel in it; sizes in bytes. Raises RPCTransportError."""
        return self._open(request_size, max_message_size, wait, Buffer)

    def open_multiplexed(self, request_size: int, max_message_size: int) -> Tuple[Lane, Lane, posix.Bell]:
        """As :meth:`open`, of lanes, and with the bell that the server rings."""
        request, response = self._open(request_size, max_message_size, "block", Lane)
        assert isinstance(request, Lane)
        assert isinstance(response, Lane)
        assert self.bell is not None
        return request, response, self.bell

    def _open(self, request_size: int, max_message_size: int, wait: str, kind: Type[Buffer]) -> channels.Channel:
        control = self.control
        # Its lowest bit says of which kind the channel is.
        self.token = int.from_bytes(os.urandom(8), "little") & ~1 or 2
        if kind is Lane:
            self.token |= 1
        self.slot = control.claim_slot(self, self.token)
        self._names = names.slot(control.name, control.generation, self.slot, self.token)
        limit = min(max_message_size, control.max_message_size)
        claim = functools.partial(control.claim_memory, self.slot)
        terms = Terms(limit, wait, self.wait_goes_on, self.scratch, self.token, self.waits_no_more)
        terms = terms._replace(claim=functools.partial(claim, False), grown=self._has_grown)
        if kind is Lane:
            self.bell = posix.create_bell(names.bell(self._names), self._held)
        sizes = request_size, control.buffer_size
        for is_response, size in enumerate(sizes):
            claim(bool(is_response), kind.header_size + min(size, limit))
        self.channel = channel = channels.create(self._names, *sizes, terms, self._held, kind)
        control.announce_slot(self.slot)
        self.doorbell.release()  # so that the server opens it, and takes its names away, before the first call
        return channel

    def _has_grown(self) -> None:
        self.scratch.note_use()
        if self.is_outgrown():
            self._on_growth()

    def is_outgrown(self) -> bool:
        """Whether a new channel would be smaller by what is worth it."""
        channel = self.channel
        return channel is not None and channel.request.spare + channel.response.spare >= _WORTH_GIVING_BACK

    def is_unused(self) -> bool:
        """Whether large messages were long ago, and their memory is given back, but for that of the buffers."""
        return self.scratch.give_back_if_unused()

    def is_unused_by_this_call(self) -> bool:
        """The same, by the thread that has just called through it."""
        channel = self.channel
        if channel is not None and (channel.request.needs_spare() or channel.response.needs_spare()):
            self.scratch.note_use()
        return self.is_unused()

    def interrupt(self) -> None:
        self.closed = True
        if self.channel is not None:
            self.channel.response.interrupt_reader()

    def is_refused(self) -> bool:
        return self.control.is_refused(self.slot, self.token)

    def recheck(self) -> None:
        """Raises RPCTransportError when there is nothing to wait for any more."""
        control = self.control
        if self.closed:
            raise RPCTransportError("the client was closed during the call")
        if not control.is_serving():
            raise RPCTransportError(f"server {control.name!r} ({posix.described(control.process)}) has closed")
        if why := control.why_server_is_dead():
            raise RPCTransportError(f"server {control.name!r} ({posix.described(control.process)}) {why}")
        if self.is_refused():
            if self.closed:  # since it was asked: the server takes what wakes this end for a response that nobody takes
                raise RPCTransportError("the client was closed during the call")
            raise RPCTransportError(f"server {control.name!r} has refused this channel: its log says why")
        if self.channel is not None and self.channel.request.seems_full() and not self.doorbell.value:
            self.doorbell.release()  # a wake-up was lost

    def wait_goes_on(self) -> None:
        """As :meth:`recheck`, by who waits for the response to one call, and notes that."""
        self.recheck()
        self.meanwhile()
        if self.channel is not None:
            request = self.channel.request
            state = statistics.UNTAKEN if request.seems_full() else statistics.TAKEN
            self.waits(state, request.beginning(layout.WAIT_BEGINNING_SIZE))

    def waits(self, state: int, beginning: bytes) -> None:
        """Note in the control segment, for whoever looks there, what takes so long."""
        if self._waits_since == 0:
            self._waits_since = time.monotonic_ns() - int(SLICE * 1e9)
        self.control.note_wait(self.slot, self._waits_since, state, beginning)

    def waits_no_more(self) -> None:
        """Idempotent."""
        if self._waits_since:
            self._waits_since = 0
            self.control.note_wait(self.slot, 0, statistics.NOT_WAITING, b"")

    def gave_up(self, is_late: bool) -> None:
        """Count a call whose deadline has passed, `is_late`: after the server had taken it."""
        self.waits_no_more()
        self.control.note_given_up(self.slot, is_late)

    def close(self) -> None:
        """Leave the slot to the server to reclaim. Idempotent."""
        self.closed = True
        if self.slot >= 0:
            self.waits_no_more()
        user = self.user()
        if user is not None:
            user.forget_server()
        if self._names is not None:
            # Most often the server has opened it and removed them; or, closing, removed what there was of them by then.
            channels.unlink(self._names)
            self._names = None
        self._let_go()
        self.control.leave_slots(self)
        if self.slot >= 0:
            self.doorbell.release()
            self.slot = -1

    def drop_inherited(self) -> None:
        self.closed = True
        self._let_go()

    def _let_go(self) -> None:
        channel, self.channel = self.channel, None
        posix.let_go(self._held)
        if channel is not None:
            channel.forget_memory()


def _nothing() -> None:
    """What is done meanwhile when nobody has asked for anything."""
