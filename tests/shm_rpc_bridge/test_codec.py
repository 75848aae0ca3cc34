"""The codec: whatever JSON can say arrives unchanged; whatever bytes come, the answer is a value or one error."""

import contextlib
import pickle
from time import monotonic

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCError, RPCMethodError, RPCSerializationError, RPCServer
from shm_rpc_bridge.classes import class_name
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.connection import Connection
from shm_rpc_bridge.failures import METHOD_FAILED, METHOD_UNKNOWN, REQUEST_REFUSED, RESULT_REFUSED, Failure
from shm_rpc_bridge.testing import in_memory

from .services import PATIENCE, register_methods, started

JSON = chosen("json")


def failed(kind, *texts):
    """The response that tells of it."""
    return JSON.encode_failure(Failure(kind, *texts), Exception())


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(texts, st.lists(json_values), st.dictionaries(texts, json_values))
def test_a_request_arrives_as_it_was_sent(method, args, params):
    assert JSON.decode_request(JSON.encode_request(method, args, params)) == (method, args or (), params)


@given(json_values)
def test_a_result_arrives_as_it_was_sent(result):
    assert JSON.decode_response("m", JSON.encode_result("m", result)) == result


@given(st.text(), st.text(), st.text())
def test_an_error_arrives_with_type_message_and_traceback(type_name, message, traceback):
    with pytest.raises(RPCMethodError) as caught:
        JSON.decode_response("m", failed(METHOD_FAILED, type_name, message, traceback))
    if "\\" not in message and message.isprintable():
        assert caught.value.remote_message == message


def raising(*_):
    raise RuntimeError


def test_an_error_whose_texts_are_of_classes_with_methods_that_raise_arrives():
    """It was their error, out of `encode_error`, and the end of the server."""
    names = ("encode", "__str__", "__repr__", "__len__", "__class__", "__getattribute__", "__eq__", "__hash__")
    odd = type("Odd", (str,), dict.fromkeys(names, raising))
    with pytest.raises(RPCMethodError) as caught:
        JSON.decode_response("m", failed(METHOD_FAILED, odd("T"), odd("te\ud800xt"), odd("trace")))
    error = caught.value
    assert (error.remote_type, error.remote_message, error.remote_traceback) == ("T", r"te\ud800xt", "trace")
    with pytest.raises(RPCMethodError, match="<no text, an int>: <no text, a Text>"):
        JSON.decode_response("m", failed(METHOD_FAILED, 7, type("Text", (), {"__str__": raising})()))


def test_the_name_of_a_class_is_its_own_whatever_a_metaclass_says():
    """`type(error).__name__` was 7, or an error."""
    for name in (7, property(raising), "Other"):
        meta = type("Meta", (type,), {"__name__": name})
        assert class_name(meta("Odd", (Exception,), {})()) == "Odd"
    assert class_name(ValueError()) == "ValueError"
    assert type(class_name(type(type("Name", (str,), {})("Odd"), (), {})())) is str


@pytest.mark.fault("messages-random")
@given(st.binary() | json_values.map(orjson.dumps))
def test_any_bytes_as_a_request_are_a_call_or_one_error(message):
    """Without the `except` in `decode_request` the first of them was orjson's error, and the end of the server."""
    try:
        method, _, params = JSON.decode_request(message)
    except RPCSerializationError:
        return
    assert isinstance(method, str)
    assert isinstance(params, dict)


@pytest.mark.fault("messages-random")
@given(st.binary() | json_values.map(orjson.dumps))
def test_any_bytes_as_a_response_are_a_value_or_one_error(message):
    """Without the `except` in `decode_response` the first of them was orjson's error."""
    with contextlib.suppress(RPCError):
        JSON.decode_response("m", message)


@pytest.mark.fault("messages-random")
@pytest.mark.parametrize(
    "message",
    [b"", b"{", b"[1", b'["m"]', b'{"m": 1, "n": 2}', b"7", b'["m", []]', b"[" * 2000 + b"]" * 2000],
)
def test_what_is_no_request_is_refused(message):
    with pytest.raises(RPCSerializationError, match="not a request"):
        JSON.decode_request(message)


@pytest.mark.fault("outcome-said")
@pytest.mark.parametrize(
    ("kind", "error", "may_have_run"),
    [
        (METHOD_FAILED, RPCMethodError, True),
        (METHOD_UNKNOWN, RPCMethodError, False),
        (RESULT_REFUSED, RPCSerializationError, True),
        (REQUEST_REFUSED, RPCSerializationError, False),
    ],
)
def test_each_kind_of_error_is_raised_as_its_own_and_says_whether_the_method_may_have_run(kind, error, may_have_run):
    with pytest.raises(error) as caught:
        JSON.decode_response("m", failed(kind, "T", "text"))
    assert caught.value.may_have_run is may_have_run
    assert pickle.loads(pickle.dumps(caught.value)).may_have_run is may_have_run


@pytest.mark.fault("messages-random")
def test_a_server_answers_any_bytes_with_one_response_and_goes_on():
    """Raw bytes on a client's channel: what comes back is a result or one of the errors, and then the next answer."""
    with in_memory():
        server = RPCServer("codec")
        register_methods(server)
        with started(server):
            connection = Connection("codec", "json")
            connection.open()
            channel = connection.new_channel()
            channel.open(1000, 100_000, "adaptive")

            @given(st.binary(max_size=2000) | json_values.map(orjson.dumps))
            @example(b"[" * 100_000)
            @example(b'["echo", {"data": 1e999}]')
            @example(b'["echo", {"data": ' + b"9" * 4000 + b"}]")
            def exchange(message):
                with contextlib.suppress(RPCError):
                    JSON.decode_response("m", channel.exchange(message, monotonic() + PATIENCE))
                answer = channel.exchange(b'["add", {"a": 1, "b": 2}]', monotonic() + PATIENCE)
                assert JSON.decode_response("m", answer) == 3

            exchange()
            connection.close_channel(channel)
            connection.is_retired = True
            assert connection.reap()
