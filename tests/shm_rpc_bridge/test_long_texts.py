"""Long texts go as frames beside the JSON: nobody sees more of it than the time."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCClient, RPCSerializationError
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.codec.beside import LONG
from shm_rpc_bridge.frames import Framed, opened

from .codec_table import VALUES
from .services import PATIENCE, serving

TEXT = "grüße " * LONG


def came_back(codec, value):
    message = codec.encode_result("m", value)
    return codec.decode_response("m", bytes(message))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.just(TEXT)
    | st.just(TEXT[:LONG]),
    lambda parts: st.lists(parts, max_size=5) | st.dictionaries(st.text(max_size=5), parts, max_size=5),
    max_leaves=20,
)


@given(values, values)
def test_any_value_arrives_as_without_frames(argument, parameter):
    codec = chosen("json")
    plain = json.loads(json.dumps([argument, parameter]))
    message = codec.encode_request("m", (argument,), {"p": parameter})
    assert codec.decode_request(bytes(message)) == ("m", [plain[0]], {"p": plain[1]})
    assert came_back(codec, {"a": argument, "b": parameter}) == {"a": plain[0], "b": plain[1]}


@pytest.mark.parametrize("what", [what for what in VALUES if what not in ("complex", "object of a class of one's own")])
@pytest.mark.parametrize("strict", [False, True])
def test_what_is_beside_a_long_text_becomes_what_it_would_become_beside_a_short_one(what, strict):
    for value in VALUES[what]:
        results = []
        for text in ("short", TEXT):
            try:
                came = came_back(chosen("json", strict), [value, text, {"a": value}])
                results.append(re.sub(" at 0x[0-9a-f]+", "", repr(came)).replace(TEXT, "short"))
            except RPCSerializationError as error:
                results.append(str(error))
        assert results[0] == results[1]


@pytest.mark.parametrize("strict", [False, True])
def test_a_long_text_is_beside_the_message(strict):
    codec = chosen("json", strict)
    for args, params in (((TEXT,), {}), ((), {"text": TEXT}), (([1, {"deep": TEXT}],), {})):
        message = codec.encode_request("m", args, params)
        assert isinstance(message, Framed)
        assert not message.may_change
        assert [bytes(frame) for frame in opened(bytes(message)).frames] == [TEXT.encode()]
    assert type(codec.encode_request("m", ("short",), {})) is bytes


@pytest.mark.parametrize("text", ["(frame)0", "a (frame) of it", '(frame)1"'])
def test_a_text_that_looks_like_what_stands_for_a_frame_arrives_as_it_is(text):
    for value in ([text, TEXT], {text: TEXT}, {"a": [text + TEXT, TEXT]}, [text * LONG]):
        assert came_back(chosen("json"), value) == value


def test_half_a_character_is_refused():
    with pytest.raises(RPCSerializationError, match=r"the result of 'm' at \[1\] is text with surrogates"):
        chosen("json").encode_result("m", [TEXT, "\ud800" * LONG])


def test_a_long_text_beside_much_else_stays_where_its_reader_need_not_look_for_it():
    codec = chosen("json")
    rows = [{"number": number} for number in range(LONG)]
    assert type(codec.encode_result("m", [TEXT, rows])) is bytes
    assert isinstance(codec.encode_result("m", [TEXT, rows[:100]]), Framed)


@pytest.mark.fault("frames-hostile")
def test_a_frame_that_is_no_text_is_refused():
    codec = chosen("json")
    message = bytes(Framed(b'["(f)",["text"]]', b'["m",{},"(f)0"]', [b"\xff\xfe"]))
    with pytest.raises(RPCSerializationError, match=r"not a request: .*utf-8"):
        codec.decode_request(message)
    response = bytes(Framed(b'["(f)",["text",1]]', b'["(f)0"]', [b"text"]))
    assert codec.decode_response("m", response) == "text"


def test_they_are_called_with_returned_and_streamed(name):
    def produce(number):
        for each in range(number):
            yield f"{each}{TEXT}"

    with serving(name) as server, RPCClient(name, timeout=PATIENCE) as client:
        server.register_function(produce)
        for number in range(5):
            text = str(number) + TEXT
            assert client.call("echo", text) == text
            assert client.call("everything", text=text, number=number) == {"text": text, "number": number}
        assert list(client.stream("produce", 20)) == [f"{each}{TEXT}" for each in range(20)]
