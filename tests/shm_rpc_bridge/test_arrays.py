"""bytes, views and arrays travel as frames beside the message, and arrive as what they were."""

import asyncio
import math
import os
import random
import re
import struct
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCClient, RPCSerializationError, RPCServer, RPCTransportError, spawn
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.frames import MAGIC, Framed, Unopened, is_framed, opened
from shm_rpc_bridge.testing import in_memory

from . import pricing
from .aio.loops import connected, run
from .services import PATIENCE, register_methods, serving, started

numpy = pytest.importorskip("numpy")

GRID = numpy.arange(12.0).reshape(3, 4)
READ_ONLY = GRID.copy()
READ_ONLY.flags.writeable = False
ARRAYS = {
    "C order": GRID,
    "Fortran order": numpy.asfortranarray(GRID),
    "read-only": READ_ONLY,
    "read-only, Fortran order": READ_ONLY.T,
    "a number": numpy.array(3.5),
    "empty": numpy.empty((0, 3), "i4"),
    "empty, Fortran order": numpy.empty((4, 0, 2), "i4", order="F"),
    "structured": numpy.zeros(3, [("a", "f4"), ("b", "i8", (2,)), ("c", [("d", "S3")])]),
    "structured and aligned": numpy.zeros(2, numpy.dtype([("a", "u1"), ("b", "f8")], align=True)),
    "with titles": numpy.zeros(2, [(("title", "a"), "f4")]),
    "dates": numpy.array(["2024-05-01T12:00:00.000000005", "NaT"], "M8[ns]"),
    "durations": numpy.array([5], "m8[s]"),
    "byte strings": numpy.array([b"ab", b"c"], "S3"),
    "texts": numpy.array(["a", "bcd"]),
    "of no bytes": numpy.array([b"", b""], "S0"),
    "big-endian": numpy.ones(3, ">f4"),
    "complex": numpy.array([1 + 2j]),
    "bool": numpy.array([True, False]),
    "half": numpy.array([1.5], "f2"),
    "long double": numpy.array([1.5], numpy.longdouble),
    "32 dimensions": numpy.zeros((1,) * 32),
    "4 MB": numpy.arange(1_000_000, dtype="f4"),
}
each_codec = pytest.mark.parametrize("codec", ["json", "json+types", "msgpack", "pickle"])


def chosen_or_skipped(codec):
    if codec == "msgpack":
        pytest.importorskip("msgspec")
    return chosen(codec)


def is_same(one, other):
    if type(one) is not type(other):
        return False
    if type(one) is numpy.ndarray:
        return (
            (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
            and one.flags.writeable == other.flags.writeable
            and one.flags.c_contiguous == other.flags.c_contiguous
        )
    if type(one) is memoryview:
        of_one = one.format, one.shape, one.readonly, one.tobytes()
        return of_one == (other.format, other.shape, other.readonly, other.tobytes())
    if type(one) is dict:
        return list(one) == list(other) and all(map(is_same, one.values(), other.values()))
    if type(one) in (list, tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    return one == other


def through(codec, value):
    """The value as argument, parameter and result, from bytes and from what lies in shared memory."""
    request, response = bytes(codec.encode_request("m", (value,), {"p": value})), bytes(codec.encode_result("m", value))
    found = codec.decode_response("m", response)
    for message in (request, memoryview(request), *([Unopened(memoryview(request))] if is_framed(request) else [])):
        method, (argument,), params = codec.decode_request(message)
        assert method == "m"
        assert is_same(argument, found)
        assert is_same(params["p"], found)
    if is_framed(response):
        assert is_same(codec.decode_response("m", Unopened(memoryview(response))), found)
    return found


@each_codec
@pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)
def test_an_array_arrives_as_what_it_was_and_as_a_copy(codec, array):
    codec = chosen_or_skipped(codec)
    for _ in range(2):  # pickle looks for buffers once a large message has come
        found = through(codec, array)
        assert is_same(found, array)
        assert not numpy.shares_memory(found, array)
        if array.flags.writeable and array.size and array.dtype.names is None:
            found.flat[0] = found.flat[-1]


@each_codec
def test_one_that_is_not_contiguous_becomes_so(codec):
    codec = chosen_or_skipped(codec)
    for array in (
        GRID[::2, ::2],
        GRID[::-1],
        numpy.broadcast_to(GRID[0], (5, 4)),
        GRID.reshape(2, 3, 2).transpose(1, 0, 2),
    ):
        found = through(codec, array)
        assert numpy.array_equal(found, array)
        assert codec.name == "pickle" or found.flags.c_contiguous or found.flags.f_contiguous


@pytest.mark.parametrize("codec", ["json", "json+types"])
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"\x00\xff" * 2000,
        bytearray(b"xyz"),
        memoryview(b"abc"),
        memoryview(bytearray(24)).cast("d"),
        memoryview(bytearray(24)).cast("B").cast("i", (2, 3)),
        memoryview(b"abcdef")[::2],
        memoryview(b""),
        {"a": [b"1" * 5000, {"b": bytearray(2000), "c": [[memoryview(b"x" * 3000)]]}], "d": "(frame)0"},
        ["(frame)0", "(frame)", b"x" * 2000, {"(frame)1": "(frame)1"}],
    ],
    ids=[
        *(
            "nothing",
            "bytes",
            "bytearray",
            "view",
            "view of doubles",
            "view of a table",
            "view with gaps",
            "empty view",
        ),
        *("nested", "texts like frames"),
    ],
)
def test_bytes_and_views_at_any_depth_arrive_as_what_they_were(codec, value):
    assert is_same(through(chosen(codec), value), value)


@given(
    st.recursive(st.binary(max_size=20) | st.integers(-5, 5) | st.text(max_size=10).map("(frame)".__add__), st.lists)
)
def test_no_text_is_taken_for_a_frame(value):
    assert through(chosen("json"), value) == value


def test_a_strict_codec_takes_what_arrives_as_it_was():
    codec = chosen("json", strict=True)
    for value in ([GRID, b"x"], {"a": bytearray(b"y")}):
        assert is_same(through(codec, value), value)
    with pytest.raises(RPCSerializationError, match="is a tuple"):
        codec.encode_request("m", ((GRID,),), {})


def test_msgpack_has_bytes_within_and_arrays_beside_the_message():
    codec = chosen_or_skipped("msgpack")
    assert type(codec.encode_request("m", (b"x" * 5000,), {})) is bytes
    value = {"a": [b"x", GRID, {1: GRID.T}], "b": 2.5}
    assert is_same(through(codec, value), value)


def test_pickles_buffers_go_beside_it_once_a_large_one_has_come():
    codec = chosen("pickle")
    assert type(codec.encode_request("m", (GRID,), {})) is bytes  # nobody has paid for looking yet
    codec.encode_request("m", (ARRAYS["4 MB"],), {})
    assert type(codec.encode_request("m", (GRID,), {})) is Framed
    for _ in range(100):
        assert type(codec.encode_request("m", ("plain",), {})) is bytes
    assert type(codec.encode_request("m", (GRID,), {})) is bytes


def test_a_frame_of_pandas_travels_beside_its_pickle():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": numpy.arange(100_000.0), "b": numpy.arange(100_000)})
    codec = chosen("pickle")
    codec.encode_result("m", table)
    message = codec.encode_result("m", table)
    assert type(message) is Framed
    assert len(opened(bytes(message)).body) < 2000
    assert codec.decode_response("m", bytes(message)).equals(table)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (numpy.array([object()]), r"argument 1\['k'\] of 'm' is an array of Python objects: send its tolist\(\)"),
        (numpy.zeros(1, [("a", "f4"), ("b", "O")]), "is an array of Python objects"),
        (
            GRID.view(type("Own", (numpy.ndarray,), {})),
            r"is an Own, which JSON cannot say: send numpy.asarray\(value\)",
        ),
        (memoryview(numpy.zeros(1, [("a", "f4")])), "is a memoryview of format 'T{"),
        (memoryview(numpy.empty((0, 2))), r"is a memoryview of format 'd' and shape \(0, 2\): send its tobytes"),
        (memoryview(numpy.zeros(1, numpy.longdouble)), "is a memoryview of format 'g'"),
    ],
    ids=["objects", "objects in fields", "subclass", "view of fields", "view of nothing", "view of another format"],
)
@pytest.mark.parametrize("codec", ["json", "json+types"])
def test_what_would_not_arrive_as_it_was_is_refused(codec, value, told):
    told = told if codec == "json" or "Own" not in told else "is an Own, which JSON cannot say"
    with pytest.raises(RPCSerializationError, match=told):
        chosen(codec).encode_request("m", ({"k": value},), {})


@pytest.mark.parametrize("codec", ["msgpack", "pickle"])
def test_what_is_refused_beside_an_array_is_named_with_its_own_reason(codec):
    codec = chosen_or_skipped(codec)
    codec.encode_result("m", ARRAYS["4 MB"])  # pickle looks for buffers from here on
    with pytest.raises(RPCSerializationError, match=r"argument 2\['k'\] of 'm' is a generator that") as caught:
        codec.encode_request("m", (GRID, {"k": (each for each in "ab")}), {})
    assert "len()" not in str(caught.value)
    assert "encode" not in str(caught.value).split("(")[-1]


def test_a_view_that_was_released_is_refused():
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(RPCSerializationError, match="is a memoryview that cannot be read: ValueError"):
        chosen("json").encode_request("m", (view,), {})


def test_numpy_is_not_imported_for_it():
    code = """
import sys
from shm_rpc_bridge.codec import chosen
for name in ("json", "json+types"):
    codec = chosen(name)
    message = bytes(codec.encode_result("m", [b"x" * 5000, memoryview(b"y")]))
    assert codec.decode_response("m", message)[0] == b"x" * 5000
assert "numpy" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)


# From one process to another


def scaled(array, factor):
    array *= factor  # its own copy, which can be written to
    return {"scaled": array, "type": str(array.dtype)}


@pytest.mark.parametrize("options", [{}, {"threads": 2}], ids=["inline", "threads"])
@each_codec
def test_arrays_go_there_and_back(name, codec, options):
    if codec == "msgpack":
        pytest.importorskip("msgspec")
    large = numpy.arange(3_000_000.0)
    with serving(name, codec=codec, **options) as server, RPCClient(name, codec=codec, timeout=PATIENCE) as client:
        server.register_function(scaled)
        for array in (GRID, large, GRID[:0], large):
            before = array.copy()
            answer = client.call("scaled", array, factor=2)
            assert is_same(answer["scaled"], before * 2)
            assert is_same(array, before)
        with client.batch() as batch:
            batch.call("scaled", GRID, factor=3)
            batch.call("add", 1, 2)
        assert is_same(batch.results()[0]["scaled"], GRID * 3)

        async def call():
            async with connected(name, codec=codec) as other:
                answers = [other.submit("scaled", array, factor=factor) for array in (GRID, large) for factor in (2, 3)]
                for array, factor in ((GRID, 2), (GRID, 3), (large, 2), (large, 3)):
                    assert is_same((await answers.pop(0))["scaled"], array * factor)

        run(call())


def test_what_is_sent_later_is_as_it_was_when_it_was_called(name):
    """An event loop sends in its next turn, and only when there is room."""

    async def call():
        async with connected(name) as client:
            await client.connect()
            array = numpy.zeros(100_000)
            sent = []
            for number in range(20):
                array[:] = number
                sent.append(client.submit("echo", array))
            array[:] = -1
            for number, answer in enumerate(sent):
                assert (await answer == number).all()

    with serving(name):
        run(call())


@pytest.mark.parametrize("codec", ["json", "json+types"])
def test_a_bytearray_that_changes_its_size_before_it_is_sent_arrives_as_it_was(codec):
    codec, data = chosen_or_skipped(codec), bytearray(b"a" * 2000)
    message = codec.encode_result("f", [data, data])
    data.extend(b"b" * 5000)  # and nothing keeps it from that
    assert codec.decode_response("f", bytes(message)) == [b"a" * 2000] * 2


@pytest.mark.parametrize("options", [{}, {"threads": 1}], ids=["inline", "threads"])
def test_a_result_that_there_is_no_memory_to_keep_costs_its_call_alone(name, options, monkeypatch):
    def none(message):
        raise MemoryError

    server = RPCServer(name, **options)
    server.register("grid", lambda: GRID)
    register_methods(server)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        with monkeypatch.context() as patched:
            patched.setattr(Framed, "__bytes__", none)
            with client.batch() as batch:
                refused, three = batch.call("grid"), batch.call("add", 1, 2)
            assert three.result() == 3
            with pytest.raises(MemoryError):
                refused.result()
            if options:
                with pytest.raises(MemoryError):
                    client.call("grid")
        assert numpy.array_equal(client.call("grid"), GRID)


def test_what_a_method_returns_and_changes_afterwards_is_as_it_was_returned(name):
    server = RPCServer(name, threads=2)
    state = numpy.zeros(200_000)

    def count():
        state[:] += 1
        return state

    server.register_function(count)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        for number in range(1, 20):
            assert (client.call("count") == number).all()


def test_an_array_of_a_process_beside_the_server():
    with spawn(pricing.__name__, processes=1, codec="pickle", timeout=PATIENCE) as client:
        for _ in range(3):
            assert is_same(client.call("same", ARRAYS["4 MB"]), ARRAYS["4 MB"])


# Whatever comes


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


@pytest.mark.fault("frames-full")
def test_a_frame_for_which_there_is_no_shared_memory_costs_its_call():
    with in_memory(capacity=2 << 20):
        server = RPCServer("full")
        register_methods(server)
        server.register("zeros", lambda size: numpy.zeros(size))
        with started(server), RPCClient("full", timeout=PATIENCE) as client:
            with pytest.raises(RPCTransportError, match="full") as caught:
                client.call("length", ARRAYS["4 MB"])
            assert caught.value.may_have_run is False
            with pytest.raises(Exception, match="full"):
                client.call("zeros", 1_000_000)
            assert is_same(client.call("echo", GRID), GRID)


@pytest.mark.fault("frames-full")
def test_one_that_is_larger_than_a_message_may_be_is_refused_with_both_numbers(name):
    with serving(name), RPCClient(name, timeout=PATIENCE, max_message_size=100_000) as client:
        with pytest.raises(RPCTransportError, match=r"Message too large: 4,000,\d+ bytes, max_message_size is 100,000"):
            client.call("length", ARRAYS["4 MB"])
        assert client.call("length", b"x" * 1000) == 1000


def test_after_a_large_array_nothing_of_it_is_kept_but_the_buffer(name):
    """A view of a message in shared memory that outlives its call would keep the mapping of a closed channel."""

    def mapped():
        with open("/proc/self/maps") as maps:
            return sum(name in line for line in maps)

    before = mapped()
    with serving(name):
        for _ in range(3):
            with RPCClient(name, timeout=PATIENCE) as client:
                client.call("echo", ARRAYS["4 MB"])
                with pytest.raises(TypeError):
                    client.call("make_set", ARRAYS["4 MB"])
                assert math.isclose(client.call("length", b"x" * 100_000), 100_000)
    assert mapped() == before
    assert os.path.exists("/dev/shm")


def test_awaited_calls_are_answered_in_any_order_with_their_own_arrays(name):
    async def call():
        async with connected(name) as client:
            calls = [client.call("echo", numpy.full(size, size)) for size in (1, 10_000, 3, 50_000, 0)]
            for answer, size in zip(await asyncio.gather(*calls), (1, 10_000, 3, 50_000, 0)):
                assert is_same(answer, numpy.full(size, size))

    with serving(name):
        run(call())
