"""bytes, views and arrays travel as frames beside the message of any codec, and arrive as what they were."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCSerializationError
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.frames import Framed, Unopened, is_framed, opened

from .arrays import ARRAYS, GRID, chosen_or_skipped, each_codec, is_same
from .services import PATIENCE

numpy = pytest.importorskip("numpy")


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
