"""One call as it is written down: a row of numbers and short texts, with its pickles as blobs behind. Pure."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple, Sequence

NOT_PICKLED = "not to be pickled"
"""In the words of a shape: something in it cannot."""


class Encoded(NamedTuple):
    """What would have to travel of one call in one direction."""

    json_bytes: int
    """As JSON, without what `beside_bytes` counts; -1 where it was not found out: of pickled values, and of some where
    that takes long; -2 where JSON cannot."""
    beside_bytes: int = 0
    """Of bytes and arrays."""
    shape: str = ""
    """What it is made of, in words, where shapes are kept; where sizes are, now and then; "" otherwise. Behind that
    :data:`NOT_PICKLED` and why, wherever something cannot be."""
    pickle_bytes: int = -1
    """Of a pickle of it; -1 where there was none."""
    pickled: bytes | None = None
    """A pickle of protocol 5, of ``(args, kwargs)`` or of the result. In it :class:`shm_rpc_bridge.record.Refused`
    stands where something cannot be pickled, and :class:`shm_rpc_bridge.record.Redacted` for what was to be hidden."""

    @property
    def refused(self) -> str:
        """Why it cannot be pickled, as sizes know it; "" where it can."""
        return self.shape[self.shape.index(NOT_PICKLED) :] if NOT_PICKLED in self.shape else ""


class Row(NamedTuple):
    """One call, in the order of the file. What is written is a plain tuple: a call has no time for more."""

    function: int
    number: int
    parent: int
    caller: str
    thread: int
    task: int
    start_ns: int
    duration_ns: int
    cpu_ns: int
    raised: str
    request: Encoded | None
    """As it is written, a number alone is the first field of one."""
    response: Encoded | None
    mutated: bool | None


START, DURATION, RAISED, REQUEST, RESPONSE = map(
    Row._fields.index, ("start_ns", "duration_ns", "raised", "request", "response")
)


def weight(row: Sequence[Any]) -> int:
    """The bytes of both directions' pickles and shapes, of a row that is to be written."""
    both = (row[REQUEST], row[RESPONSE])
    return sum(
        len(each[2]) + (0 if each[4] is None else each[3])
        for each in both
        if type(each) is not int and each is not None
    )


def with_blobs(rows: Sequence[Sequence[Any]]) -> tuple[list[tuple[Any, ...]], list[bytes]]:
    """Rows as JSON has them, and their pickles in the order in which they are read again."""
    blobs: list[bytes] = []
    texts = [
        (*row[:REQUEST], _text(row[REQUEST], blobs), _text(row[RESPONSE], blobs), *row[RESPONSE + 1 :]) for row in rows
    ]
    return texts, blobs


def decode(texts: Sequence[Sequence[Any]], blobs: Sequence[bytes]) -> Iterator[Row]:
    """The rows again."""
    left = iter(blobs)
    for text in texts:
        front, behind = text[:REQUEST], text[RESPONSE + 1 :]
        yield Row._make((*front, _encoded(text[REQUEST], left), _encoded(text[RESPONSE], left), *behind))


def _text(encoded: Any, blobs: list[bytes]) -> Any:
    if encoded is None or type(encoded) is int:
        return encoded
    if encoded[4] is not None:
        blobs.append(encoded[4])
    return (*encoded[:4], encoded[4] is not None)


def _encoded(text: Any, blobs: Iterator[bytes]) -> Encoded | None:
    if text is None:
        return None
    if type(text) is int:
        return Encoded(text)
    blob = next(blobs, None) if text[4] else None
    if text[4] and blob is None:
        raise LookupError("a pickle is missing")
    return Encoded._make((*text[:4], blob))
