"""Values that are more than plain JSON, of classes of every kind."""

import collections
import dataclasses
import datetime
import enum
import typing
import uuid

import pytest

from shm_rpc_bridge import RPCSerializationError
from shm_rpc_bridge.codec import chosen

JSON = chosen("json")
UTC = datetime.timezone.utc


def refusals(value):
    """Of a call and of a result, from the place on."""
    with pytest.raises(RPCSerializationError) as of_call:
        JSON.encode_request("f", (), {"other": 1, "data": value})
    with pytest.raises(RPCSerializationError) as of_result:
        JSON.encode_result("f", value)
    return str(of_call.value), str(of_result.value)


@dataclasses.dataclass
class Point:
    x: int
    y: typing.Any = None
    _hidden: int = 7
    constant: typing.ClassVar[int] = 1


@dataclasses.dataclass
class Slotted:
    __slots__ = ("_hidden", "x", "y")
    x: int
    y: typing.Any
    _hidden: int


@dataclasses.dataclass
class Partly(Slotted):
    z: int


@dataclasses.dataclass(repr=False)
class Late:
    x: int
    y: int = dataclasses.field(init=False)

    def __repr__(self):  # a case is called so: the same in every process
        return f"Late({self.x})"


class Colour(enum.Enum):
    RED = "red"
    POINT = (1, [2])
    DEEP = {"a": None}  # noqa: RUF012


class Number(enum.IntEnum):
    ONE = 1


class Text(str, enum.Enum):
    WORD = "word"


class Bits(enum.Flag):
    A = 1
    B = 2


class OwnStr(str):
    __slots__ = ()


class OwnInt(int):
    pass


class OwnFloat(float):
    pass


class OwnList(list):
    pass


class OwnDict(dict):
    pass


class Pair(typing.NamedTuple):
    left: int
    right: typing.Any


class Zone(datetime.tzinfo):
    def __init__(self, offset):
        self.offset = offset

    def utcoffset(self, moment):
        return self.offset

    def __repr__(self):
        return f"{type(self).__name__}({self.offset})"


class LikePytz(Zone):
    """Whose own offset is local mean time, until it is asked to normalize."""

    def normalize(self, moment):
        return moment.replace(tzinfo=datetime.timezone(datetime.timedelta(hours=1)))


def with_more_attributes():
    point = Point(1)
    point.later = [Point(2)]
    return point


HEALTHY = [
    *(Colour.RED, Colour.POINT, Colour.DEEP, Number.ONE, Text.WORD, Bits.A | Bits.B),
    *(Point(1), Point(1, Point(2, [Slotted(1, Point(2), 3)])), Slotted(1, Slotted(4, 5, 6), 3), Partly(1, 2, 3, 4)),
    *(Late(1), with_more_attributes(), dataclasses.make_dataclass("Empty", [])()),
    *(OwnStr("ä"), OwnInt(7), OwnList([1, Point(1)]), OwnDict(a=Point(1)), collections.OrderedDict(b=1, a=Point(1))),
    *(uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), datetime.date(1, 1, 1), datetime.time(1, 2, 3, 4)),
    datetime.datetime(1, 1, 1, tzinfo=UTC),
    datetime.datetime(2024, 5, 1, 12, 30, 1, 7, Zone(None)),
    datetime.datetime(2024, 5, 1, tzinfo=Zone(datetime.timedelta(hours=-3, minutes=-30))),
    datetime.datetime(2024, 5, 1, tzinfo=LikePytz(datetime.timedelta(minutes=53))),
]

DEEP = [1]
for _ in range(300):
    DEEP = [DEEP]
