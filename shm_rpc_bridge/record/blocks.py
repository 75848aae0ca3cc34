"""The file of a recording: a line that says what it is, then blocks, each whole or not there.

    +--------------------------+
    | MAGIC, 8 bytes           |   b"shmrec1\\n"
    +------+------+------+-----+
    | BLOK | size | crc  | zlib|   one block: 4 bytes each, little-endian, then `size` bytes compressed by zlib
    +------+------+------+-----+
    | ...                      |

A block's bytes are one line of JSON, ``{"kind": ..., ...}``, and behind it the blobs whose sizes the line names:
pickles of arguments and results, which JSON cannot hold. A process that is killed leaves at most its last block torn,
which is found by its size or its CRC-32; every block before it reads as it was written. Pure.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, Iterator, NamedTuple, Sequence

import orjson

MAGIC = b"shmrec1\n"
_HEAD = struct.Struct("<4sII")
_BLOCK = b"BLOK"

LEVEL = 1
"""Of zlib: rows of one kind shrink to a fifth at its fastest, and arguments are compressed while a program runs."""


class NotARecording(ValueError):
    """The file is not a recording, or one of another version."""


class Block(NamedTuple):
    """What one block holds."""

    fields: dict[str, Any]
    blobs: list[bytes]


def encode(fields: dict[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """One block. `fields` is what JSON can hold, and has no key "blobs"."""
    whole = {**fields, "blobs": [len(blob) for blob in blobs]}
    try:
        line = orjson.dumps(whole, default=tuple, option=orjson.OPT_APPEND_NEWLINE)  # of a NamedTuple
    except TypeError:  # a name that is no UTF-8, as of a file; an attribute that has no text for a name
        line = orjson.dumps(_writable(whole), option=orjson.OPT_APPEND_NEWLINE)
    body = zlib.compress(b"".join((line, *blobs)), LEVEL)
    return _HEAD.pack(_BLOCK, len(body), zlib.crc32(body)) + body


def _writable(value: Any) -> Any:
    """With texts that JSON can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_writable(str(key)): _writable(each) for key, each in value.items()}
    return [_writable(each) for each in value] if isinstance(value, (list, tuple)) else value


def decode(data: bytes) -> tuple[list[Block], int]:
    """Every whole block of a file's bytes, and how many bytes behind them are torn.

    Raises :class:`NotARecording` for what does not begin as one.
    """
    if not data.startswith(MAGIC):
        raise NotARecording(f"not a recording of this version: begins with {data[:8]!r}, not {MAGIC!r}")
    blocks, end = [], len(MAGIC)
    for block, behind in _whole(data, end):
        blocks.append(block)
        end = behind
    return blocks, len(data) - end


def _whole(data: bytes, start: int) -> Iterator[tuple[Block, int]]:
    while start + _HEAD.size <= len(data):
        mark, size, crc = _HEAD.unpack_from(data, start)
        body = data[start + _HEAD.size : start + _HEAD.size + size]
        if mark != _BLOCK or len(body) < size or zlib.crc32(body) != crc:
            return
        line, _, rest = zlib.decompress(body).partition(b"\n")
        fields = orjson.loads(line)
        blobs, at = [], 0
        for length in fields.pop("blobs"):
            blobs.append(rest[at : at + length])
            at += length
        start += _HEAD.size + size
        yield Block(fields, blobs), start
