"""One direction of a channel: a region with room for one message, and its semaphores `empty` and `full`.

The writer takes `empty`, writes, posts `full`; the reader takes `full`, copies, posts `empty`. Used by one writer in
one process and one reader in another; which of them is client or server, a buffer does not know.
"""

import os
from typing import Callable, List, Optional, Tuple, Union

from . import layout, posix
from .exceptions import RPCTimeoutError, RPCTransportError
from .posix import Semaphore
from .waiting import Waiter

Message = Union[bytes, bytearray, memoryview]
"""What can be sent: bytes, or a flat view of them."""

_HEADER = layout.REGION_HEADER_SIZE
_write_message_header = layout.MESSAGE.pack_into
_read_message_header = layout.MESSAGE.unpack_from


class Buffer:
    """One end of one direction. Each end is used by one thread at a time; its owner closes it."""

    __slots__ = (
        "_capacity",
        "_empty",
        "_full",
        "_map",
        "_max_message_size",
        "_segment",
        "_view",
        "_wait_empty",
        "_wait_full",
    )

    def __init__(
        self,
        segment: posix.Segment,
        empty: Semaphore,
        full: Semaphore,
        max_message_size: int,
        wait: str,
        recheck: Callable[[], None],
    ) -> None:
        """Take over a region and its semaphores; `recheck` is asked between slices of a wait and raises to end it."""
        self._segment = segment
        self._empty = empty
        self._full = full
        self._max_message_size = max_message_size
        self._wait_empty = Waiter(empty, wait, recheck)
        self._wait_full = Waiter(full, wait, recheck)
        self._view: Optional[memoryview] = None
        self._adopt_mapping()

    def _adopt_mapping(self) -> None:
        self._map = self._segment.map
        self._capacity = self._segment.size - _HEADER

    def send(self, message: Message, sequence: int, deadline: float) -> None:
        """Write one message and post it. Raises RPCTimeoutError when the last one is not taken by the deadline."""
        size = len(message)
        if size > self._capacity:
            self._make_room(size)
        try:
            self._empty.acquire(0)  # there but for a peer that lags behind
        except (posix.Busy, posix.Interrupted):
            if not self._wait_empty.wait(deadline):
                raise RPCTimeoutError("the peer has not taken the previous message in time") from None
        buffer = self._map
        try:
            _write_message_header(buffer, 0, size, 0, 0, sequence)
            buffer[_HEADER : _HEADER + size] = message
        except BaseException:  # of a signal's handler: nothing has been sent, and the next message has room
            self._empty.release()
            raise
        self._full.release()

    def receive(self, deadline: float) -> Tuple[int, bytes]:
        """Take one message: its sequence and a copy of it. Raises RPCTimeoutError when none comes by the deadline."""
        if not self._wait_full.wait(deadline):
            raise RPCTimeoutError("no message in time")
        try:
            taken = self._copy_out()
        except RPCTransportError:
            raise
        except BaseException:  # of a signal's handler: the message is still there
            self._full.release()
            raise
        self._empty.release()
        return taken

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

        Raises BufferError while the view has views of its own, such as slices.
        """
        if self._view is not None:
            self._view.release()
            self._view = None
            self._empty.release()

    def take(self) -> Optional[Tuple[int, bytes]]:
        """What :meth:`receive` returns if a message is there, else None; :meth:`give_room` must follow. Never waits."""
        try:
            self._full.acquire(0)
        except (posix.Busy, posix.Interrupted):
            return None
        return self._copy_out()

    def give_room(self) -> None:
        """Let the writer write the next message; what was taken is a copy."""
        self._empty.release()

    def _copy_out(self) -> Tuple[int, bytes]:
        size, kind, flags, sequence = _read_message_header(self._map, 0)
        if size > self._capacity or kind or flags:
            self._check_header(size, kind, flags)
        # A copy, so that nothing decodes memory which another process can still change.
        return sequence, self._map[_HEADER : _HEADER + size]

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

    def is_linked(self) -> bool:
        return self._segment.is_linked()

    def close(self) -> None:
        """Release memory and semaphores. Idempotent. No thread may be inside another method."""
        if not self._segment.is_closed:
            self._segment.close()
            self._empty.close()
            self._full.close()


def too_large(size: int, limit: int) -> RPCTransportError:
    return RPCTransportError(
        f"Message too large: {size:,} bytes, max_message_size is {limit:,}. "
        "Send less, or give the client and the server a larger max_message_size"
    )


def create_buffer(
    segment_name: str,
    empty_name: str,
    full_name: str,
    capacity: int,
    max_message_size: int,
    wait: str,
    recheck: Callable[[], None],
) -> Buffer:
    """Create the three objects of a buffer; on error none of them remains."""
    empty = full = segment = None
    try:
        segment = posix.create_segment(segment_name, layout.region_size(capacity))
        layout.REGION_IDENTITY.pack_into(
            segment.map,
            layout.REGION_IDENTITY_OFFSET,
            layout.REGION_MAGIC,
            layout.VERSION,
            os.getpid(),
            max_message_size,
        )
        empty = posix.create_semaphore(empty_name, 1)
        full = posix.create_semaphore(full_name, 0)
        return Buffer(segment, empty, full, max_message_size, wait, recheck)
    except BaseException:
        for made, unlink, name in (
            (segment, posix.unlink_segment, segment_name),
            (empty, posix.unlink_semaphore, empty_name),
            (full, posix.unlink_semaphore, full_name),
        ):
            if made is not None:
                made.close()
                unlink(name)
        raise


def open_buffer(
    segment_name: str,
    empty_name: str,
    full_name: str,
    max_message_size: int,
    wait: str,
    recheck: Callable[[], None],
) -> Buffer:
    """Open the three objects of a buffer and check that they are one. Raises RPCTransportError saying what is wrong.

    Messages may be as large as both the creator and `max_message_size` allow.
    """
    segment = posix.open_segment(segment_name, layout.REGION_HEADER_SIZE)
    opened: List[Semaphore] = []
    try:
        magic, version, _, creators_limit = layout.REGION_IDENTITY.unpack_from(
            segment.map, layout.REGION_IDENTITY_OFFSET
        )
        if magic != layout.REGION_MAGIC:
            raise RPCTransportError(f"{segment_name} is no region of a channel: it begins with {magic!r}")
        if version != layout.VERSION:
            raise RPCTransportError(f"{segment_name} has layout version {version}, this library {layout.VERSION}")
        opened.extend(posix.open_semaphore(name) for name in (empty_name, full_name))
        return Buffer(segment, opened[0], opened[1], min(max_message_size, creators_limit), wait, recheck)
    except BaseException:
        segment.close()
        for semaphore in opened:
            semaphore.close()
        raise
