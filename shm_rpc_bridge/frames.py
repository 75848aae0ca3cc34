"""A message in parts: a body, and beside it frames of raw bytes, such as arrays, that no codec has to look at. Pure.

It begins with a byte that begins no message of any codec here; so a message without frames is what its codec makes of
it, and whoever cannot read one looks whether it has frames::

      0        4        8        12      16                    16 + 8 n
      +--------+--------+--------+-------+------+---+----------+-------+------+---------+-------+---
      | magic  | n      | notes  | body  | size |...| size     | notes | body | padding | frame |...
      | 4 bytes| u32    | u32    | u32   | u64  |   | u64      |       |      |         |       |
      +--------+--------+--------+-------+------+---+----------+-------+------+---------+-------+---

Little-endian; sizes in bytes. ``notes`` and ``body`` are their sizes; what stands in both is the codec's affair. Each
frame begins at a multiple of 64. Nothing is between and behind them but padding.
"""

import struct
from typing import Any, Callable, Container, List, NamedTuple, Optional, Sequence, Tuple, Union

MAGIC = b"\xc1SR1"
"""JSON is UTF-8, which has no byte 0xC1; to msgpack it is reserved; no pickle has such an opcode."""

_HEAD = struct.Struct("<4sIII")
_SIZE = struct.Struct("<Q")
_ALIGNED = 64

Message = Union[bytes, bytearray, memoryview]
"""What can be sent and has come: bytes, or a flat view of them."""


class Framed:
    """One to be sent. It holds what its frames are views of until it was written or dropped."""

    __slots__ = ("_body", "_notes", "_parts", "_size", "frames")

    def __init__(self, notes: bytes, body: bytes, frames: Sequence[Message]) -> None:
        self._notes, self._body, self.frames = notes, body, frames
        sizes = struct.pack(f"<{len(frames)}Q", *map(len, frames))
        first = b"".join((_HEAD.pack(MAGIC, len(frames), len(notes), len(body)), sizes, notes, body))
        self._parts: List[Tuple[int, Message]] = [(0, first)]
        end = len(first)
        for frame in frames:
            start = _next_start(end)
            end = start + len(frame)
            self._parts.append((start, frame))
        self._size = end

    def __len__(self) -> int:
        return self._size

    def write_into(self, memory: Any, offset: int) -> None:
        """Into something with so many bytes from there on. What is there of the padding stays."""
        for start, part in self._parts:
            memory[offset + start : offset + start + len(part)] = part

    @property
    def may_change(self) -> bool:
        """Whether a frame is of what others can write to."""
        return any(type(frame) is not bytes for frame in self.frames)

    def let_go(self) -> None:
        """It was written: hold nothing of its frames any more."""
        self._parts, self.frames = [], ()

    def copied(self) -> "Framed":
        """One that is as this is now: what the frames were views of may change from here on."""
        copied = object.__new__(Framed)
        copied._parts, copied._size = [(0, bytes(self))], self._size
        return copied

    def in_place(self, start: int) -> "Optional[Framed]":
        """One whose first frame is that far from its beginning, and is not written: it lies there already.

        `start`: a multiple of 64. None where there is no room for what comes before.
        """
        room = start - len(self._parts[0][1])
        if room < 0:
            return None
        # Readers of notes take blanks at their end for none.
        placed = Framed(self._notes + b" " * room, self._body, self.frames)
        del placed._parts[1]
        return placed

    def as_it_lies(self) -> "Framed":
        """One of which nothing is written: all of it lies there already."""
        lying = object.__new__(Framed)
        lying._parts, lying._size = [], self._size
        return lying

    def __bytes__(self) -> bytes:
        """As one, and a copy."""
        pieces: List[Message] = []
        end = 0
        for start, part in self._parts:
            pieces += (bytes(start - end), part)
            end = start + len(part)
        return b"".join(pieces)


class Unopened:
    """One that has come, and lies in memory that its writer can change: no codec reads it there, its frames are copied.

    It is none of the things that codecs read, so that they refuse it. Methods that are lent their frames get views of
    them; then whoever has given this out is told, and sees to it that what is left of them shows nothing else.
    """

    __slots__ = ("_lends_to", "_on_lend", "_size", "is_lent", "view")

    def __init__(
        self, view: memoryview, lends_to: Container[str] = (), on_lend: Optional[Callable[[int], None]] = None
    ) -> None:
        """Valid until the next message is taken. `lends_to`: names of methods."""
        self.view = view
        self._size = len(view)
        self._lends_to = lends_to
        self._on_lend = on_lend
        self.is_lent = False

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        return bytes(self.view)

    def lend_to_anybody(self) -> None:
        """A reader of it gets views."""
        self._lends_to = _EVERYTHING

    def lend_to(self, method: str) -> bool:
        """Whether the method gets views, which it may have from now on."""
        self.is_lent = is_lent = method in self._lends_to
        if is_lent and self._on_lend is not None:
            self._on_lend(self._size)
        return is_lent


class _Everything:
    def __contains__(self, name: object) -> bool:
        return True


_EVERYTHING = _Everything()


def lends(message: "Arrived", method: str) -> bool:
    """Whether frames of that message are lent to the method, see :class:`Unopened`."""
    return type(message) is Unopened and message.lend_to(method)


Outgoing = Union[Message, Framed]
"""What is sent. What has frames is sent before what they are views of may change, or :func:`kept`."""
Arrived = Union[Message, Unopened]
"""What has come, and is valid until the next one does."""


class Opened(NamedTuple):
    """The parts of a message that has come."""

    notes: bytes
    body: bytes
    frames: List[memoryview]
    """Views of it, to be copied, or lent."""


def kept(message: Outgoing) -> Outgoing:
    """As it is now: to be sent later."""
    return message.copied() if isinstance(message, Framed) else message


def is_framed(message: Any) -> bool:
    """Whether it seems to have frames."""
    return type(message) is Unopened or bytes(message[:4]) == MAGIC


def opened(message: Arrived) -> Opened:
    """Raises ValueError for anything that :class:`Framed` does not make."""
    view = message.view if isinstance(message, Unopened) else memoryview(message)
    size = len(view)
    try:
        magic, count, notes, body = _HEAD.unpack_from(view)
        start = _HEAD.size + _SIZE.size * count
        if magic != MAGIC or start + notes + body > size:
            raise ValueError(f"{count:,} frames, {notes:,} and {body:,} bytes said to be in {size:,}")
        sizes = struct.unpack_from(f"<{count}Q", view, _HEAD.size)
    except struct.error as error:
        raise ValueError(f"{size} bytes: {error}") from None
    end = start + notes + body
    found = Opened(bytes(view[start : start + notes]), bytes(view[start + notes : end]), [])
    for length in sizes:
        start = _next_start(end)
        end = start + length
        if end > size:
            raise ValueError(f"a frame is said to end at byte {end:,} of {size:,}")
        found.frames.append(view[start:end])
    if end != size:
        raise ValueError(f"frames are said to end at byte {end:,} of {size:,}")
    return found


def _next_start(end: int) -> int:
    return -(-end // _ALIGNED) * _ALIGNED
