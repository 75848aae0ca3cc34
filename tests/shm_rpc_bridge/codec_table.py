"""The table of what changes on the way, by codec: made of real round trips, written between two marks in a document.

    python -m tests.shm_rpc_bridge.codec_table

writes it again; test_codec_table.py fails when it says what is not so. Needs msgspec, NumPy and Python 3.11.
"""

import collections
import dataclasses
import datetime
import decimal
import enum
import math
import uuid
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Tuple

import numpy

from shm_rpc_bridge import RPCError
from shm_rpc_bridge.codec import chosen

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "library" / "carries.md"
BEGIN, END = "<!-- codec table -->\n", "<!-- end of codec table -->"

CODECS: Dict[str, Tuple[str, bool]] = {
    '`"json"`': ("json", False),
    '`"json"`, `strict=True`': ("json", True),
    '`"json+types"`': ("json+types", False),
    '`"msgpack"`': ("msgpack", False),
    '`"pickle"`': ("pickle", False),
}


@dataclasses.dataclass
class Point:
    x: int


class Pair(NamedTuple):
    left: int
    right: int


class Colour(enum.Enum):
    RED = "red"


class Text(str):
    __slots__ = ()


class Number(float):
    __slots__ = ()


class Own:
    def __eq__(self, other: object) -> bool:
        return type(other) is Own

    __hash__ = None  # type: ignore[assignment]


UTC = datetime.timezone.utc
NOON = datetime.datetime(2024, 5, 1, 12, 0, 0, 5)
VALUES: Dict[str, List[Any]] = {
    "None, bool, text, integers of 64 bits, finite floats, lists, dicts with text as keys": [
        [None, True, "ä", 2**63, -1, 1.5, -0.0, {"a": [{}]}]
    ],
    "NaN, infinity": [math.nan, math.inf],
    "integers above 64 bits": [2**64, -(2**63) - 1],
    "dicts with other keys, such as integers": [{1: "a"}],
    "tuple": [(1, 2)],
    "namedtuple": [Pair(1, 2)],
    "set, frozenset": [{1}, frozenset({1})],
    "bytes": [b"\xff"],
    "bytearray": [bytearray(b"\xff")],
    "memoryview": [memoryview(b"\xff")],
    "NumPy's arrays, but for those of objects": [numpy.arange(6.0).reshape(2, 3)],
    "complex": [1j],
    "Decimal": [decimal.Decimal("1.10")],
    "UUID": [uuid.UUID(int=7)],
    "datetime without a zone": [NOON],
    "datetime in UTC": [NOON.replace(tzinfo=UTC)],
    "datetime with an offset": [NOON.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=2)))],
    "date, time": [datetime.date(2024, 5, 1), datetime.time(1, 2, 3)],
    "timedelta": [datetime.timedelta(days=-1, microseconds=5)],
    "enum": [Colour.RED],
    "dataclass": [Point(1)],
    "OrderedDict": [collections.OrderedDict(a=1)],
    "subclass of str": [Text("a")],
    "subclass of float": [Number(1.5)],
    "NumPy's integers, floats and bools": [numpy.int64(7), numpy.float32(1.5), numpy.float64(1.5), numpy.bool_(True)],
    "object of a class of one's own": [Own()],
    "function (of a module)": [math.sqrt],
}


def fate(codec: str, strict: bool, value: Any) -> str:
    """What becomes of it: "kept", "refused", or the class as which it arrives."""
    chosen_codec = chosen(codec, strict)
    try:
        arrived = chosen_codec.decode_response("m", bytes(chosen_codec.encode_result("m", value)))
    except RPCError:
        return "**refused**"
    if type(arrived) is type(value) and repr(arrived) == repr(value):
        return "kept"
    if type(arrived) is memoryview and arrived == value:
        return "kept"
    if type(arrived) is type(value) and arrived == value:
        return "kept" if type(value) is Own else "equal, in UTC"
    if arrived is None:
        return "None"
    return {"str": "text"}.get(type(arrived).__name__, type(arrived).__name__)


def table() -> str:
    """In Markdown."""
    lines = [["what is sent", *CODECS], ["---"] * (1 + len(CODECS))]
    for what, values in VALUES.items():
        cells = [
            ", ".join(dict.fromkeys(fate(codec, strict, value) for value in values))
            for codec, strict in CODECS.values()
        ]
        lines.append([what, *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def committed() -> str:
    """The table as the document has it."""
    return DOCUMENT.read_text().split(BEGIN)[1].split(END)[0]


if __name__ == "__main__":
    before, rest = DOCUMENT.read_text().split(BEGIN)
    DOCUMENT.write_text(before + BEGIN + table() + END + rest.split(END)[1])
