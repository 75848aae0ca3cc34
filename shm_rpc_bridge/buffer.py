"""One direction of a channel: a region with room for one message, and its semaphores `empty` and `full`.

The writer writes and posts `full`; the reader takes `full` and copies. Used by one writer in one process and one reader
in another; which of them is client or server, a buffer does not know. That there is room its two ends know by what they
say to each other: a response says that its request was taken, the next request that the response was. So a call leaves
the token of `empty` lying; :mod:`shm_rpc_bridge.bounded` is for ends that do not answer each other.
"""

import math
import os
from typing import Callable, Collection, NamedTuple, Optional, Tuple, Type, TypeVar

from . import layout, names, posix
from .exceptions import RPCTimeoutError, RPCTransportError
from .frames import Arrived, Framed, Outgoing, Unopened
from .messages import BATCH, ONE
from .posix import Semaphore
from .scratch import FROM, Scratch, keep_freed
from .waiting import Waiter

Taken = Tuple[int, Arrived, int]
"""Sequence, message and kind, see :mod:`.layout`."""

HEADER = layout.REGION_HEADER_SIZE
write_message_header = layout.DATED_MESSAGE.pack_into
read_message_header = layout.MESSAGE.unpack_from


class Terms(NamedTuple):
    """What the buffers of one channel have in common."""

    max_message_size: int
    """Bytes."""
    wait: str
    recheck: Callable[[], None]
    """Asked between slices of a wait, and raises to end it."""
    scratch: Optional[Scratch] = None
    """Where large messages are read, each until the next one; None: each has memory of its own."""
    token: int = 0
    """Kept in each region; see :mod:`shm_rpc_bridge.layout`."""
    relieved: Optional[Callable[[], None]] = None
    """Told when a wait has ended after that was asked."""
    lends_to: Collection[str] = ()
    """The methods that get views of the messages' frames, see :class:`.frames.Unopened`."""
    claim: Optional[Callable[[int], None]] = None
    """Of one end: asked before the region is to have so many bytes, and raises to refuse that."""
    grown: Optional[Callable[[], None]] = None
    """Told when it has become larger."""


AnyBuffer = TypeVar("AnyBuffer", bound="Buffer")


class Buffer:
    """One end of one direction. Each end is used by one thread at a time; its owner holds what it consists of."""

    _kinds: Tuple[int, ...] = (ONE, BATCH)
    _flags: Tuple[int, ...] = (0, layout.FRAMED)
    header_size = HEADER

    __slots__ = (
        *("_capacity", "_claim", "_first_size", "_full", "_grown", "_map", "_max_message_size"),
        *("_scratch", "_segment", "_usual_references", "_wait_full", "is_lent", "lends_to"),
    )

    def __init__(self, segment: posix.Segment, empty: Semaphore, full: Semaphore, terms: Terms) -> None:
        """Use a region and its semaphores."""
        self._segment = segment
        self._full = full
        self._max_message_size = terms.max_message_size
        self._scratch = terms.scratch
        self._claim, self._grown = terms.claim, terms.grown
        self._first_size = segment.size
        self.lends_to = terms.lends_to
        self.is_lent = False
        """Whether there may be views of the last message's frames, until :meth:`end_lease`."""
        self._wait_full = Waiter(full, terms.wait, terms.recheck, relieved=terms.relieved)
        self._adopt_mapping()

    @classmethod
    def create(
        cls: Type[AnyBuffer], buffer: names.BufferNames, capacity: int, terms: Terms, held: posix.Held
    ) -> AnyBuffer:
        """Create the three objects, the region first. What was created when this raises stands in `held`."""
        segment = posix.create_segment(buffer.region, cls.header_size + capacity, held)
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
        return cls(segment, empty, full, terms)

    @classmethod
    def open(cls: Type[AnyBuffer], buffer: names.BufferNames, terms: Terms, held: posix.Held) -> AnyBuffer:
        """Open the three objects and check that they are one. Raises RPCTransportError saying what is wrong.

        Messages may be as large as both the creator and the `terms` allow.
        """
        segment = posix.open_segment(buffer.region, cls.header_size, held)
        limit = checked_identity(buffer.region, segment.map[: layout.REGION_HEADER_SIZE]).max_message_size
        empty = posix.open_semaphore(buffer.empty, held)
        full = posix.open_semaphore(buffer.full, held)
        return cls(segment, empty, full, terms._replace(max_message_size=min(terms.max_message_size, limit)))

    def _adopt_mapping(self) -> None:
        self._map = self._segment.map
        self._usual_references = self._segment.references()  # from here on, but for those of views
        self._capacity = self._segment.size - self.header_size
        keep_freed(self._capacity)

    def send(self, message: Outgoing, sequence: int, kind: int = ONE, deadline: float = 0.0) -> None:
        """Write one message and post it. To be called once the reader has taken the one before.

        `deadline`, of a request: when its response is not waited for any more, seconds of CLOCK_MONOTONIC.
        """
        size = len(message)
        if size > self._capacity:
            self._make_room(size)
        buffer = self._map
        flags = 0
        try:
            buffer[HEADER : HEADER + size] = message  # type: ignore[assignment]
        except TypeError:
            if not isinstance(message, Framed):
                raise
            message.write_into(buffer, HEADER)
            flags = layout.FRAMED
        # Last: for who is woken without a message just now.
        write_message_header(buffer, 0, size, kind, flags, sequence, deadline)
        self._full.release()

    def write(self, message: Framed) -> Framed:
        """Write one that is sent later: what is returned, which holds nothing of its frames."""
        size = len(message)
        if size > self._capacity:
            self._make_room(size)
        message.write_into(self._map, HEADER)
        return message.as_it_lies()

    def receive(self, deadline: float) -> Taken:
        """Take one message, as a copy. Raises RPCTimeoutError when none comes by the deadline."""
        if not self._wait_full.wait(deadline):
            raise RPCTimeoutError("no message in time")
        return self._copy_out()

    def take(self) -> Optional[Taken]:
        """What :meth:`receive` returns if a message is there, else None. Never waits."""
        if self._full.trywait():
            return None
        return self._copy_out()

    def _copy_out(self) -> Taken:
        size, kind, flags, sequence = read_message_header(self._map, 0)
        if size > self._capacity or kind or flags:
            self._check_header(size, kind, flags)
            if flags:
                return sequence, self._unopened(size), kind
        # A copy, so that nothing decodes memory which another process can still change.
        if size < FROM or self._scratch is None:
            return sequence, self._map[HEADER : HEADER + size], kind
        return sequence, self._scratch.copy(memoryview(self._map)[HEADER : HEADER + size]), kind

    def _unopened(self, size: int) -> Unopened:
        return Unopened(memoryview(self._map)[HEADER : HEADER + size], self.lends_to, self._lend)

    def _lend(self, size: int) -> None:
        self.is_lent = True
        self._segment.lent = HEADER + size

    def loan(self, start: int, size: int) -> Unopened:
        """The writer's: memory for the next messages from their beginning on, of which `size` bytes from `start` on are
        the user's, until :meth:`end_lease`. Raises RPCTransportError or MemoryError where there is not so much."""
        if start + size > self._capacity:
            self._make_room(start + size)
        self._lend(start + size)
        return Unopened(memoryview(self._map)[HEADER : HEADER + start + size])

    def fits(self, message: Outgoing) -> bool:
        """Whether it can be written without growing, which would be elsewhere."""
        return len(message) <= self._capacity

    def end_lease(self, message: Arrived) -> None:
        """Of the last message, before its writer may write another: views of it that are left keep what they show.

        Raises MemoryError where there is none for that.
        """
        if self.is_viewed(message):
            self._segment.leave_to_views(HEADER + len(message))
            self._adopt_mapping()
        self.is_lent = False
        self._segment.lent = 0

    def is_viewed(self, message: Arrived) -> bool:
        """Whether there are views of it but for its own, which is let go."""
        assert isinstance(message, Unopened)
        message.view.release()
        return self._segment.references() > self._usual_references

    def seems_full(self) -> bool:
        """A hint, not proof, that a message is waiting."""
        return self._full.value > 0

    def beginning(self, size: int) -> bytes:
        """Of the message that was sent last, at most so many bytes."""
        return self._map[HEADER : HEADER + min(size, read_message_header(self._map, 0)[0])]

    def sequence(self) -> int:
        """Of that message."""
        return int(read_message_header(self._map, 0)[3])

    def deadline(self, sequence: int) -> float:
        """Of the request with that number; -inf when it is not wanted any more, or there is another one by now."""
        if self.sequence() != sequence:
            return -math.inf
        (deadline,) = layout.DEADLINE.unpack_from(self._map, layout.DEADLINE_OFFSET)
        return math.inf if math.isnan(deadline) else float(deadline)

    def say_unwanted(self) -> None:
        """The writer's, of the request that was sent last: nobody wants it answered any more."""
        layout.DEADLINE.pack_into(self._map, layout.DEADLINE_OFFSET, -math.inf)

    def speak_for(self, process: int) -> None:
        """The writer's: what is sent from here on is that process's."""
        layout.CALLER.pack_into(self._map, layout.CALLER_OFFSET, process)

    def caller(self) -> int:
        """The process whose requests these are, by its own word."""
        return int(layout.CALLER.unpack_from(self._map, layout.CALLER_OFFSET)[0]) or self.creator()

    def withdraw(self) -> bool:
        """Take back a message that the reader has not taken. True: it never will."""
        return not self._full.trywait()

    def interrupt_reader(self) -> None:
        """Wake whoever waits for a message though there is none, to look at what has changed. Ends normal use."""
        self._full.release()

    def _make_room(self, size: int) -> None:
        if size > self._max_message_size:
            raise too_large(size, self._max_message_size)
        # At least doubled, so that a slowly growing series of messages is not a remapping each.
        capacity = min(max(size, 2 * self._capacity), self._max_message_size)
        claim, before = self._claim, self._segment.size
        if claim is not None:
            claim(self.header_size + capacity)
        try:
            self._segment.grow(self.header_size + capacity)
        except BaseException:
            if claim is not None:
                claim(before)
            raise
        self._has_grown()

    def _has_grown(self) -> None:
        self._adopt_mapping()
        if self._grown is not None:
            self._grown()

    @property
    def spare(self) -> int:
        """Bytes that it has grown by since it was made."""
        return self._segment.size - self._first_size

    def size(self) -> int:
        """Of the message that was sent last, in bytes."""
        return int(read_message_header(self._map, 0)[0])

    def needs_spare(self) -> bool:
        """Whether the message that was sent last would not have had room at first."""
        return self.size() > self._first_size - self.header_size

    def _check_header(self, size: int, kind: int, flags: int) -> None:
        """Of a message that is not one alone, larger than what is mapped here, or of no writer of this library."""
        name = self._segment.name
        if kind not in self._kinds or flags not in self._flags:
            raise RPCTransportError(f"{name} is damaged: message of unknown kind {kind}, flags {flags:#x}")
        if size <= self._capacity:
            return
        if size > self._max_message_size:
            raise RPCTransportError(
                f"{name} is damaged: message of {size:,} bytes, max_message_size is {self._max_message_size:,}"
            )
        self._segment.remap()  # the writer has grown it
        self._has_grown()
        if size > self._capacity:
            raise RPCTransportError(f"{name} is damaged: message of {size:,} bytes in {self._capacity:,}")

    def creator(self) -> int:
        """The process that has created it, by its own word."""
        return identity(self._map[:HEADER]).pid

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


_NO_MEMORY = posix.no_memory()


def too_large(size: int, limit: int) -> RPCTransportError:
    return RPCTransportError(
        f"Message too large: {size:,} bytes, max_message_size is {limit:,}. "
        "Send less, or give the client and the server a larger max_message_size"
    )


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
    """As :func:`identity`. Raises RPCTransportError for a region that is not of this library and version."""
    if len(header) < layout.REGION_HEADER_SIZE:
        raise RPCTransportError(f"{name} is too short: {len(header)} bytes")
    found = identity(header)
    if found.magic != layout.REGION_MAGIC:
        raise RPCTransportError(f"{name} is no region of a channel: it begins with {found.magic!r}")
    if found.version != layout.VERSION:
        raise RPCTransportError(f"{name} has layout version {found.version}, this library {layout.VERSION}")
    posix.refuse_other_libc(name, found.libc)
    return found
