"""What becomes of values that are more than plain JSON: the same as ever, or a refusal that names the place."""

import collections
import dataclasses
import datetime
import enum
import os
import re
import subprocess
import sys
import textwrap
import types
import typing
import uuid
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCSerializationError
from shm_rpc_bridge.codec import chosen

JSON = chosen("json")

ROOT = Path(__file__).parent.parent.parent
UTC = datetime.timezone.utc


def arrived(value):
    """As a result and as a parameter, which are the same."""
    result = JSON.decode_response("m", JSON.encode_result("m", value))
    assert repr(JSON.decode_request(JSON.encode_request("m", (), {"data": value}))[2]) == repr({"data": result})
    return result


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


@pytest.mark.parametrize("value", HEALTHY, ids=repr)
def test_what_orjson_writes_by_itself_arrives_exactly_so(value):
    """Beside a namedtuple as well, where everything is taken apart before orjson sees it."""
    assert JSON.encode_result("m", value) == orjson.dumps((value,))
    assert JSON.encode_request("m", (), {"data": [value]}) == orjson.dumps(("m", {"data": [value]}))
    assert JSON.encode_result("m", [Pair(1, 2), {"a": value}]) == orjson.dumps(([(1, 2), {"a": value}],))


offsets = st.integers(-86_399, 86_399).filter(lambda seconds: abs(seconds) % 3600 < 3570)  # see below
zones = st.just(UTC) | offsets.map(lambda seconds: datetime.timezone(datetime.timedelta(seconds=seconds)))
moments = (
    st.datetimes(timezones=st.none() | zones) | st.dates() | st.times().map(lambda time: time.replace(microsecond=0))
)
leaves = st.integers(-(2**63), 2**64 - 1) | st.floats() | st.sampled_from(HEALTHY) | moments


@given(moments)
def test_any_moment_arrives_as_orjson_writes_it(moment):
    assert JSON.encode_result("m", moment) == orjson.dumps((moment,))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime.time(1, 2, 3, 10_000), "01:02:03.010000"),  # orjson 3.13.0: 01:02:03.10000
        (datetime.datetime(2024, 5, 1, tzinfo=Zone(datetime.timedelta(seconds=3570))), "2024-05-01T00:00:00+01:00"),
        (datetime.datetime(2024, 5, 1, tzinfo=Zone(datetime.timedelta(seconds=-7199))), "2024-05-01T00:00:00-02:00"),
        (datetime.datetime(2024, 5, 1, tzinfo=Zone(datetime.timedelta(seconds=86_399))), "2024-05-01T00:00:00+23:59"),
    ],
)
def test_moments_that_orjson_writes_wrong_arrive_right(moment, text):
    """An hour less half a minute was +00:60; a time in the first tenth of a second could be ten times as late."""
    assert arrived(moment) == text


@given(
    st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner)
            | st.tuples(inner, inner)
            | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
            | st.builds(Point, inner, inner)
            | st.builds(Slotted, inner, inner, inner)
        ),
        max_leaves=10,
    )
)
def test_anything_orjson_writes_arrives_exactly_so(value):
    assert JSON.encode_result("m", value) == orjson.dumps((value,))
    assert JSON.encode_result("m", (value, Pair(1, 2))) == orjson.dumps(((value, (1, 2)),))


def test_a_moment_in_a_named_time_zone_arrives_as_orjson_writes_it():
    zoneinfo = pytest.importorskip("zoneinfo")
    try:
        berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("no time zone data here")
    for year in (1800, 1900, 1960, 2024):  # local mean time with seconds; without
        for month in (1, 7):
            moment = datetime.datetime(year, month, 1, tzinfo=berlin)
            assert JSON.encode_result("m", moment) == orjson.dumps((moment,))


@pytest.mark.parametrize("levels", [252, 253, 254])
@pytest.mark.parametrize("inner", [1, Pair(1, 2), datetime.date(2024, 5, 1)], ids=repr)
def test_the_limit_of_levels_is_orjsons(levels, inner):
    value, simple = inner, JSON.decode_response("m", JSON.encode_result("m", inner))
    for level in range(levels):
        value, simple = ([value], [simple]) if level % 2 else ({"a": value}, {"a": simple})
    try:
        expected = orjson.dumps((simple,))
    except TypeError:
        with pytest.raises(RPCSerializationError):
            JSON.encode_result("m", value)
    else:
        assert JSON.encode_result("m", value) == expected


def test_subclasses_arrive_as_what_they_are_subclasses_of():
    """Of these, orjson takes none: they were refused."""
    assert arrived(Pair(1, Pair(2, [3]))) == [1, [2, [3]]]
    assert arrived({"a": OwnFloat(1.5)}) == {"a": 1.5}
    assert arrived({OwnStr("ä"): {OwnStr("b"): 1}, Text.WORD: 2}) == {"ä": {"b": 1}, "word": 2}
    assert arrived([OwnFloat("nan"), OwnFloat("inf")]) == [None, None]
    assert arrived(sys.float_info) == list(sys.float_info)
    assert JSON.decode_request(JSON.encode_request("m", (), {OwnStr("data"): 1})) == ("m", (), {"data": 1})


def test_numpys_numbers_arrive_as_numbers():
    """They were refused, except for float64."""
    numpy = pytest.importorskip("numpy")
    values = [numpy.float32(0.5), numpy.float64(1.5), numpy.int8(-1), numpy.uint64(2**64 - 1), numpy.bool_(True)]
    assert arrived(values) == [0.5, 1.5, -1, 2**64 - 1, True]
    assert [type(value) for value in arrived(values)] == [float, float, int, int, bool]
    assert arrived({numpy.str_("a"): numpy.str_("b")}) == {"a": "b"}
    for value, remedy in (
        (numpy.zeros(3).view(numpy.recarray), r"a recarray, .*numpy.asarray"),
        (numpy.array([object()]), "an array of Python objects: send its tolist"),
        (numpy.timedelta64(1, "s"), "a timedelta64"),
        (numpy.complex128(1), "a complex128"),
    ):
        assert re.search(f"is {remedy}", refusals(value)[0])


def test_numbers_of_a_numpy_are_known_by_their_class_alone(monkeypatch):
    """Where NumPy is not installed, too."""
    kinds = {name: type(name, (), {}) for name in ("bool_", "integer", "floating", "timedelta64")}
    monkeypatch.setitem(sys.modules, "numpy", types.SimpleNamespace(**kinds))
    int64 = type("int64", (kinds["integer"],), {"__int__": lambda self: 7})
    assert arrived([int64()]) == [7]
    broken = type("int64", (kinds["integer"],), {"__int__": lambda self: 1 // 0})
    assert "is an int64 that cannot be read: it raised ZeroDivisionError" in refusals(broken())[0]
    duration = type("duration", (kinds["timedelta64"], kinds["integer"]), {})
    assert "is a duration, which JSON cannot say" in refusals(duration())[0]


CRASHES = {
    "a tzinfo that raises": """
        class T(datetime.tzinfo):
            def utcoffset(self, moment):
                raise ValueError
        value = datetime.datetime(2024, 5, 1, tzinfo=T())
        said = "is a datetime that cannot be read: it raised ValueError"
        """,
    "a tzinfo without utcoffset": """
        class T(datetime.tzinfo):
            pass
        value = datetime.datetime(2024, 5, 1, tzinfo=T())
        said = "is a datetime that cannot be read: it raised NotImplementedError"
        """,
    "a slot that is not set": """
        @dataclasses.dataclass
        class D:
            __slots__ = ("a", "b")
            a: int
            b: int
        value = D(1, 2)
        del value.b
        said = {"a": 1}
        """,
    "a slot that raises": """
        @dataclasses.dataclass
        class D:
            __slots__ = ("a",)
            a: int
        value = D(1)
        D.a = property(lambda self: 1 // 0)
        said = "is a D that cannot be read: it raised ZeroDivisionError"
        """,
    "an attribute without a name": """
        @dataclasses.dataclass
        class D:
            a: int
        value = D(1)
        setattr(value, "", 2)
        said = {"a": 1, "": 2}
        """,
    "a list that loses its items meanwhile": """
        class T(datetime.tzinfo):
            def utcoffset(self, moment):
                value.clear()
                value.extend(range(100_000))
                value.clear()
        value = [datetime.datetime(2024, 5, 1, tzinfo=T()), *({"a": n} for n in range(10_000))]
        said = ["2024-05-01T00:00:00+00:00", *value[1:]]
        """,
}


@pytest.mark.parametrize("what", CRASHES)
@pytest.mark.parametrize("direction", ["request", "result"])
def test_a_value_that_orjson_reads_without_looking_does_not_end_the_process(what, direction):
    """Each ended it, with SIGSEGV or SIGILL inside orjson, before orjson was told to leave such kinds alone."""
    program = """
        import dataclasses, datetime
        from shm_rpc_bridge import RPCSerializationError
        from shm_rpc_bridge.codec import chosen

        JSON = chosen("json")

        def encoded():
            if {direction!r} == "request":
                return JSON.decode_request(JSON.encode_request("f", (), {{"data": value}}))[2]["data"]
            return JSON.decode_response("f", JSON.encode_result("f", value))
        """
    program = textwrap.dedent(program.format(direction=direction)) + textwrap.dedent(CRASHES[what])
    program += textwrap.dedent(
        """
        try:
            answer = encoded()
        except RPCSerializationError as error:
            assert said in str(error), error
        else:
            assert answer == said, answer
        """
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60)


def test_a_uuid_with_an_impossible_number_is_refused():
    """It was a SystemError, and with some versions another UUID."""
    broken = object.__new__(uuid.UUID)
    object.__setattr__(broken, "int", 2**128)
    for value in ([Pair(1, 2), broken], [Pair(1, 2), object.__new__(uuid.UUID)]):
        assert "parameter data[1] of 'f' is a UUID that cannot be read" in refusals(value)[0]


class Opaque:
    pass


class WithItems:
    def keys(self):
        raise AssertionError

    def __iter__(self):
        raise AssertionError


DEEP = [1]
for _ in range(300):
    DEEP = [DEEP]
CIRCLE = {"a": [1]}
CIRCLE["a"].append({"b": CIRCLE})

REFUSED = [
    ({"items": [0, 1, 2, Point(1, 1j)]}, "['items'][3].y", "is a complex, which JSON cannot say: send a list of two"),
    ([type("Bytes", (bytes,), {})(b"b")], "[0]", "is a Bytes, which JSON cannot say: send bytes(value)"),
    ({"a": {1}}, "['a']", "is a set, which JSON cannot say: send a list"),
    ({"a b": (1, range(3))}, "['a b'][1]", "is a range, which JSON cannot say: send a list"),
    ([iter([])], "[0]", "is a list_iterator, which JSON cannot say: send a list"),
    (Pair(1, 2**64), "[1]", "is an integer beyond the 64-bit range: send text, for example str(value)"),
    ([-(2**63) - 1], "[0]", "is an integer beyond the 64-bit range"),
    ([OwnInt(2**70)], "[0]", "is an integer beyond the 64-bit range"),
    ([{"a": {1: 2}}], "[0]['a']", "has an int as a key, which JSON cannot say: send text, for example str(key)"),
    ({("a", 1): 2}, "", "has a tuple as a key, which JSON cannot say: send text, for example str(key)"),
    ([{Number.ONE: 2}], "[0]", "has a Number as a key, which JSON cannot say: send text, for example str(key)"),
    ({"a": ["ab\ud800"]}, "['a'][0]", "is text with surrogates, at position 2, which JSON cannot say: send base64"),
    ({"a": [OwnStr("\ud800")]}, "['a'][0]", "is text with surrogates, at position 0"),
    ([{"\ud800": 1}], "[0]", "has a key that is text with surrogates, at position 0"),
    (Opaque(), "", "is an Opaque, which JSON cannot say: send a dict, a list or text"),
    ([WithItems()], "[0]", "is a WithItems, which JSON cannot say: send a dict"),
    ([Opaque], "[0]", "is a type, which JSON cannot say: "),
    ([1j], "[0]", "is a complex, which JSON cannot say: send a list of two floats"),
    ([datetime.time(1, tzinfo=UTC)], "[0]", "is a time, which JSON cannot say: send its isoformat()"),
    (DEEP, "[0]" * 50 + " ... " + "[0]" * 50, "is nested deeper than the 254 levels of a message: send it flatter"),
    ([CIRCLE], "[0]", "contains itself as ['a'][1]['b']: send its parts once"),
    ({"k" * 1000: {1}}, "['" + "k" * 60 + "'...]", "is a set"),
    ({"k": enum.Enum("E", {"A": [{1}]}).A}, "['k'].value[0]", "is a set"),
]


@pytest.mark.parametrize(("value", "place", "reason"), REFUSED, ids=[reason for _, _, reason in REFUSED])
def test_a_refusal_names_the_place_and_what_to_send_instead(value, place, reason):
    """It named the parameter and orjson's reason: "Type is not JSON serializable: bytes", somewhere in it."""
    of_call, of_result = refusals(value)
    assert of_result.startswith(f"the result of 'f'{' at ' + place if place else ''} {reason}")
    if " ... " not in place:
        assert of_call.startswith(f"parameter data{place} of 'f' {reason}")


def test_parameters_and_methods_that_cannot_be_named_are_refused_with_the_call():
    for method, params, said in (
        ("f", {"a b": {1}}, "parameter 'a b' of 'f' is a set"),
        ("f", {"a\ud800": 1}, "a call of 'f' has a key that is text with surrogates"),
        ("f", {1: 1}, "a call of 'f' has an int as a key"),
        ("\ud800", {}, r"a call of '\ud800' cannot be encoded: str is not valid UTF-8"),
    ):
        with pytest.raises(RPCSerializationError, match=re.escape(said)):
            JSON.encode_request(method, (), params)


def angry(*_, **__):
    raise RuntimeError("angry")


class AngryMeta(type):
    __name__ = __module__ = __mro__ = __dict__ = property(angry)
    __hash__ = __eq__ = __repr__ = __instancecheck__ = __subclasscheck__ = angry


NAMES = """
    __class__ __dict__ __len__ __iter__ __getitem__ __getattribute__ __repr__ __str__ __eq__ __hash__ __bool__
    __index__ __int__ __float__ __format__ __contains__ items keys values copy encode isascii startswith
"""


def angry_class(base, **own):
    return AngryMeta("Angry", (base,), {**dict.fromkeys(NAMES.split(), angry), **own})


def angry_key(base, *content):
    return base.__new__(angry_class(base, __hash__=base.__hash__, __eq__=base.__eq__), *content)


def angry_dataclass():
    kind = angry_class(object)
    type.__setattr__(kind, "__dataclass_fields__", property(angry))
    return object.__new__(kind)


ANGRY = {
    "object": lambda: object.__new__(angry_class(object)),
    "str": lambda: str.__new__(angry_class(str), "a"),
    "int": lambda: int.__new__(angry_class(int), 7),
    "float": lambda: float.__new__(angry_class(float), 1.5),
    "list": lambda: list.__new__(angry_class(list)),
    "tuple": lambda: tuple.__new__(angry_class(tuple), (1, {2})),
    "dict": lambda: dict.__new__(angry_class(dict)),
    "class": lambda: angry_class(object),
    "dataclass": angry_dataclass,
    "set": lambda: set.__new__(angry_class(set)),
    "key": lambda: {angry_key(object): 1},
    "text key": lambda: {angry_key(str, "a"): [{1}]},
    "key in a dict of its own": lambda: OwnDict({angry_key(str, "a"): [{1}]}),
    "bytes": lambda: bytes.__new__(angry_class(bytes), b"b"),
}


@pytest.mark.parametrize("kind", ANGRY)
@pytest.mark.parametrize("around", [lambda value: value, lambda value: [value, {1}], Point])
def test_of_classes_whose_methods_raise_becomes_a_value_or_one_error(kind, around):
    value = around(ANGRY[kind]())
    for encode in (JSON.encode_result, lambda method, data: JSON.encode_request(method, (), {"data": data})):
        try:
            encode("f", value)
        except RPCSerializationError as error:
            assert re.search("Angry.*|set, which JSON", str(error))  # noqa: PT017


def test_an_interrupt_while_a_value_is_read_is_no_refusal():
    class Interrupted(datetime.tzinfo):
        def utcoffset(self, moment):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        JSON.encode_result("f", datetime.datetime(2024, 5, 1, tzinfo=Interrupted()))


def test_what_is_sent_is_left_as_it_is():
    value = {OwnStr("a"): [Pair(1, OwnFloat(2.5)), {"b": OwnList([Colour.POINT])}]}
    before = repr(value)
    arrived(value)
    assert repr(value) == before
    assert type(next(iter(value))) is OwnStr
