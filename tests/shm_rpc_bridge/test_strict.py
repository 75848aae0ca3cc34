"""``strict=True``: what JSON would change is refused, with the place and a remedy; all else is as without."""

import datetime
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCClient, RPCSerializationError, RPCServer
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.testing import in_memory

from .services import PATIENCE, register_methods, started
from .test_codec import json_values
from .values import HEALTHY, OwnDict, OwnFloat, OwnInt, OwnList, OwnStr, Pair, Point

STRICT, JSON = chosen("json", strict=True), chosen("json")


def refusal(value):
    with pytest.raises(RPCSerializationError) as caught:
        STRICT.encode_request("f", (), {"data": [0, {"k": value}]})
    with pytest.raises(RPCSerializationError) as of_result:
        STRICT.encode_result("f", value)
    assert str(of_result.value).startswith("the result of 'f' ")
    assert not caught.value.may_have_run
    return str(caught.value)


@given(json_values)
def test_what_json_can_say_is_sent_as_without_strict_and_comes_back(value):
    assert STRICT.encode_request("m", (value,), {"p": value}) == JSON.encode_request("m", (value,), {"p": value})
    assert JSON.decode_response("m", STRICT.encode_result("m", value)) == value


@pytest.mark.parametrize(
    ("value", "reason", "remedy"),
    [
        (math.nan, "nan", "None or text"),
        (-math.inf, "-inf", "None or text"),
        ((1, 2), "a tuple", "a list"),
        (Pair(1, 2), "a Pair", "a list"),
        (Point(1), "a Point", r"dataclasses.asdict\(\)"),
        (datetime.datetime(2024, 5, 1, tzinfo=datetime.timezone.utc), "a datetime", r"isoformat\(\)"),
        (datetime.date(2024, 5, 1), "a date", r"isoformat\(\)"),
        (datetime.time(1), "a time", r"isoformat\(\)"),
        (OwnStr("x"), "an OwnStr", r"str\(value\)"),
        (OwnInt(1), "an OwnInt", r"int\(value\)"),
        (OwnFloat(1), "an OwnFloat", r"float\(value\)"),
        (OwnList(), "an OwnList", r"list\(value\)"),
        (OwnDict(), "an OwnDict", r"dict\(value\)"),
        (2**64, "an integer beyond", r"str\(value\)"),
        ({1, 2}, "a set", "a list"),
    ],
    ids=repr,
)
def test_what_would_change_is_refused_with_its_place_and_a_remedy(value, reason, remedy):
    assert re.match(rf"parameter data\[1\]\['k'\] of 'f' is {reason}.*: send .*{remedy}", refusal(value))


@pytest.mark.parametrize("value", HEALTHY, ids=repr)
def test_whatever_orjson_writes_as_something_else_is_refused(value):
    assert "is a" in refusal(value)


@pytest.mark.parametrize("key", [1, None, (1,), OwnStr("x")], ids=repr)
def test_a_key_that_would_change_is_refused(key):
    assert "as a key" in refusal({"a": 1, key: 2})


def test_what_contains_itself_or_lies_too_deep_is_refused_in_the_same_words_as_without_strict():
    circle = [1]
    circle.append({"me": circle})
    deep = 1
    for _ in range(300):
        deep = [deep]
    for value in (circle, deep):
        with pytest.raises(RPCSerializationError) as caught:
            JSON.encode_result("f", value)
        with pytest.raises(RPCSerializationError) as of_strict:
            STRICT.encode_result("f", value)
        assert str(of_strict.value) == str(caught.value)


@given(st.recursive(st.just(1) | st.just(math.nan) | st.none() | st.just(Pair(1, 2)), st.lists, max_leaves=30))
def test_nothing_that_changes_passes(value):
    """Whatever stands beside it: what passes is what comes back."""
    try:
        message = STRICT.encode_result("m", value)
    except RPCSerializationError:
        assert repr(JSON.decode_response("m", JSON.encode_result("m", value))) != repr(value)
    else:
        assert repr(JSON.decode_response("m", message)) == repr(value)


@pytest.mark.parametrize("codec", ["msgpack", "pickle", "json+types", object()])
def test_strict_with_another_codec_is_refused(codec):
    for construct in (RPCServer, RPCClient):
        with pytest.raises(ValueError, match="strict is for codec 'json'"):
            construct("never", codec=codec, strict=True)
    with pytest.raises(TypeError, match="strict must be a bool, not int"):
        chosen("json", 1)


def test_each_side_is_strict_for_itself():
    with in_memory():
        server = RPCServer("strict", strict=True)
        register_methods(server)
        server.register("pair", lambda: (1, 2))
        with started(server), RPCClient("strict", timeout=PATIENCE) as lax:
            with RPCClient("strict", timeout=PATIENCE, strict=True) as client:
                assert client.call("echo", [1, None]) == [1, None]
                with pytest.raises(RPCSerializationError, match="argument 1 of 'echo' is a tuple"):
                    client.call("echo", (1, 2))
            assert lax.call("echo", (1, 2)) == [1, 2]
            with pytest.raises(RPCSerializationError, match="the result of 'pair' is a tuple") as caught:
                lax.call("pair")
            assert caught.value.may_have_run
