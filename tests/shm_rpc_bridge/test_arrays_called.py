"""Calls with arrays, from one process to another: each arrives as it was at its call, and costs no other call."""

import asyncio
import math
import os

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, spawn
from shm_rpc_bridge.frames import Framed
from shm_rpc_bridge.testing import in_memory

from . import pricing
from .aio.loops import connected, run
from .arrays import ARRAYS, GRID, chosen_or_skipped, each_codec, is_same
from .services import PATIENCE, register_methods, serving, started

numpy = pytest.importorskip("numpy")


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
