"""Values that are more than plain JSON arrive as the same as ever."""

import datetime
import re
import sys
import types

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCSerializationError

from .values import HEALTHY, JSON, UTC, Colour, OwnFloat, OwnList, OwnStr, Pair, Point, Slotted, Text, Zone, refusals


def arrived(value):
    """As a result and as a parameter, which are the same."""
    result = JSON.decode_response("m", JSON.encode_result("m", value))
    assert repr(JSON.decode_request(JSON.encode_request("m", (), {"data": value}))[2]) == repr({"data": result})
    return result


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


def test_what_is_sent_is_left_as_it_is():
    value = {OwnStr("a"): [Pair(1, OwnFloat(2.5)), {"b": OwnList([Colour.POINT])}]}
    before = repr(value)
    arrived(value)
    assert repr(value) == before
    assert type(next(iter(value))) is OwnStr
