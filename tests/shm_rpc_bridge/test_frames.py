"""A message in frames is parted as it was put together, and whatever else comes is refused or a value."""

import random
import re
import struct
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCClient, RPCSerializationError
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.frames import MAGIC, Framed, Unopened, is_framed, opened

from .arrays import ARRAYS, GRID, chosen_or_skipped, each_codec
from .services import PATIENCE, serving

numpy = pytest.importorskip("numpy")
PARTS = st.lists(st.binary(max_size=200), max_size=5)


@given(st.binary(max_size=50), st.binary(max_size=50), PARTS)
def test_a_message_in_parts_is_parted_as_it_was_put_together(notes, body, frames):
    message = Framed(notes, body, frames)
    memory = bytearray(b"\xaa" * (len(message) + 30))
    message.write_into(memory, 10)
    for whole in (bytes(message), bytes(memory[10 : 10 + len(message)])):
        assert len(whole) == len(message)
        assert is_framed(whole)
        found = opened(whole)
        assert (found.notes, found.body, list(map(bytes, found.frames))) == (notes, body, frames)
    assert bytes(memory[:10]) + bytes(memory[10 + len(message) :]) == b"\xaa" * 30


@pytest.mark.fault("frames-hostile")
@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"SR10" + bytes(Framed(b"", b"", []))[4:], "0 frames, 0 and 0 bytes said to be in 16"),
        (struct.pack("<4sIII", MAGIC, 0, 4, 3) + b"noteb", "0 frames, 4 and 3 bytes said to be in 21"),
        (struct.pack("<4sIII", MAGIC, 0, 40, 3) + b"noteb", "0 frames, 40 and 3 bytes said to be in 21"),
        (
            struct.pack("<4sIII", MAGIC, 1, 0, 0) + struct.pack("<Q", 9) + bytes(48),
            "a frame is said to end at byte 73 of 72",
        ),
        (
            struct.pack("<4sIII", MAGIC, 1, 0, 0) + struct.pack("<Q", 7) + bytes(48),
            "frames are said to end at byte 71 of 72",
        ),
    ],
)
def test_what_is_said_to_be_in_a_message_and_is_not_is_told_in_bytes(message, why):
    with pytest.raises(ValueError, match=f"^{why}$"):
        opened(message)


def test_a_first_frame_lies_as_far_from_the_beginning_as_there_is_room_for_what_comes_before():
    message = Framed(b"n", b"body", [bytes(64)])
    before = 16 + 8 + 1 + 4
    assert message.in_place(before - 1) is None
    for start in (64, 128):
        placed = message.in_place(start)
        assert len(placed) == start + 64
        memory = bytearray(b"x" * len(placed))
        placed.write_into(memory, 0)
        assert memory[start:] == b"x" * 64
        found = opened(memory[:start] + bytes(64))
        assert (found.notes.rstrip(b" "), found.body, found.frames) == (b"n", b"body", [bytes(64)])
    whole = Framed(b"n" * 99, b"", [bytes(64)])  # as much as there is room for
    assert whole.in_place(16 + 8 + 99 + 5) is not None
    exact = Framed(b"n" * 104, b"", [bytes(64)])
    assert len(exact.in_place(128)) == 192
    assert exact.in_place(64) is None


def test_what_others_can_write_to_may_change_and_bytes_do_not():
    assert Framed(b"", b"", [memoryview(bytearray(9))]).may_change is True
    assert Framed(b"", b"", [b"bytes", b"more"]).may_change is False


def test_what_has_come_is_lent_to_nobody_who_has_not_asked_for_it():
    message = Unopened(memoryview(b"message"), {"reads"})
    assert message.is_lent is False
    assert message.lend_to("writes") is False
    assert message.lend_to("reads") is True
    assert message.is_lent is True


@pytest.mark.fault("frames-hostile")
@given(st.binary(max_size=100), st.integers(0, 2**32 - 1), st.integers(0, 60), st.integers(0, 60))
def test_nothing_else_is_taken_for_one(data, count, notes, body):
    for message in (data, struct.pack("<4sIII", MAGIC, count, notes, body) + data):
        try:
            found = opened(message)
        except ValueError:
            continue
        assert len(bytes(Framed(found.notes, found.body, found.frames))) == len(message)


@pytest.mark.fault("frames-hostile")
@pytest.mark.parametrize(
    ("notes", "frames", "told"),
    [
        (b'["(f)",["array","<f8",[3],"C",true]]', [b"x" * 8], "8 bytes for an array of shape"),
        (b'["(f)",["array","<f8",[-1],"C",true]]', [b"x" * 8], "shape"),
        (b'["(f)",["array","<f8",[1.0],"C",true]]', [b"x" * 8], "shape"),
        (b'["(f)",["array","<f8",[4611686018427387904,4],"C",true]]', [b""], "0 bytes for an array of shape"),
        (b'["(f)",["array","<f8",[0,9223372036854775807],"C",true]]', [b""], "ValueError"),
        (b'["(f)",["array","<f8",[1],"K",true]]', [b"x" * 8], "order 'K'"),
        (b'["(f)",["array","O",[1],"C",true]]', [b"x" * 8], "array of objects"),
        (b'["(f)",["array","|O8",[1],"C",true]]', [b"x" * 8], "array of objects"),
        (b'["(f)",["array",[["a","<f4"],["b","|O"]],[1],"C",true]]', [b"x" * 12], "array of objects"),
        (b'["(f)",["array",[["a",[["b","O"]]]],[1],"C",true]]', [b"x" * 8], "array of objects"),
        (b'["(f)",["array","nonsense",[1],"C",true]]', [b"x" * 8], "TypeError"),
        (b'["(f)",["array",{"names":["a"]},[1],"C",true]]', [b"x" * 8], "Error"),
        (b'["(f)",["memoryview","T{d:a:}",[1],true]]', [b"x" * 8], "Error"),
        (b'["(f)",["memoryview","d",[5],true]]', [b"x" * 8], "Error"),
        (b'["(f)",["file","/etc/passwd"]]', [b"x"], "unknown kind 'file'"),
        (b'["(f)"]', [b"x"], "0 notes of 1 frames"),
        (b'["(f)",["bytes"],["bytes"]]', [b"x"], "2 notes of 1 frames"),
        (b"7", [b"x"], "Error"),
        (b"", [b"x"], "Error"),
        (b'[7,["bytes"]]', [b"x"], "1 notes of 1 frames"),
    ],
)
@pytest.mark.parametrize("codec", ["json", "json+types", "msgpack"])
def test_a_frame_that_no_sender_makes_is_refused_and_never_read_beyond_its_end(codec, notes, frames, told):
    codec = chosen_or_skipped(codec)
    body = b'["m",{},"(f)0"]' if codec.name == "json" else b'["m",{}]'
    message = bytes(Framed(notes, body, frames))
    with pytest.raises(RPCSerializationError, match=f"not a request: .*{told}"):
        codec.decode_request(message)
    with pytest.raises(RPCSerializationError, match="the response to 'm' is no") as caught:
        codec.decode_response("m", message)
    assert caught.value.may_have_run is True


@pytest.mark.fault("frames-hostile")
@pytest.mark.parametrize(
    "body", [b"[]", b'["m"]', b'["m",{},"(f)1"]', b'["m",{},"(f)x"]', b"{}", b'"(f)0"', b"no JSON"]
)
def test_a_body_that_no_sender_makes_is_refused(body):
    message = bytes(Framed(b'["(f)",["bytes"]]', body, [b"x"]))
    with pytest.raises(RPCSerializationError, match="not a request"):
        chosen("json").decode_request(message)


@pytest.mark.fault("frames-hostile")
def test_a_pickle_whose_buffers_are_not_those_it_needs_is_refused():
    codec = chosen("pickle")
    codec.encode_request("m", (ARRAYS["4 MB"],), {})
    parts = opened(bytes(codec.encode_request("m", (GRID,), {})))
    for notes, frames in ((b"", []), (b"\1", [b"short"]), (b"", [b"x"]), (b"\1\1", [b"x"])):
        with pytest.raises(RPCSerializationError, match="not a request: not readable as pickle"):
            codec.decode_request(bytes(Framed(notes, parts.body, frames)))


@pytest.mark.fault("frames-hostile")
@each_codec
def test_any_bytes_that_are_changed_give_a_value_or_an_error(codec):
    codec = chosen_or_skipped(codec)
    chance = random.Random(5)
    codec.encode_request("m", (ARRAYS["4 MB"],), {})
    if codec.name == "pickle":  # whose bytes may run anything: its frames only
        whole = bytes(codec.encode_request("m", (GRID,), {}))
        places = range(4, 24)
    else:
        whole = bytes(codec.encode_request("m", (GRID, b"x" * 2000, "text"), {"p": GRID.T}))
        places = range(len(whole))
    for _ in range(3000):
        changed = bytearray(whole)
        for _ in range(chance.choice((1, 1, 3))):
            changed[chance.choice(places)] = chance.getrandbits(8)
        try:
            codec.decode_request(bytes(changed))
        except RPCSerializationError as error:
            assert re.match("not a request", str(error))  # noqa: PT017


@pytest.mark.fault("frames-hostile")
def test_a_writer_that_changes_a_message_while_it_is_read_gives_a_value_or_an_error_and_no_crash(name):
    """Frames are copied out of memory that their writer can change; what says where they are is copied first."""
    register = []

    def look(array):
        register.append(array.nbytes)
        return array

    with serving(name) as server, RPCClient(name, timeout=PATIENCE) as client:
        server.register_function(look)
        array = numpy.zeros(20_000)
        client.call("look", array)
        (served,) = server._endpoint._channels.values()
        stop = threading.Event()

        def scribble():
            chance = random.Random(3)
            while not stop.is_set():
                memory = served.request._map
                memory[64 + chance.randrange(120)] = chance.getrandbits(8)
                time.sleep(0)

        scribbler = threading.Thread(target=scribble)
        scribbler.start()
        try:
            for _ in range(600):
                try:
                    client.call("look", array)
                except RPCSerializationError:
                    continue
                except Exception as error:  # of the method, for whatever it was called with
                    assert "RPC" in type(error).__name__ or isinstance(error, (TypeError, AttributeError))  # noqa: PT017
        finally:
            stop.set()
            scribbler.join(PATIENCE)
