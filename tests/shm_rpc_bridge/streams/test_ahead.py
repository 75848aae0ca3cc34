"""The next items are produced while those before are consumed, and whatever ends a stream meanwhile disturbs nobody."""

import asyncio
import gc
import time

import pytest

from shm_rpc_bridge import AsyncRPCClient, RPCClient, RPCServer, RPCTransportError

from ..aio.loops import connected, run
from ..services import PATIENCE, in_thread, started
from ..steps import until


@pytest.fixture
def quick(monkeypatch):
    """However slow this machine is, items come as soon as they are asked for, and all together that were."""
    monkeypatch.setattr("shm_rpc_bridge.streams._SLOWLY_SECONDS", PATIENCE)
    monkeypatch.setattr("shm_rpc_bridge.streamed._TOGETHER_SECONDS", PATIENCE)


def ahead_of(stream, producer, number=8):
    """Consume so many, which are of the first 15, and have the next 16 asked for."""
    items = [next(stream) for _ in range(number)]
    until(lambda: producer.produced == 31)
    return items


def test_the_next_ones_are_produced_while_those_before_are_consumed(client, producer, quick):
    with client.stream("count", 40) as stream:
        assert ahead_of(stream, producer) == list(range(8))
        assert list(stream) == list(range(8, 40))
    with client.stream("count", 1000) as stream:
        assert next(stream) == 0
        assert producer.produced == 1, "of one that was only begun nothing is"


def test_one_that_is_closed_while_the_next_ones_come_leaves_its_channel_to_others(client, producer, quick):
    for _ in range(3):
        with client.stream("count") as stream:
            ahead_of(stream, producer)
        producer.wait_until_closed()
        assert list(stream) == []
        assert client.call("add", 1, 2) == 3
    assert len(client._pool.idle) == 1


@pytest.mark.fault("streams")
def test_one_that_is_closed_while_its_generator_hangs_waits_for_nothing(client, producer, quick):
    with client.stream("count_and_stop", 16) as stream:
        assert [next(stream) for _ in range(8)] == list(range(8))
        until(lambda: producer.produced == 16)
    producer.go_on.set()
    producer.wait_until_closed()
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("streams")
def test_one_that_is_forgotten_while_the_next_ones_come_is_closed_in_the_server(client, producer, quick):
    stream = client.stream("count")
    ahead_of(stream, producer)
    del stream
    producer.wait_until_closed()
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("streams")
def test_what_came_in_time_is_there_for_a_consumer_that_takes_its_time(client, producer, quick):
    stream = client.with_options(timeout=0.2).stream("count", 100)
    items = ahead_of(stream, producer)
    time.sleep(0.3)
    items += stream
    assert items == list(range(100))


@pytest.mark.fault("streams")
def test_a_server_that_ends_while_the_next_ones_come_is_told_after_those_that_came(name, producer, quick):
    server = RPCServer(name)
    server.register_object(producer)
    with RPCClient(name, timeout=PATIENCE) as client:
        with started(server):
            stream = client.stream("count")
            items = ahead_of(stream, producer)
        with pytest.raises(RPCTransportError, match="after 15 items"):
            items.extend(stream)
        assert items == list(range(15))
        producer.wait_until_closed()


@pytest.mark.fault("streams")
def test_a_client_that_is_closed_while_the_next_ones_come_ends_it(server, producer, quick):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        stream = client.stream("count")
        ahead_of(stream, producer)
    with pytest.raises(RPCTransportError, match="after 15 items"):
        list(stream)
    producer.wait_until_closed()


async def into(consumed, stream):
    note = consumed.append
    async for item in stream:
        note(item)


async def awaited_ahead_of(stream, producer):
    """The first 8, with the next 16 behind the first 15 asked for."""
    items = [await stream.__anext__() for _ in range(8)]
    while producer.produced != 31:
        await asyncio.sleep(0.001)
    return items


def test_the_next_ones_are_produced_while_a_coroutine_consumes_those_before(server, producer, quick):
    async def call():
        async with connected(server.name) as client:
            stream = await client.stream("count", 40)
            items = await awaited_ahead_of(stream, producer)
            items += [item async for item in stream]
            assert items == list(range(40))
            await in_thread(producer.wait_until_closed)
            for _ in range(3):
                async with await client.stream("count") as stream:
                    await awaited_ahead_of(stream, producer)
                await in_thread(producer.wait_until_closed)
                assert [item async for item in stream] == []
            stream = await client.stream("count")
            await awaited_ahead_of(stream, producer)
            del stream
            await in_thread(producer.wait_until_closed)
            assert await client.call("add", 1, 2) == 3
            assert client._way.session_now().objects == 0

    run(call())


@pytest.mark.fault("streams")
def test_a_consumer_that_is_cancelled_while_its_generator_hangs_closes_it_and_disturbs_nobody(server, producer, quick):
    async def call():
        async with connected(server.name) as client:
            stream = await client.stream("count_and_stop", 16)
            consumed = []
            consumer = asyncio.ensure_future(into(consumed, stream))
            while len(consumed) < 16 and producer.produced < 16:
                await asyncio.sleep(0.001)
            consumer.cancel()
            with pytest.raises(asyncio.CancelledError):
                await consumer
            producer.go_on.set()
            await in_thread(producer.wait_until_closed)
            assert await client.call("add", 1, 2) == 3

    run(call())


@pytest.mark.fault("streams")
@pytest.mark.parametrize("who", ["server", "client"])
def test_a_coroutine_hears_after_those_that_came_that_the_next_ones_do_not(name, producer, who, caplog, quick):
    server = RPCServer(name)
    server.register_object(producer)

    async def call():
        client = AsyncRPCClient(name, timeout=PATIENCE)
        async with client:
            stream = await client.stream("count")
            items = await awaited_ahead_of(stream, producer)
            forgotten = await client.stream("count_and_stop", 31)
            await awaited_ahead_of(forgotten, producer)
            await in_thread(server.stop) if who == "server" else await client.close()
            with pytest.raises(RPCTransportError, match=r"after \d+ items"):
                await into(items, stream)
            assert items == list(range(len(items)))
            return forgotten

    with started(server):
        run(call())
        producer.go_on.set()
        producer.wait_until_closed()
    gc.collect()
    assert "never retrieved" not in caplog.text
