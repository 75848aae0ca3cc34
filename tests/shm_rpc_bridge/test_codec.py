"""The codec: whatever JSON can say arrives unchanged; whatever bytes come, the answer is a value or one error."""

import contextlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCError, RPCMethodError, RPCSerializationError, RPCTransportError, codec

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


@given(texts, st.dictionaries(texts, json_values))
def test_a_request_arrives_as_it_was_sent(method, params):
    assert codec.decode_request(codec.encode_request(method, params)) == (method, params)


@given(json_values)
def test_a_result_arrives_as_it_was_sent(result):
    assert codec.decode_response("m", codec.encode_result("m", result)) == result


@given(st.text(), st.text(), st.text())
def test_an_error_arrives_with_type_message_and_traceback(type_name, message, traceback):
    with pytest.raises(RPCMethodError) as caught:
        codec.decode_response("m", codec.encode_error(codec.METHOD_FAILED, type_name, message, traceback))
    if "\\" not in message and message.isprintable():
        assert caught.value.remote_message == message


@given(st.binary() | json_values.map(orjson.dumps))
def test_any_bytes_as_a_request_are_a_call_or_one_error(message):
    try:
        method, params = codec.decode_request(message)
    except RPCSerializationError:
        return
    assert isinstance(method, str)
    assert isinstance(params, dict)


@given(st.binary() | json_values.map(orjson.dumps))
def test_any_bytes_as_a_response_are_a_value_or_one_error(message):
    with contextlib.suppress(RPCError):
        codec.decode_response("m", message)


@pytest.mark.parametrize(
    "message",
    [b"", b"{", b"[1", b'["m"]', b'["m", {}, 1]', b'{"m": 1, "n": 2}', b"7", b'["m", []]', b"[" * 2000 + b"]" * 2000],
)
def test_what_is_no_request_is_refused(message):
    with pytest.raises(RPCSerializationError, match="not a request"):
        codec.decode_request(message)


def test_each_kind_of_error_is_raised_as_its_own():
    for kind, error in (
        (codec.METHOD_FAILED, RPCMethodError),
        (codec.NOT_SERIALIZABLE, RPCSerializationError),
        (codec.NOT_TRANSPORTABLE, RPCTransportError),
    ):
        with pytest.raises(error):
            codec.decode_response("m", codec.encode_error(kind, "T", "text"))
