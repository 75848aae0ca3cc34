"""One call as it is written down: a row of numbers and short texts, with its pickles as blobs behind. Pure."""

from __future__ import annotations

from typing import Any, Iterator, List, NamedTuple, Optional, Tuple


class Encoded(NamedTuple):
    """What would have to travel of one call in one direction."""

    json_bytes: int
    """As JSON, without what :attr:`beside_bytes` counts; -1 where that was not looked at, -2 where JSON cannot."""
    beside_bytes: int
    """Of bytes and arrays."""
    shape: str
    """What it is made of, in words; looked at now and then, and "" otherwise."""
    pickle_bytes: int
    """-1 where there is no pickle of it."""
    pickled: Optional[bytes] = None
    """A pickle of protocol 5, of ``(args, kwargs)`` or of the result. In it :class:`shm_rpc_bridge.record.Refused`
    stands where something cannot be pickled, and :class:`shm_rpc_bridge.record.Redacted` for what was to be hidden."""

    def with_pickle(self, blobs: Iterator[bytes]) -> Encoded:
        return self if self.pickle_bytes < 0 else self._replace(pickled=next(blobs))

    def row(self) -> Tuple[int, int, str, int]:
        return self[:4]


class ROW(NamedTuple):
    """In the order of the file."""

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
    request: Any
    response: Any
    mutated: Optional[bool]


def encode(rows: List[Tuple[Any, ...]]) -> Tuple[List[Tuple[Any, ...]], List[bytes]]:
    """Rows as JSON has them, and their blobs in the order in which they are read again."""
    blobs: List[bytes] = []
    texts = []
    for row in rows:
        *front, request, response, mutated = row
        for encoded in (request, response):
            if encoded is not None and encoded[4] is not None:
                blobs.append(encoded[4])
        texts.append((*front, request and request[:4], response and response[:4], mutated))
    return texts, blobs
