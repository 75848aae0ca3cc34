"""Several messages as one, and that as several again. Pure.

Of a batch, whose calls are answered together::

      0        4        8          4 + 4 n
      +--------+--------+---+------+---------+---------+---
      | n      | size   |...| size | message | message |...
      | u32    | u32    |   | u32  |         |         |
      +--------+--------+---+------+---------+---------+---

Of a multiplexed channel, in which each has a number by which it is answered, and a kind and a deadline of its own::

      0        4        8        12       16         24
      +--------+--------+--------+--------+----------+---+---------+---------+---
      | n      | number | kind   | size   | deadline |...| message | message |...
      | u32    | u32    | u32    | u32    | f64      |   |         |         |
      +--------+--------+--------+--------+----------+---+---------+---------+---

Little-endian; sizes in bytes.
"""

import struct
from itertools import accumulate
from typing import Any, List, Sequence, Tuple

from .frames import Arrived

ONE, BATCH, MANY = 0, 1, 2
"""Kinds of message: one; several that are joined to a batch; several with numbers, each one of the two."""

Numbered = Tuple[int, int, Any, float]
"""A message of a multiplexed channel: its number, its kind, itself, and of a request its deadline, as in a region."""

NUMBERED = struct.Struct("<IIIId")
"""What comes before a numbered message that is sent alone: 1, number, kind, size in bytes, deadline."""
LARGEST_NUMBER = 2**32 - 1
_COUNT, _HEAD = struct.Struct("<I"), struct.Struct("<IIId")
_AS_VIEWS = 32 * 1024
"""Bytes from which on the parts of a message are views of it: to copy them again would cost more."""


def joined(messages: Sequence[bytes]) -> bytes:
    """One message of these. Each has fewer than 4 GiB."""
    return b"".join((struct.pack(f"<{len(messages) + 1}I", len(messages), *map(len, messages)), *messages))


def parted(message: Arrived) -> List[bytes]:
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
    pack = _HEAD.pack
    heads = [pack(number, kind, len(message), deadline) for number, kind, message, deadline in messages]
    return b"".join([_COUNT.pack(len(heads)), *heads, *[message for _, _, message, _ in messages]])


def numbered_parts(message: bytes) -> List[Numbered]:
    """Those that :func:`numbered` has made one of: copies, or views of it where it is large. ValueError for others."""
    try:
        (count,) = _COUNT.unpack_from(message)
        end = _COUNT.size + _HEAD.size * count
        if end > len(message):
            raise ValueError(f"{count:,} messages said to be in {len(message):,} bytes")
        heads = _HEAD.iter_unpack(message[_COUNT.size : end])
    except struct.error as error:
        raise ValueError(f"{len(message)} bytes: {error}") from None
    whole = message if len(message) < _AS_VIEWS else memoryview(message)
    parts: List[Numbered] = []
    for number, kind, size, deadline in heads:
        if kind not in (ONE, BATCH):
            raise ValueError(f"message {number} is of unknown kind {kind}")
        start, end = end, end + size
        parts.append((number, kind, whole[start:end], deadline))
    if end != len(message):
        raise ValueError(f"messages said to end at byte {end:,} of {len(message):,}")
    return parts
