"""One direction of a channel: a region with room for one message, and its semaphores `empty` and `full`.

The writer takes `empty`, writes, posts `full`; the reader takes `full`, copies, posts `empty`. Used by one writer in
one process and one reader in another; which of them is client or server, a buffer does not know.
"""

import os
from typing import Callable, NamedTuple, Optional, Tuple, Union

from . import layout, names, posix
from .exceptions import RPCTimeoutError, RPCTransportError
from .posix import Semaphore
from .scratch import FROM, Scratch
from .waiting import Waiter

Message = Union[bytes, bytearray, memoryview]
"""What can be sent: bytes, or a flat view of them."""

_HEADER = layout.REGION_HEADER_SIZE
_write_message_header = layout.MESSAGE.pack_into
_read_message_header = layout.MESSAGE.unpack_from


class Terms(NamedTuple):
    """What the buffers of one channel have in common."""

    max_message_size: int
    """Bytes."""
    wait: str
    recheck: Callable[[], None]
    """Asked between slices of a wait, and raises to end it."""
    scratch: Optional[Scratch] = None
    """Where large messages are copied to, each until the next one; None: each has memory of its own."""
    token: int = 0
    """Kept in each region; see :mod:`shm_rpc_bridge.layout`."""


class Buffer:
    """One end of one direction. Each end is used by one thread at a time; its owner holds what it consists of."""

    __slots__ = (
        "_capacity",
        "_empty",
        "_full",
        "_map",
        "_max_message_size",
        "_scratch",
        "_segment",
        "_view",
        "_wait_empty",
        "_wait_full",
    )

    def __init__(self, segment: posix.Segment, empty: Semaphore, full: Semaphore, terms: Terms) -> None:
        """Use a region and its semaphores."""
        self._segment = segment
        self._empty = empty
        self._full = full
        self._max_message_size = terms.max_message_size
        self._scratch = terms.scratch
        self._wait_empty = Waiter(self._empty, terms.wait, terms.recheck)
        self._wait_full = Waiter(self._full, terms.wait, terms.recheck)
        self._view: Optional[memoryview] = None
        self._adopt_mapping()

    def _adopt_mapping(self) -> None:
        self._map = self._segment.map
        self._capacity = self._segment.size - _HEADER

    # Where a token is given, its giver notes so in the same line, first: Python runs the handler of a signal, which may
    # raise, at the end of a call and not between the note and the call (from 3.11 on; before it might, once in a blue
    # moon). So what was interrupted is known, and :meth:`put_back` makes it good.

    def send(self, message: Message, sequence: int, deadline: float) -> None:
        """Write one message and post it. Raises RPCTimeoutError when the last one is not taken by the deadline."""
        size = len(message)
        if size > self._capacity:
            self._make_room(size)
        waiter = self._wait_empty
        tried = posted = False
        try:
            try:
                (tried := True) and self._empty.acquire(0)  # there but for a peer that lags behind
            except (posix.Busy, posix.Interrupted):
                tried = False
                if not waiter.wait(deadline):
                    raise RPCTimeoutError("the peer has not taken the previous message in time") from None
            buffer = self._map
            _write_message_header(buffer, 0, size, 0, 0, sequence)
            buffer[_HEADER : _HEADER + size] = message
            (posted := True) and self._full.release()
            waiter.taken = False
        except BaseException:
            waiter.taken = not posted and (tried or waiter.taken)
            raise

    def receive(self, deadline: float) -> Tuple[int, Message]:
        """Take one message: its sequence and a copy of it. Raises RPCTimeoutError when none comes by the deadline."""
        waiter = self._wait_full
        given = False
        try:
            if not waiter.wait(deadline):
                raise RPCTimeoutError("no message in time")
            taken = self._copy_out()
            (given := True) and self._empty.release()
            waiter.taken = False
            return taken
        except BaseException:
            if given:
                waiter.taken = False
            raise

    def receive_view(self, deadline: float) -> Tuple[int, memoryview]:
        """Take one message without copying it: a read-only view, the writer's again after :meth:`release_view`."""
        if not self._wait_full.wait(deadline):
            raise RPCTimeoutError("no message in time")
        size, kind, flags, sequence = _read_message_header(self._map, 0)
        if size > self._capacity or kind or flags:
            self._check_header(size, kind, flags)
        with memoryview(self._map) as region:
            self._view = region[_HEADER : _HEADER + size].toreadonly()
        return sequence, self._view

    def release_view(self) -> None:
        """Give the message that :meth:`receive_view` showed back to its writer; using its view is an error now.

        Raises BufferError while something holds the view itself, such as a PickleBuffer. Slices, casts and NumPy arrays
        hold the memory instead, which Python does not notice: they show what is written next.
        """
        if self._view is not None:
            self._view.release()
            given = False
            try:
                if self._wait_full.taken:
                    (given := True) and self._empty.release()
                    self._wait_full.taken = False
            except BaseException:
                self._wait_full.taken = not given
                raise
            self._view = None

    def put_back(self) -> None:
        """Make good what a signal's handler has interrupted: a message taken and not given out is there again, and
        where one was not sent there is room."""
        self._view = None
        for waiter, semaphore in ((self._wait_full, self._full), (self._wait_empty, self._empty)):
            # A buffer has one token: if it is in neither semaphore it is in a hand, and if not in this one, the peer's.
            if waiter.taken and not self._full.value and not self._empty.value:
                semaphore.release()
            waiter.taken = False

    def take(self) -> Optional[Tuple[int, Message]]:
        """What :meth:`receive` returns if a message is there, else None; :meth:`give_room` must follow. Never waits."""
        try:
            self._full.acquire(0)
        except (posix.Busy, posix.Interrupted):
            return None
        return self._copy_out()

    def give_room(self) -> None:
        """Let the writer write the next message; what was taken is a copy."""
        self._empty.release()

    def _copy_out(self) -> Tuple[int, Message]:
        size, kind, flags, sequence = _read_message_header(self._map, 0)
        if size > self._capacity or kind or flags:
            self._check_header(size, kind, flags)
        # A copy, so that nothing decodes memory which another process can still change.
        if size < FROM or self._scratch is None:
            return sequence, self._map[_HEADER : _HEADER + size]
        with memoryview(self._map) as region, region[_HEADER : _HEADER + size] as message:
            return sequence, self._scratch.copy(message)

    def seems_full(self) -> bool:
        """A hint, not proof, that a message is waiting."""
        return self._full.value > 0

    def withdraw(self) -> bool:
        """Take back a message that the reader has not taken. True: it never will."""
        try:
            self._full.acquire(0)
        except (posix.Busy, posix.Interrupted):
            return False
        self._empty.release()
        return True

    def interrupt_reader(self) -> None:
        """Wake whoever waits for a message though there is none, to look at what has changed. Ends normal use."""
        self._full.release()

    def _make_room(self, size: int) -> None:
        if size > self._max_message_size:
            raise too_large(size, self._max_message_size)
        # At least doubled, so that a slowly growing series of messages is not a remapping each.
        capacity = min(max(size, 2 * self._capacity), self._max_message_size)
        self._segment.grow(layout.region_size(capacity))
        self._adopt_mapping()

    def _check_header(self, size: int, kind: int, flags: int) -> None:
        """The rare header: of a message larger than what is mapped here, or of no writer of this library."""
        name = self._segment.name
        if kind or flags:
            raise RPCTransportError(f"{name} is damaged: message of unknown kind {kind}, flags {flags:#x}")
        if size > self._max_message_size:
            raise RPCTransportError(
                f"{name} is damaged: message of {size:,} bytes, max_message_size is {self._max_message_size:,}"
            )
        self._segment.remap()  # the writer has grown it
        self._adopt_mapping()
        if size > self._capacity:
            raise RPCTransportError(f"{name} is damaged: message of {size:,} bytes in {self._capacity:,}")

    def creator(self) -> int:
        """The process that has created it, by its own word."""
        return identity(self._map[:_HEADER]).pid

    def is_linked(self) -> bool:
        return self._segment.is_linked()

    def was_found(self) -> bool:
        """Whether :meth:`say_found` has been called, by either end."""
        return bool(self._map[layout.REGION_FOUND_OFFSET])

    def say_found(self) -> None:
        """Note in the region that its opener has all it needs."""
        self._map[layout.REGION_FOUND_OFFSET] = 1

    def forget_memory(self) -> None:
        """Once it is closed: what is mapped goes with the last view that a user has. It is of no use from here on."""
        self._map = _NO_MEMORY
        self._view = None
        self._wait_full.taken = self._wait_empty.taken = False


_NO_MEMORY = posix.no_memory()


def too_large(size: int, limit: int) -> RPCTransportError:
    return RPCTransportError(
        f"Message too large: {size:,} bytes, max_message_size is {limit:,}. "
        "Send less, or give the client and the server a larger max_message_size"
    )


def create_buffer(buffer: names.BufferNames, capacity: int, terms: Terms, held: posix.Held) -> Buffer:
    """Create the three objects of a buffer, the region first. What was created when this raises stands in `held`."""
    segment = posix.create_segment(buffer.region, layout.region_size(capacity), held)
    layout.REGION_IDENTITY.pack_into(
        segment.map,
        layout.REGION_IDENTITY_OFFSET,
        layout.REGION_MAGIC,
        layout.VERSION,
        os.getpid(),
        terms.max_message_size,
        terms.token,
        posix.LIBC,
    )
    empty = posix.create_semaphore(buffer.empty, 1, held)
    full = posix.create_semaphore(buffer.full, 0, held)
    return Buffer(segment, empty, full, terms)


def open_buffer(buffer: names.BufferNames, terms: Terms, held: posix.Held) -> Buffer:
    """Open the three objects of a buffer and check that they are one. Raises RPCTransportError saying what is wrong.

    Messages may be as large as both the creator and the `terms` allow.
    """
    segment = posix.open_segment(buffer.region, layout.REGION_HEADER_SIZE, held)
    limit = checked_identity(buffer.region, segment.map[: layout.REGION_HEADER_SIZE]).max_message_size
    empty = posix.open_semaphore(buffer.empty, held)
    full = posix.open_semaphore(buffer.full, held)
    return Buffer(segment, empty, full, terms._replace(max_message_size=min(terms.max_message_size, limit)))


class Identity(NamedTuple):
    """What the creator of a region has written into its header."""

    magic: bytes
    version: int
    pid: int
    max_message_size: int
    token: int
    libc: int


def identity(header: bytes) -> Identity:
    """Of a region whose first bytes are `header`, zeros where it is too short to have one."""
    header = header.ljust(layout.REGION_HEADER_SIZE, b"\0")
    return Identity(*layout.REGION_IDENTITY.unpack_from(header, layout.REGION_IDENTITY_OFFSET))


def checked_identity(name: str, header: bytes) -> Identity:
    """That of a region of this library and this version. Raises RPCTransportError for others."""
    if len(header) < layout.REGION_HEADER_SIZE:
        raise RPCTransportError(f"{name} is too short: {len(header)} bytes")
    found = identity(header)
    if found.magic != layout.REGION_MAGIC:
        raise RPCTransportError(f"{name} is no region of a channel: it begins with {found.magic!r}")
    if found.version != layout.VERSION:
        raise RPCTransportError(f"{name} has layout version {found.version}, this library {layout.VERSION}")
    posix.refuse_other_libc(name, found.libc)
    return found
