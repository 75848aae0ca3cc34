"""The seeded payload corpus: the same for every contender, several distinct payloads per cell.

Each payload carries a nonce, so an answer that belongs to another call never equals the expected one. Sizes
are exact: bytes for ``bytes``, UTF-8 bytes for texts, bytes of compact JSON for documents and numbers, bytes of the
pickle (protocol 5) of the payload alone for objects, bytes of the items for arrays. So a size is what a codec makes of
the payload, but for the few bytes that say which method is called, and for texts, which codecs may escape.
"""

from __future__ import annotations

import pickle
import random
import string
from datetime import datetime, timedelta
from typing import Any

import orjson

from contenders.objects import Order

STREAMED = "produce"
"""The method that is a generator: its calls are streams, of the payload's items."""

DEFAULT_KINDS = {
    "echo": {"bytes": "bytes", "json": "document", "native": "ascii", "pickle": "objects", "arrays": "array"},
    "add": {"json": "numbers", "native": "numbers", "pickle": "numbers"},
    "total": {"arrays": "array"},
    "first": {"arrays": "array"},
    "process": {"json": "document", "native": "document", "pickle": "document"},
    STREAMED: {"native": "ascii"},
}
"""Method to lane to the kind of payload sent when a scenario does not say. A pair not listed does not
exist."""

KINDS_OF_LANE = {
    "bytes": ("bytes",),
    "json": ("document", "ascii", "escapes"),
    "native": ("ascii", "escapes"),
    "pickle": ("objects", "ascii", "escapes"),
    "arrays": ("array",),
}
"""What an echo can carry in each lane; the other methods take one kind only."""

MINIMUM_BYTES = {"bytes": 16, "ascii": 16, "escapes": 16, "document": 64, "numbers": 17, "objects": 200, "array": 4}
"""Below these a payload has no room for its nonce; of an object, for the names of its classes and fields."""

ITEM_BYTES = 4
"""Of an array, float32: its size is a multiple of it."""
FEW_FROM_BYTES = 32_000_000
"""Of payloads so large there are two: clients hold them all."""

NUMBERS_BYTES = 17
"""The one size of ``{"a":123,"b":456}``: always three digits, so that every call has the same work."""

_ASCII = (string.ascii_letters + string.digits + "  ").encode().ljust(256, b" ")
_ALPHABET = bytes(_ASCII[i % 64] for i in range(256))
# Half of all characters need a backslash in JSON: the worst text a codec meets outside of tests.
_ESCAPED = bytes((b'"\\\n\t'[i % 4] if i % 2 else _ASCII[i % 64]) for i in range(256))


def corpus(kind: str, size: int, seed: int) -> list[Any]:
    """Distinct payloads of one kind, `size` bytes each; the same seed gives the same payloads.

    Eight of them, four when eight would be more than 2 MB, of the largest arrays two: enough to tell a stale answer,
    few enough not to turn the measurement into one of cold memory only.
    """
    rng = random.Random(f"{seed}:{kind}:{size}")
    count = 8 if size * 8 <= 2_000_000 else 4
    if kind == "numbers":
        return [{"a": a, "b": rng.randint(100, 999)} for a in rng.sample(range(100, 1000), count)]
    if kind == "document":
        return _documents(rng, size, count)
    if kind == "objects":
        return _orders(rng, size, count)
    if kind == "array":
        return _arrays(rng, size, count if size < FEW_FROM_BYTES else 2)
    bodies = [rng.randbytes(size - 8) for _ in range(count)]
    if kind == "bytes":
        return [nonce.to_bytes(8, "big") + body for nonce, body in enumerate(bodies)]
    table = _ESCAPED if kind == "escapes" else _ALPHABET
    return [f"{nonce:08x}{body.translate(table).decode()}" for nonce, body in enumerate(bodies)]


def of_streams(payloads: list[Any], items: int) -> list[dict[str, Any]]:
    """What :data:`STREAMED` takes for streams of so many items. Of two payloads only: the items of all of them, which
    are the answers, are in the client's memory."""
    return [{"item": payload, "items": items} for payload in payloads[:2]]


def _documents(rng: random.Random, size: int, count: int) -> list[dict[str, Any]]:
    """Documents of exactly `size` encoded bytes that share their records and differ in nonce and padding.

    Sharing costs nothing in truth (every contender encodes all of it on each call) and saves seconds of
    set-up.
    """
    empty = {"nonce": f"{0:08x}", "records": [], "text": ""}
    room = size - len(orjson.dumps(empty))
    records: list[dict[str, Any]] = []
    while True:
        record = _record(rng, len(records))
        length = len(orjson.dumps(record)) + 1
        if length > room:
            break
        records.append(record)
        room -= length
    # The first record has no comma before it: its byte goes to the text.
    padding = room + (1 if records else 0)
    texts = [_text(rng, padding) for _ in range(count)]
    return [{"nonce": f"{i:08x}", "records": records, "text": text} for i, text in enumerate(texts)]


def _record(rng: random.Random, number: int) -> dict[str, Any]:
    """A row as services pass them about: a nested object, a list, each scalar type of JSON."""
    return {
        "id": number,
        "name": _text(rng, 20),
        "active": rng.random() < 0.5,
        "score": round(rng.uniform(0, 1000), 3),
        "position": {"x": round(rng.uniform(-180, 180), 6), "y": round(rng.uniform(-90, 90), 6)},
        "tags": rng.sample(("new", "sale", "heavy", "fragile", "export", "pallet"), rng.randint(0, 3)),
        "parent": None if number == 0 else rng.randrange(number),
        "note": _text(rng, rng.randint(40, 160)),
    }


def _orders(rng: random.Random, size: int, count: int) -> list[Order]:
    """Orders of exactly `size` pickled bytes that share their lines and differ in number and note."""
    placed = datetime(2026, 1, 1) + timedelta(microseconds=rng.randrange(365 * 24 * 3600 * 10**6))
    position = (rng.uniform(-180, 180), rng.uniform(-90, 90))
    lines: list[list[Any]] = []

    def room() -> int:
        return size - len(pickle.dumps(Order(100_000, placed, position, lines, ""), protocol=5))

    about = size
    while about > 0:
        lines.append(_line(rng, len(lines)))
        about -= len(pickle.dumps(lines[-1], protocol=5)) - _PICKLE_FRAME_BYTES
    while room() < 0:
        lines.pop()
    padding = room()  # less than a line, and so less than the 256 bytes from which a pickled text needs a longer head
    return [Order(100_000 + i, placed, position, lines, _text(rng, padding)) for i in range(count)]


def _arrays(rng: random.Random, size: int, count: int) -> list[Any]:
    """Arrays of float32, `size` bytes each, that differ in their first item. Small whole numbers: their sum is exact in
    any order."""
    import numpy as np  # in the process of a client of lane arrays, and no other's

    items = np.frombuffer(rng.randbytes(size // ITEM_BYTES), np.int8).astype(np.float32)
    found = [items.copy() for _ in range(count)]
    for nonce, array in enumerate(found):
        array[0] = nonce
    return found


_PICKLE_FRAME_BYTES = 12
"""Of a small pickle, what stands around the value."""


def _line(rng: random.Random, number: int) -> list[Any]:
    """A line of an order; 60 to 160 bytes of pickle."""
    tags = [_text(rng, 5) for _ in range(rng.randint(0, 3))]
    return [number, _text(rng, rng.randint(20, 80)), round(rng.uniform(0, 1000), 2), [rng.random(), rng.random()], tags]


def _text(rng: random.Random, length: int) -> str:
    return rng.randbytes(length).translate(_ALPHABET).decode()
