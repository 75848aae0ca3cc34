"""Several messages as one, and that as several again. Pure.

      0        4        8          4 + 4 n
      +--------+--------+---+------+---------+---------+---
      | n      | size   |...| size | message | message |...
      | u32    | u32    |   | u32  |         |         |
      +--------+--------+---+------+---------+---------+---

Little-endian; sizes in bytes.
"""

import struct
from itertools import accumulate
from typing import List, Sequence, Union

Message = Union[bytes, bytearray, memoryview]
"""What can be sent: bytes, or a flat view of them."""

ONE, BATCH = 0, 1
"""Kinds of message: one, and several that are joined."""


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
