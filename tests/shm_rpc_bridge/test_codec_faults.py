"""Whatever bytes and codecs meet: one clear error for each, nothing is run that was not asked for, all go on."""

import collections
import contextlib
import json
import pickle
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCClient, RPCError, RPCSerializationError, RPCTransportError
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.failures import METHOD_FAILED, described

from .codecs import CODECS, codec_of
from .raw import Plus, raw_channel
from .services import PATIENCE, serving


def broken(message):
    """With a few of its bytes changed, or cut short."""
    changes = st.lists(st.tuples(st.integers(0, len(message) - 1), st.integers(0, 255)), max_size=3)

    def change(drawn):
        changed, length = bytearray(message), drawn[1]
        for at, value in drawn[0]:
            changed[at] = value
        return bytes(changed[:length])

    return st.tuples(changes, st.integers(0, len(message))).map(change)


REQUEST = ["echo", {"data": {"a": [1, 2.5, "text", None]}}, 1]


def without_large_memos(message):
    """A pickle may ask for gigabytes by one opcode, which its reader would take: see the documents on trust."""
    return not re.search(rb"[rj]", message)


@pytest.mark.fault("codec-hostile")
@pytest.mark.parametrize("name", CODECS)
def test_any_bytes_are_a_request_or_one_error_and_the_server_goes_on(name):
    codec = codec_of(name)
    whole = codec.encode_request("echo", (), {"data": {"a": [1, 2.5, "text", None]}})
    with raw_channel(name) as exchange:

        @given((st.binary(max_size=300) | broken(whole)).filter(without_large_memos))
        @example(b"")
        @example(b"\xdd\xff\xff\xff\xff")  # an array of 4 billion
        def check(message):
            with contextlib.suppress(RPCError):
                codec.decode_response("m", exchange(message))
            assert codec.decode_response("m", exchange(codec.encode_request("add", (1,), {"b": 2}))) == 3

        check()


@pytest.mark.fault("codec-hostile")
@pytest.mark.parametrize("name", CODECS)
@given(data=st.data())
def test_any_bytes_as_a_response_are_a_value_or_one_error(name, data):
    codec = codec_of(name)
    try:
        raise KeyError("k", [1])
    except KeyError as error:
        failure = codec.encode_failure(described(METHOD_FAILED, error), error)
    messages = st.binary(max_size=300) | broken(failure) | broken(codec.encode_result("m", REQUEST))
    message = data.draw(messages.filter(without_large_memos))
    with contextlib.suppress(RPCError, KeyError):  # a KeyError that was pickled by itself
        codec.decode_response("m", message)


FAILURE = ["method", "T", "text", "trace", "ValueError", [1], []]

HOSTILE = [
    [],
    [1, 2],
    {},
    None,
    7,
    [*FAILURE[:4], "SystemExit", [3], []],
    [*FAILURE[:4], "print", ["x"], []],
    [*FAILURE[:4], "ExceptionGroup", None, []],
    [*FAILURE[:4], "ExceptionGroup", [7], [FAILURE]],
    [*FAILURE[:4], "ExceptionGroup", ["t"], [7]],
    [*FAILURE[:4], "UnicodeDecodeError", ["a", "b", 2**63, -1, 5], []],
    [*FAILURE[:4], "BlockingIOError", [1, 2, 2**63], []],
    [*FAILURE[:5], {}, []],
    ["no such kind", *FAILURE[1:]],
]


@pytest.mark.fault("codec-hostile")
@pytest.mark.parametrize("response", HOSTILE, ids=repr)
def test_a_failure_that_no_server_would_send_is_an_rpc_error(codec, response):
    """Some were errors of Python's own, out of the call."""
    wire = codec.encode_result("m", response)
    values = chosen("json").encode_result("m", response)
    messages = {"json": values[1:-1], "json+types": values[1:-1]}
    if codec.name == "msgpack":
        messages["msgpack"] = wire[1:]
    elif codec.name == "pickle":
        for each in (tuple(response) if type(response) is list else response, response):
            with pytest.raises(RPCError):
                codec.decode_response("m", pickle.dumps((*each, None) if type(each) is tuple and each else each))
        return
    with pytest.raises(RPCError):
        codec.decode_response("m", messages[codec.name])


@pytest.mark.fault("codec-hostile")
def test_failures_nested_without_end_are_one_error(codec):
    deep = FAILURE
    for _ in range(120):
        deep = [*FAILURE[:4], "ExceptionGroup", ["t"], [deep]]
    message = codec.encode_result("m", deep)
    inner = message[1:-1] if codec.name.startswith("json") else message[1:] if codec.name == "msgpack" else None
    with pytest.raises(RPCSerializationError, match="the response to 'm' is none"):
        codec.decode_response("m", pickle.dumps(deep) if inner is None else inner)


@pytest.mark.fault("codec-other")
def test_a_client_of_another_codec_is_told_both_when_it_connects(name):
    names = [each for each in (*CODECS, Plus) if each != "msgpack"]
    for at_server in names:
        with serving(name, codec=at_server):
            for at_client in names:
                if at_client is at_server:
                    continue
                one, other = chosen(at_server).name, chosen(at_client).name
                with pytest.raises(RPCTransportError) as caught:
                    RPCClient(name, timeout=PATIENCE, codec=at_client)
                assert repr(one) in str(caught.value)
                assert repr(other) in str(caught.value)
                assert not caught.value.may_have_run


@pytest.mark.fault("codec-place")
@pytest.mark.parametrize(
    ("name", "value", "place", "remedy"),
    [
        ("pickle", {"a": [0, lambda: 0]}, "p['a'][1] of 'f' is a function", "top level of a module"),
        ("pickle", (1, (each for each in ())), "p[1] of 'f' is a generator", "send a list"),
        ("pickle", [threading.Lock()], "p[0] of 'f' is a lock", "what it consists of"),
        ("msgpack", {"a": [0, 2**70]}, "p['a'][1] of 'f' is an int", "str(value)"),
        ("msgpack", [1, (2, object())], "p[1][1] of 'f' is an object", "use codec 'pickle'"),
        ("msgpack", {"a": 1j}, "p['a'] of 'f' is a complex", "list of two floats"),
        ("msgpack", collections.UserDict(), "p of 'f' is a UserDict", "send a dict"),
        (Plus, [{1}, type("Odd", (), {"__repr__": lambda self: 1 / 0})()], "p[1] of 'f' is an Odd", "consists of"),
    ],
)
def test_what_cannot_be_encoded_is_named_with_its_place_and_a_remedy(name, value, place, remedy):
    if name == "msgpack":
        pytest.importorskip("msgspec")
    codec = chosen(name)
    with pytest.raises(RPCSerializationError) as caught:
        codec.encode_request("f", (), {"other": 1, "p": value})
    assert str(caught.value).startswith(f"parameter {place} that cannot be encoded as {codec.name}: ")
    assert remedy in str(caught.value)
    assert not caught.value.may_have_run
    with pytest.raises(RPCSerializationError, match=r"^argument 2"):
        codec.encode_request("f", (1, value), {})
    with pytest.raises(RPCSerializationError, match=r"^the result of 'f'") as caught:
        codec.encode_result("f", value)
    assert remedy in str(caught.value)


@pytest.mark.fault("codec-place")
def test_numpys_scalars_are_refused_with_tolist_named_where_they_would_change(codec):
    numpy = pytest.importorskip("numpy")
    value = numpy.float32(1)
    if codec.name in ("json", "pickle"):
        codec.encode_result("f", value)
    else:
        with pytest.raises(RPCSerializationError, match=r"send its tolist\(\)"):
            codec.encode_result("f", [value])


def test_one_codec_is_used_by_eight_threads(codec):
    together = threading.Barrier(8)

    def use(number):
        together.wait(PATIENCE)
        for each in range(300):
            value = {"number": number, "items": [each, str(each)] * (number + 1)}
            assert codec.decode_request(codec.encode_request("m", (number,), value)) == ("m", [number], value)
            assert codec.decode_response("m", codec.encode_result("m", value)) == value
            with contextlib.suppress(RPCSerializationError):
                codec.encode_result("m", [value, lambda: 0])
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(8)))


@pytest.mark.fault("codec-hostile")
@pytest.mark.parametrize(("name", "strict"), [("json", False), ("json", True), ("json+types", False)])
def test_a_value_that_other_threads_change_while_it_is_encoded_is_a_message_or_one_error(name, strict):
    """With orjson's hook for other classes it ended the process."""
    codec, done = chosen(name, strict), threading.Event()
    rows = [{"at": [number], "k": (1,) if not strict else 1} for number in range(50)]

    def change():
        number = 0
        while not done.is_set():
            number += 1
            rows[number % 50] = {str(key): [key] for key in range(number % 7)}
            rows[(number + 9) % 50].update(more=number)
            del rows[49:]
            rows.append({"at": [number]})

    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        for _ in range(500):
            with contextlib.suppress(RPCSerializationError):
                codec.decode_response("m", codec.encode_result("m", rows))
        done.set()
        changing.result(PATIENCE)


class Refusing:
    """Writes nothing that is longer than a result of a few characters, or writes what is no bytes."""

    name = "refusing"

    @staticmethod
    def dumps(value):
        encoded = json.dumps(value).encode()
        if len(encoded) > 60:
            raise ValueError("too long")
        return encoded

    @staticmethod
    def loads(encoded):
        return json.loads(encoded)


@pytest.mark.fault("codec-hostile")
def test_a_codec_that_cannot_say_that_a_call_has_failed_costs_that_call(name):
    """It ended the server."""
    with serving(name, codec=Refusing), RPCClient(name, timeout=PATIENCE, codec=Refusing) as client:
        with pytest.raises(RPCSerializationError, match="whether it ran is unknown"):
            client.call("divide", a=1, b=0)
        assert client.call("add", a=1, b=2) == 3
