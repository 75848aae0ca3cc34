"""One client, one server: what a call returns and what it raises."""

import enum
import math
import uuid

import pytest

from shm_rpc_bridge import (
    RPCClient,
    RPCError,
    RPCMethodError,
    RPCSerializationError,
    RPCServer,
    RPCTransportError,
)

from .services import PATIENCE, serving


@pytest.fixture
def client(name):
    with serving(name), RPCClient(name) as client:
        yield client


def test_a_call_returns_what_the_method_returns(client):
    assert client.call("add", a=1, b=2) == 3


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -(2**63),
        2**64 - 1,
        1.5,
        "",
        "text",
        "äß漢字🎉",
        '\0\n"\\',
        [],
        {},
        [1, [2, [3]]],
        {"a": {"b": []}},
    ],
)
def test_every_json_value_comes_back_as_it_went(client, value):
    assert client.call("echo", data=value) == value


def test_any_parameter_name_is_allowed(client):
    params = {"method": 1, "timeout": 2, "self": 3, "params": 4, "name": 5, "class": 6, "": 7, "ä b": 8}
    assert client.call("everything", **params) == params


@pytest.mark.fault("handler-fails")
def test_a_method_that_raises_is_an_error_with_type_message_and_traceback_and_the_next_call_works(client):
    """Without `except Exception` in `Dispatch.answer` the server ended, and the next call found none."""
    with pytest.raises(RPCMethodError) as caught:
        client.call("divide", a=1, b=0)
    assert caught.value.remote_type == "ZeroDivisionError"
    assert caught.value.remote_message == "division by zero"
    assert "ZeroDivisionError" in caught.value.remote_traceback
    assert str(caught.value) == "division by zero"
    assert client.call("divide", a=1, b=2) == 0.5


@pytest.mark.fault("handler-fails")
def test_an_unknown_method_is_named_beside_the_known_ones(client):
    """Without the KeyError in `Dispatch.answer` the server ended; its caller was told that it has closed."""
    with pytest.raises(RPCMethodError, match=r"unknown method 'subtract'; registered: .*add.*echo"):
        client.call("subtract")


@pytest.mark.fault("handler-fails")
@pytest.mark.parametrize("params", [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}])
def test_missing_and_unknown_parameters_are_a_method_error(client, params):
    with pytest.raises(RPCMethodError, match="argument"):
        client.call("add", **params)


@pytest.mark.fault("handler-fails")
def test_recursing_too_deep_costs_one_call(client):
    with pytest.raises(RecursionError):
        client.call("recurse")
    assert client.call("add", a=1, b=1) == 2


@pytest.mark.fault("handler-fails")
def test_a_result_that_cannot_be_encoded_names_method_and_type_and_the_next_call_works(client):
    """Without the second `except` in `Dispatch.answer` the server ended; its caller was told that it has closed."""
    with pytest.raises(RPCSerializationError, match="in the server: the result of 'make_set' is a set"):
        client.call("make_set")
    assert client.call("add", a=1, b=1) == 2


@pytest.mark.fault("messages-random")
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({1, 2}, "set"),
        (2**64, "64-bit"),
        (-(2**63) - 1, "64-bit"),
        ({1: 2}, "an int as a key"),
        ("\ud800", "surrogates"),
    ],
)
def test_a_parameter_that_cannot_be_encoded_is_named_before_anything_is_sent(client, value, reason):
    """Without the codec's `except` it was orjson's TypeError, which names no parameter."""
    with pytest.raises(RPCSerializationError, match=f"parameter data of 'echo' .*{reason}.* so it never runs"):
        client.call("echo", other=1, data=value)
    assert client.call("echo", data=1) == 1


@pytest.mark.fault("messages-random")
def test_nan_and_infinity_arrive_as_none(client):
    assert client.call("echo", data=[math.nan, math.inf, -math.inf]) == [None, None, None]


def test_tuples_arrive_as_lists_and_native_types_as_text(client):
    number = uuid.uuid4()
    colour = enum.Enum("colour", {"RED": "red"})
    assert client.call("echo", data=((1, 2), number, colour.RED)) == [[1, 2], str(number), "red"]


def test_a_method_that_is_no_text_is_refused(client):
    with pytest.raises(TypeError, match="method must be a str, not int"):
        client.call(7)


@pytest.mark.fault("handler-fails")
def test_a_message_of_100_mb_goes_both_ways(name):
    """Without `Buffer._make_room` it is refused as larger than the buffer."""
    text = "x" * 100_000_000
    with serving(name), RPCClient(name, timeout=60) as client:
        assert client.call("echo", data=text) == text
        assert client.call("add", a=1, b=1) == 2


def test_messages_of_any_size_around_the_buffers_size_arrive(name):
    with serving(name, buffer_size=1), RPCClient(name, buffer_size=1) as client:
        for size in (*range(40), 4000, 4095, 4096, 4097, 65_536, 10, 200_000):
            assert client.call("echo", data="y" * size) == "y" * size


def test_a_request_too_large_says_both_numbers_and_the_connection_stays_usable(name):
    with serving(name), RPCClient(name, max_message_size=1000, buffer_size=10) as client:
        with pytest.raises(RPCTransportError, match=r"Message too large: 2,\d+ bytes, max_message_size is 1,000"):
            client.call("echo", data="x" * 2000)
        assert client.call("echo", data="x" * 900) == "x" * 900


def test_the_servers_limit_holds_for_requests_too(name):
    with serving(name, max_message_size=1000), RPCClient(name) as client:
        with pytest.raises(RPCTransportError, match=r"Message too large: 2,\d+ bytes, max_message_size is 1,000"):
            client.call("echo", data="x" * 2000)
        assert client.call("add", a=1, b=1) == 2


@pytest.mark.fault("handler-fails")
def test_a_result_too_large_is_an_error_at_its_caller_and_the_connection_stays_usable(name):
    """Without the apology in `Endpoint.serve_next` the server ended; its caller was told that it has closed."""
    with serving(name, max_message_size=1000), RPCClient(name) as client:
        with pytest.raises(
            RPCTransportError,
            match=r"the answer cannot be sent, in the server: Message too large: 2,\d+ bytes",
        ):
            client.call("text_of", size=2000)
        assert client.call("add", a=1, b=1) == 2


@pytest.mark.fault("handler-fails")
def test_an_error_with_unprintable_text_still_arrives(name):
    """Without `printable` in the codec the server ended: the error itself could not be encoded."""

    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    def odd():
        raise Odd

    def surrogate():
        raise ValueError("\ud800")

    with serving(name) as server, RPCClient(name) as client:
        server.register("odd", odd)
        server.register("surrogate", surrogate)
        with pytest.raises(RPCMethodError, match="Odd: <its __str__ raised RuntimeError>"):
            client.call("odd")
        with pytest.raises(RPCMethodError, match=r"\\ud800"):
            client.call("surrogate")


def test_every_error_is_an_rpc_error():
    for kind in (RPCMethodError, RPCSerializationError, RPCTransportError):
        assert issubclass(kind, RPCError)


def test_registering(name):
    with RPCServer(name) as server:

        @server.register_function
        def double(x):
            return 2 * x

        assert double(2) == 4
        with pytest.raises(ValueError, match="'double' is registered already"):
            server.register("double", double)
        with pytest.raises(TypeError, match="must be callable"):
            server.register("nothing", None)
        with pytest.raises(TypeError, match="must be a str"):
            server.register(1, double)


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
def test_every_wait_strategy_answers(name, wait):
    with serving(name, wait=wait), RPCClient(name, wait=wait) as client:
        assert [client.call("add", a=n, b=1) for n in range(100)] == list(range(1, 101))


@pytest.mark.fault("handler-fails")
def test_a_client_that_takes_no_message_as_large_as_its_error_is_refused_and_the_server_goes_on(name):
    """Of the error that said so, too, it was told with an error, which was too large: that ended the server."""
    with serving(name), RPCClient(name, max_message_size=64, timeout=PATIENCE) as small, RPCClient(name) as other:
        assert small.call("add", a=1, b=2) == 3
        for _ in range(2):
            with pytest.raises(RPCTransportError, match="has refused this channel: its log says why"):
                small.call("no_such_method")
            assert small.call("add", a=1, b=2) == 3
        assert other.call("add", a=1, b=2) == 3
