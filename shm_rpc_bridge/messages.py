"""Several messages as one, and that as several again. Pure.

Of a batch, whose calls are answered together::

      0        4        8          4 + 4 n
      +--------+--------+---+------+---------+---------+---
      | n      | size   |...| size | message | message |...
      | u32    | u32    |   | u32  |         |         |
      +--------+--------+---+------+---------+---------+---

Of a multiplexed channel, in which each has a number by which it is answered, and a kind of its own::

      0        4        8        12       16
      +--------+--------+--------+--------+---+---------+---------+---
      | n      | number | kind   | size   |...| message | message |...
      | u32    | u32    | u32    | u32    |   |         |         |
      +--------+--------+--------+--------+---+---------+---------+---

Little-endian; sizes in bytes.
"""

import struct
from itertools import accumulate, chain
from typing import List, Sequence, Tuple, Union

Message = Union[bytes, bytearray, memoryview]
"""What can be sent: bytes, or a flat view of them."""

ONE, BATCH, MANY = 0, 1, 2
"""Kinds of message: one; several that are joined to a batch; several with numbers, each one of the two."""

Numbered = Tuple[int, int, Message]
"""A message of a multiplexed channel: its number, its kind and itself."""

NUMBERED = struct.Struct("<IIII")
"""What comes before a numbered message that is sent alone: 1, number, kind, size in bytes."""
LARGEST_NUMBER = 2**32 - 1
_AS_VIEWS = 32 * 1024
"""Bytes from which on the parts of a message are views of it: to copy them again would cost more."""


def joined(messages: Sequence[bytes]) -> bytes:
    """One message of these. Each has fewer than 4 GiB."""
    return b"".join((struct.pack(f"<{len(messages) + 1}I", len(messages), *map(len, messages)), *messages))


def parted(message: Message) -> List[bytes]:
    """Copies of those that :func:`joined` has made one of. ValueError for anything else."""
    data = bytes(message)
    try:
        (count,) = struct.unpack_from("<I", data)
        first = 4 + 4 * count
        if first > len(data):
            raise ValueError(f"{count:,} messages said to be in {len(data):,} bytes")
        ends = list(accumulate(struct.unpack_from(f"<{count}I", data, 4), initial=first))
    except struct.error as error:
        raise ValueError(f"{len(data)} bytes: {error}") from None
    if ends[-1] != len(data):
        raise ValueError(f"messages said to end at byte {ends[-1]:,} of {len(data):,}")
    return [data[start:end] for start, end in zip(ends, ends[1:])]


def numbered(messages: Sequence[Numbered]) -> bytes:
    """One message of these."""
    heads = chain.from_iterable((number, kind, len(message)) for number, kind, message in messages)
    head = struct.pack(f"<{1 + 3 * len(messages)}I", len(messages), *heads)
    return b"".join((head, *(message for _, _, message in messages)))


def numbered_parts(message: bytes) -> List[Numbered]:
    """Those that :func:`numbered` has made one of: copies, or views of it where it is large. ValueError for others."""
    try:
        (count,) = struct.unpack_from("<I", message)
        end = 4 + 12 * count
        if end > len(message):
            raise ValueError(f"{count:,} messages said to be in {len(message):,} bytes")
        heads = struct.unpack_from(f"<{3 * count}I", message, 4)
    except struct.error as error:
        raise ValueError(f"{len(message)} bytes: {error}") from None
    whole = message if len(message) < _AS_VIEWS else memoryview(message)
    parts: List[Numbered] = []
    for number, kind, size in zip(heads[::3], heads[1::3], heads[2::3]):
        if kind not in (ONE, BATCH):
            raise ValueError(f"message {number} is of unknown kind {kind}")
        start, end = end, end + size
        parts.append((number, kind, whole[start:end]))
    if end != len(message):
        raise ValueError(f"messages said to end at byte {end:,} of {len(message):,}")
    return parts
