"""Methods that are generators: their items come in their order, as they are consumed, and as they were."""

import asyncio
import functools

import pytest

from shm_rpc_bridge import RPCClient, RPCSerializationError, RPCServer, current_call
from shm_rpc_bridge.streams import AT_ONCE, Stream

from ..aio.loops import connected, run
from ..services import PATIENCE, in_thread, started
from .producers import Producer, counts


@counts
@pytest.mark.parametrize("number", [0, 1, AT_ONCE, AT_ONCE + 1, 2500])
def test_all_items_come_in_their_order(client, producer, count, number):
    assert list(client.stream(count, number)) == list(range(number))
    producer.wait_until_closed()
    assert list(client.call(count, number=number)) == list(range(number))  # as one would call it here
    assert sum(client.remote.count(number)) == sum(range(number))


@counts
def test_they_are_awaited_in_an_event_loop_beside_other_calls(server, producer, count):
    async def consume(client):
        return [item async for item in await client.stream(count, 1000)]

    async def call():
        async with connected(server.name) as client:
            *streams, three = await asyncio.gather(*(consume(client) for _ in range(5)), client.call("add", 1, 2))
            assert streams == [list(range(1000))] * 5
            assert three == 3
            async with await client.stream(count) as stream:
                assert await stream.__anext__() == 0
            await in_thread(producer.wait_until_closed)
            assert [item async for item in stream] == []

    run(call())


@counts
def test_nothing_is_produced_that_nobody_asks_for(client, producer, count):
    with client.stream(count) as stream:
        assert next(stream) == 0
        assert client.call("add", 1, 2) == 3
        assert producer.produced <= AT_ONCE
    producer.wait_until_closed()
    assert list(stream) == []


def test_an_item_that_is_there_is_not_held_back_for_the_next_one(client, producer):
    stream = client.stream("slowly")
    assert next(stream) == "first"
    producer.go_on.set()
    assert list(stream) == ["second"]


@pytest.mark.fault("streams")
def test_an_item_that_the_codec_refuses_ends_it_with_its_place_after_the_items_before(client, server):
    consumed = []
    with pytest.raises(RPCSerializationError, match=r"at \[0\]\[[03]\] is a set"):
        consumed.extend(client.stream("odd"))
    assert consumed == [1, 2, 3, 4, 5, 6]
    assert client.call("add", 1, 2) == 3

    async def call():
        async with connected(server.name) as other:
            stream = await other.stream("odd")
            assert [await stream.__anext__() for _ in range(6)] == consumed
            with pytest.raises(RPCSerializationError, match="is a set"):
                await stream.__anext__()

    run(call())


@pytest.mark.fault("streams")
@pytest.mark.parametrize("codec", ["json", "pickle"])
def test_items_that_are_too_large_together_come_in_smaller_numbers(name, producer, codec):
    server = RPCServer(name, max_message_size=100_000, codec=codec)
    server.register_object(producer)
    expected = [chr(ord("a") + item) * 30_000 for item in range(20)]
    with started(server), RPCClient(name, timeout=PATIENCE, codec=codec) as client:
        assert list(client.stream("texts", 30_000, 20)) == expected
        with pytest.raises(Exception, match="Message too large"):
            list(client.stream("texts", 150_000, 3))

        async def call():
            async with connected(name, codec=codec) as other:
                return [item async for item in await other.stream("texts", 30_000, 20)]

        assert run(call()) == expected


def test_large_items_do_not_come_a_hundred_at_once(client):
    items = [len(item) for item in client.stream("large", 400_000, 20)]
    assert items == [400_000] * 20


def test_what_is_no_generator_is_no_stream(client, server):
    with pytest.raises(RPCSerializationError, match="has returned an int and is no generator") as caught:
        client.stream("add", 1, 2)
    assert caught.value.may_have_run is True
    with client.batch() as batch:
        refused = batch.call("count", 5)
        batch.call("add", 1, 2)
    with pytest.raises(RPCSerializationError, match="stays here"):
        refused.result()

    async def call():
        async with connected(server.name) as other:
            with pytest.raises(RPCSerializationError, match="is no generator"):
                await other.stream("add", 1, 2)

    run(call())


def test_partials_and_objects_that_generate_are_known(name):
    class Counter:
        def __call__(self, number):
            yield from range(number)

    def scaled(factor, number):
        for item in range(number):
            yield item * factor

    server = RPCServer(name)
    server.register("counter", Counter())
    server.register("scaled", functools.partial(scaled, 3))
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        assert list(client.stream("counter", 3)) == [0, 1, 2]
        assert list(client.stream("scaled", 3)) == [0, 3, 6]
        assert isinstance(client.call("scaled", 1), Stream)


def test_processes_have_none(name):
    with RPCServer(name, processes=1) as server, pytest.raises(ValueError, match="generators are not for"):
        server.register("count", Producer().count)


@pytest.mark.fault("current-call")
@pytest.mark.parametrize("is_async", [False, True])
def test_a_call_that_a_generator_keeps_is_the_present_one_and_has_its_name(server, is_async):
    """From the second message on it said that the call was cancelled, and what had asked it stopped."""

    def wanted(count):
        call = current_call()
        for _ in range(count):
            if call.is_cancelled:
                return
            yield call.method

    async def wanted_awaiting(count):
        call = current_call()
        for _ in range(count):
            await asyncio.sleep(0)
            if call.is_cancelled:
                return
            yield current_call().method

    server.register("wanted", wanted_awaiting if is_async else wanted)
    with RPCClient(server.name, timeout=PATIENCE) as client:
        assert list(client.stream("wanted", 1000)) == ["wanted"] * 1000

    async def call():
        async with connected(server.name) as awaiting:
            assert [item async for item in await awaiting.stream("wanted", 1000)] == ["wanted"] * 1000

    run(call())


@pytest.mark.fault("streams")
def test_an_array_that_the_generator_uses_again_is_each_time_what_it_was(server, client):
    numpy = pytest.importorskip("numpy")

    def rows():
        row = numpy.zeros(3)
        for number in range(50):
            row[:] = number
            yield row

    server.register("rows", rows)
    assert [row[0] for row in client.stream("rows")] == list(range(50))
