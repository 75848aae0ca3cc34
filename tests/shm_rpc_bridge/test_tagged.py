"""The codec "json+types": what JSON lacks arrives as it was, and reading makes nothing else."""

import datetime
import decimal
import math
import sys
import uuid

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCError, RPCSerializationError
from shm_rpc_bridge.codec import chosen

from .test_codec import json_values, texts
from .values import Bits, Colour, Number, OwnDict, OwnInt, OwnList, OwnStr, Pair, Point, Text, Zone

OF_A_MICROSECOND = datetime.time(1, tzinfo=datetime.timezone(datetime.timedelta(microseconds=1)))

TAGGED, JSON = chosen("json+types"), chosen("json")


def arrived(value):
    """From bytes, and from a view, as large messages come."""
    response, request = TAGGED.encode_result("m", value), TAGGED.encode_request("m", (value,), {"p": value})
    result = TAGGED.decode_response("m", response)
    assert repr(TAGGED.decode_response("m", memoryview(response))) == repr(result)
    for message in (request, memoryview(request)):
        assert repr(TAGGED.decode_request(message)) == repr(("m", [result], {"p": result}))
    return result


zones = st.none() | st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23)).map(
    lambda offset: datetime.timezone(datetime.timedelta(seconds=round(offset.total_seconds())))
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    texts,
    st.binary(),
    st.binary().map(bytearray),
    st.datetimes(timezones=zones).map(lambda moment: moment.replace(fold=0)),
    st.times(timezones=zones).map(lambda moment: moment.replace(fold=0)),
    st.dates(),
    st.timedeltas(),
    st.decimals(),
    st.uuids(),
    st.complex_numbers(),
)
hashable = st.recursive(
    scalars.filter(lambda each: type(each) in (int, str, bytes, datetime.date, uuid.UUID, bool)), st.lists
).map(lambda value: tuple(map(str, value)) if type(value) is list else value)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.sets(hashable)
        | st.frozensets(hashable)
        | st.dictionaries(hashable | st.just("$type"), inner)
    ),
    max_leaves=12,
)


def same(one, other):
    if type(one) is not type(other):
        return False
    if type(one) in (list, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if type(one) is dict:
        return same(list(one.items()), list(other.items()))
    return repr(one) == repr(other) or one == other


@given(values)
@example({"$type": "datetime", "value": "2024-05-01"})
@example({"$type": {"$type": [{"$type": None}]}})
@example({"a": "$type", '"$type"': '"$type":'})
@example([math.nan, -math.inf, -0.0, 2**64, -(2**63) - 1, 10**4000])
@example({(1, ("a",)): {frozenset({1}): decimal.Decimal("sNaN")}})
def test_it_arrives_as_it_was(value):
    assert same(arrived(value), value)


def test_an_integer_longer_than_python_would_print_arrives():
    assert TAGGED.decode_response("m", TAGGED.encode_result("m", -(10**5000))) == -(10**5000)


@given(json_values.filter(lambda value: "$type" not in repr(value)))
def test_a_message_without_such_values_is_that_of_json(value):
    assert TAGGED.encode_result("m", value) == JSON.encode_result("m", value)
    assert TAGGED.encode_request("m", (value,), {"p": value}) == JSON.encode_request("m", (value,), {"p": value})


NOT_SAID = [
    *(Point(1), Pair(1, 2), Colour.RED, Number.ONE, Text.WORD, Bits.A, OwnStr("x"), OwnInt(1), OwnList(), OwnDict()),
    *(object(), len, range(3), type("Odd", (datetime.date,), {})(2024, 5, 1)),
]


@pytest.mark.parametrize("value", NOT_SAID, ids=lambda value: type(value).__name__)
def test_own_classes_are_refused_with_their_place_and_pickle_named(value):
    for each in (value, (value,), {1: value}, {"$type": value}):
        with pytest.raises(RPCSerializationError, match=r"the result of 'f'.* is an? .*, or use codec 'pickle'"):
            TAGGED.encode_result("f", each)
    with pytest.raises(RPCSerializationError, match=r"parameter p\[1\]\['k'\] of 'f' is an? .* \(the request was not"):
        TAGGED.encode_request("f", (), {"p": (0, {"k": value})})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (datetime.datetime(2024, 5, 1, tzinfo=Zone(None)), "has a Zone for a time zone: send it in UTC"),
        (datetime.datetime(2024, 5, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1), "X")), "with a name"),
        pytest.param(
            OF_A_MICROSECOND,
            "microseconds",
            marks=pytest.mark.skipif(
                repr(datetime.time.fromisoformat(OF_A_MICROSECOND.isoformat())) == repr(OF_A_MICROSECOND),
                reason="this Python reads microseconds of a time zone",
            ),
        ),
        (datetime.datetime(2024, 5, 1, fold=1), "fold=1"),
        (datetime.time(1, tzinfo=Zone(datetime.timedelta(0))), "has a Zone"),
        ("\ud800", "surrogates"),
    ],
    ids=repr,
)
def test_what_would_lose_something_is_refused(value, reason):
    with pytest.raises(RPCSerializationError, match=f"the result of 'f'.*{reason}"):
        TAGGED.encode_result("f", [value])


def test_a_message_is_tagged_where_json_lacks_something_and_nowhere_else():
    moment = {"$type": "datetime", "value": "2024-05-01T00:00:00"}
    entries = [["at", moment], [7, {"$type": "tuple", "value": [1, 2]}]]
    encoded = TAGGED.encode_result("m", {"at": datetime.datetime(2024, 5, 1), 7: (1, 2)})
    assert orjson.loads(encoded) == [{"$type": "dict", "value": entries}]


@pytest.mark.skipif(sys.version_info < (3, 9), reason="orjson 3.10.15 ends the process: see Limits")
@pytest.mark.parametrize(("inside", "most"), [("value", 83), ("key", 124)])
def test_where_the_levels_end_is_told_by_their_number_whatever_lies_in_what(inside, most):
    """An empty tuple on the last level was orjson's recursion limit, without a remedy."""
    told, deep = [], ()
    for _ in range(140):
        deep = {7: deep} if inside == "value" else (deep,)
        try:
            TAGGED.encode_result("f", deep if inside == "value" else {deep: 1})
            assert not told
        except RPCSerializationError as error:
            told.append(str(error))
    assert len(told) == 140 - most  # a dict with such keys takes three levels, a tuple two
    assert [each for each in told if "nested deeper than the 254 levels" not in each] == []


def test_what_contains_itself_or_lies_too_deep_is_refused():
    circle = (1, [])
    circle[1].append(circle)
    with pytest.raises(RPCSerializationError, match="contains itself as"):
        TAGGED.encode_result("f", circle)
    deep = ()
    for _ in range(300):
        deep = (deep,)
    with pytest.raises(RPCSerializationError, match="nested deeper"):
        TAGGED.encode_result("f", deep)


NAMES = ["dict", "datetime", "date", "time", "timedelta", "Decimal", "UUID", "bytes", "bytearray", "complex", "int"]
NAMES += ["float", "tuple", "set", "frozenset", "list", "str", "object", "os.system", "eval", "__import__", ""]


@pytest.mark.fault("codec-hostile")
@given(
    st.recursive(
        json_values,
        lambda inner: st.fixed_dictionaries(
            {"$type": st.sampled_from(NAMES) | inner}, optional={"value": inner, "more": inner}
        ),
        max_leaves=8,
    )
)
@example({"$type": "set", "value": [[1]]})
@example({"$type": "dict", "value": [[{}, 1]]})
@example({"$type": "timedelta", "value": [10**15, 0, 0]})
@example({"$type": "Decimal", "value": "x"})
@example({"$type": "UUID", "value": 5})
def test_any_tags_are_values_of_the_named_classes_or_one_error(value):
    allowed = {datetime.datetime, datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID, bytes}
    allowed |= {bytearray, complex, int, float, str, bool, type(None), tuple, set, frozenset, list, dict}
    message = orjson.dumps(["m", {}, value])
    try:
        args = TAGGED.decode_request(message)[1]
    except RPCSerializationError as error:
        assert "not a request" in str(error)  # noqa: PT017
    else:
        todo = [*args]
        for each in todo:
            assert type(each) in allowed
            if type(each) in (tuple, set, frozenset, list, dict):
                todo += each
                todo += each.values() if type(each) is dict else ()
    try:
        TAGGED.decode_response("m", orjson.dumps([value]))
    except RPCError as error:
        assert error.may_have_run  # noqa: PT017


@pytest.mark.fault("codec-hostile")
def test_tags_nested_too_deep_to_be_read_are_one_error():
    deep = b"[" * 1010 + b'{"$type":"tuple","value":[]}' + b"]" * 1010
    with pytest.raises(RPCSerializationError, match="not a request: RecursionError"):
        TAGGED.decode_request(b'["m",{},' + deep + b"]")
    with pytest.raises(RPCSerializationError, match="the response to 'm' is no json"):
        TAGGED.decode_response("m", b"[" + deep + b"]")
