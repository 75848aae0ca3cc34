"""The seeded payload corpus: the same for every contender, several distinct payloads per cell.

Each payload carries a nonce, so an answer that belongs to another call never equals the expected one. Sizes
are exact: bytes for ``bytes``, UTF-8 bytes for texts, bytes of compact JSON for documents and numbers.
"""

from __future__ import annotations

import random
import string
from typing import Any

import orjson

DEFAULT_KINDS = {
    "echo": {"bytes": "bytes", "json": "document", "native": "ascii"},
    "add": {"json": "numbers", "native": "numbers"},
    "process": {"json": "document", "native": "document"},
}
"""Method to lane to the kind of payload sent when a scenario does not say. A pair not listed does not
exist."""

KINDS_OF_LANE = {
    "bytes": ("bytes",),
    "json": ("document", "ascii", "escapes"),
    "native": ("ascii", "escapes"),
}
"""What an echo can carry in each lane; the other methods take one kind only."""

MINIMUM_BYTES = {"bytes": 16, "ascii": 16, "escapes": 16, "document": 64, "numbers": 17}
"""Below these a payload has no room for its nonce."""

NUMBERS_BYTES = 17
"""The one size of ``{"a":123,"b":456}``: always three digits, so that every call has the same work."""

_ASCII = (string.ascii_letters + string.digits + "  ").encode().ljust(256, b" ")
_ALPHABET = bytes(_ASCII[i % 64] for i in range(256))
# Half of all characters need a backslash in JSON: the worst text a codec meets outside of tests.
_ESCAPED = bytes((b'"\\\n\t'[i % 4] if i % 2 else _ASCII[i % 64]) for i in range(256))


def corpus(kind: str, size: int, seed: int) -> list[Any]:
    """Distinct payloads of one kind, `size` bytes each; the same seed gives the same payloads.

    Eight of them, four when eight would be more than 2 MB: enough to tell a stale answer, few enough not to
    turn the measurement into one of cold memory only.
    """
    rng = random.Random(f"{seed}:{kind}:{size}")
    count = 8 if size * 8 <= 2_000_000 else 4
    if kind == "numbers":
        return [{"a": a, "b": rng.randint(100, 999)} for a in rng.sample(range(100, 1000), count)]
    if kind == "document":
        return _documents(rng, size, count)
    bodies = [rng.randbytes(size - 8) for _ in range(count)]
    if kind == "bytes":
        return [nonce.to_bytes(8, "big") + body for nonce, body in enumerate(bodies)]
    table = _ESCAPED if kind == "escapes" else _ALPHABET
    return [f"{nonce:08x}{body.translate(table).decode()}" for nonce, body in enumerate(bodies)]


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


def _text(rng: random.Random, length: int) -> str:
    return rng.randbytes(length).translate(_ALPHABET).decode()
