"""What stands in a recording in place of something that could not, or should not, be kept. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple


class Refused(NamedTuple):
    """Cannot be pickled: an open file, a lock, a function made inside another."""

    type_name: str
    why: str
    """What pickle said."""


class Redacted(NamedTuple):
    """Was to be hidden: an argument whose parameter was named in ``redact=``, or a result."""

    type_name: str
    length: int
    """Of what has one, -1 for others."""

    @classmethod
    def of(cls, value: Any) -> Redacted:
        sized = isinstance(value, (str, bytes, bytearray, list, tuple, dict, set))
        return cls(type(value).__name__, len(value) if sized else -1)
