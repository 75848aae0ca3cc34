"""Methods that are generators: their items, as they are consumed, and what ends them."""

import asyncio
import functools
import gc
import threading
import time

import pytest

from shm_rpc_bridge import (
    AsyncRPCClient,
    RPCClient,
    RPCMethodError,
    RPCSerializationError,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
    current_call,
)
from shm_rpc_bridge.streams import AT_ONCE, Stream
from shm_rpc_bridge.testing import in_memory

from .aio.loops import connected, run
from .children import consume_for_long
from .services import PATIENCE, context, in_thread, register_methods, started
from .steps import until


class Producer:
    """Generators that note how far they have come, and that they were closed."""

    def __init__(self):
        self.produced = 0
        self.closed = threading.Semaphore(0)
        self.go_on = threading.Event()

    def count(self, number=1_000_000_000):
        try:
            for item in range(number):
                self.produced = item + 1
                yield item
        finally:
            self.closed.release()

    async def count_awaiting(self, number=1_000_000_000):
        try:
            for item in range(number):
                await asyncio.sleep(0)
                self.produced = item + 1
                yield item
        finally:
            self.closed.release()

    def fail_after(self, number):
        yield from range(number)
        raise KeyError(number)

    async def fail_after_awaiting(self, number):
        for item in range(number):
            yield item
        raise KeyError(number)

    def count_and_stop(self, number):
        yield from self.count(number)
        self.go_on.wait(PATIENCE)
        yield "the last"

    def slowly(self):
        yield "first"
        self.go_on.wait(PATIENCE)
        yield "second"

    def large(self, size, number):
        for item in range(number):
            yield bytes([item]) * size

    def texts(self, size, number):
        for item in range(number):
            yield chr(ord("a") + item) * size

    def odd(self):
        yield from (1, 2, 3, 4, 5, 6)
        yield {2}

    def wait_until_closed(self):
        assert self.closed.acquire(timeout=PATIENCE)


@pytest.fixture
def producer():
    return Producer()


@pytest.fixture(params=[{}, {"threads": 2}], ids=["inline", "threads"])
def server(request, name, producer):
    server = RPCServer(name, **request.param)
    register_methods(server)
    server.register_object(producer)
    with started(server):
        yield server
        producer.go_on.set()


@pytest.fixture
def client(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        yield client


counts = pytest.mark.parametrize("count", ["count", "count_awaiting"])


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


def test_an_item_that_is_there_is_not_held_back_for_the_next_one(client, producer):
    stream = client.stream("slowly")
    assert next(stream) == "first"
    producer.go_on.set()
    assert list(stream) == ["second"]


@pytest.mark.fault("streams")
@pytest.mark.parametrize("method", ["fail_after", "fail_after_awaiting"])
@pytest.mark.parametrize("number", [0, 1, 250])
def test_what_it_raises_is_raised_after_the_items_before(client, method, number):
    consumed = []
    with pytest.raises(KeyError) as caught:
        consumed.extend(client.stream(method, number))
    assert consumed == list(range(number))
    assert caught.value.args == (number,)
    assert method in caught.value.remote_traceback
    assert list(client.stream("count", 3)) == [0, 1, 2]


@pytest.mark.fault("streams")
def test_an_error_is_raised_where_the_event_loop_consumes(server):
    async def call():
        async with connected(server.name) as client:
            stream = await client.stream("fail_after", 150)
            consumed = [await stream.__anext__() for _ in range(150)]
            with pytest.raises(KeyError):
                await stream.__anext__()
            assert consumed == list(range(150))
            assert await client.call("add", 1, 2) == 3

    run(call())


@pytest.mark.fault("streams")
def test_one_that_is_forgotten_is_closed_in_the_server(server, producer):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        stream = client.stream("count")
        assert next(stream) == 0
        del stream
        client.call("add", 1, 2)
        producer.wait_until_closed()

    async def call():
        async with connected(server.name) as client:
            stream = await client.stream("count")
            assert await stream.__anext__() == 0
            del stream
            await client.call("add", 1, 2)
            await in_thread(producer.wait_until_closed)

    run(call())


@pytest.mark.fault("streams")
@counts
def test_one_whose_consumer_is_killed_is_closed_in_the_server(server, producer, count):
    consumed = context.Queue()
    child = context.Process(target=consume_for_long, args=(server.name, count, consumed), daemon=True)
    child.start()
    assert [consumed.get(timeout=PATIENCE) for _ in range(4)] == [0, 1, 2, 3]
    child.kill()
    child.join(PATIENCE)
    producer.wait_until_closed()
    with RPCClient(server.name, timeout=PATIENCE) as client:
        assert client.call("add", 1, 2) == 3


@pytest.mark.fault("streams")
def test_one_that_is_late_is_lost_and_other_calls_are_not(client, producer):
    stream = client.with_options(timeout=0.5).stream("slowly")
    with pytest.raises(RPCTimeoutError):
        list(stream)
    producer.go_on.set()
    assert client.call("add", 1, 2) == 3
    assert list(stream) == []


@pytest.mark.fault("streams")
def test_a_server_that_ends_in_the_middle_is_told(name, producer):
    server = RPCServer(name)
    server.register_object(producer)
    with RPCClient(name, timeout=PATIENCE) as client:
        with started(server):
            stream = client.stream("count")
            assert next(stream) == 0
        with pytest.raises(RPCTransportError):
            for _ in stream:
                pass
        producer.wait_until_closed()


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


@pytest.mark.fault("streams")
def test_one_that_is_dropped_elsewhere_than_in_its_loop_is_let_go_there(server, producer):
    async def call():
        asyncio.get_running_loop().set_debug(True)  # refuses what only its own thread may do
        client = AsyncRPCClient(server.name, timeout=PATIENCE)
        dropped, left = [await client.stream("count")], [await client.stream("count")]
        assert await dropped[0].__anext__() == 0
        await in_thread(dropped.clear)
        await in_thread(producer.wait_until_closed)
        return client, left

    client, left = run(call())
    left.clear()  # whose loop is closed: raises nothing, of which pytest would make an error
    run(client.close())


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


@pytest.mark.fault("streams")
def test_a_thousand_that_are_left_open_are_as_many_channels_and_are_refused_beyond_what_a_client_may_have(producer):
    with in_memory():
        server = RPCServer("many", max_channels=1024, max_objects=1000, buffer_size=4096)
        server.register_object(producer)
        with started(server), RPCClient("many", buffer_size=4096, timeout=PATIENCE) as client:
            streams = [client.stream("count") for _ in range(1000)]
            assert [next(stream) for stream in streams] == [0] * 1000
            with pytest.raises(RPCMethodError, match="has 1000 objects here"):
                client.stream("count")
            del streams
            assert any(list(client.stream("count", 3)) == [0, 1, 2] for _ in until(PATIENCE))


@pytest.mark.fault("streams")
def test_a_cancelled_consumer_disturbs_no_other_call(server):
    async def call():
        async with connected(server.name) as client:

            async def consume():
                async for _ in await client.stream("count"):
                    pass

            task = asyncio.ensure_future(consume())
            for number in range(50):
                assert await client.call("add", number, 1) == number + 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await client.call("add", 1, 2) == 3

    run(call())


@pytest.mark.fault("streams")
def test_one_that_is_dropped_when_its_loop_has_ended_or_in_another_thread_is_no_trouble(server, recwarn):
    kept = []

    async def leave_open(client):
        stream = await client.stream("count")
        assert await stream.__anext__() == 0
        kept.append(stream)

    async def call():
        async with connected(server.name) as client:
            await leave_open(client)
            await in_thread(kept.clear)  # the last reference goes there
            await leave_open(client)
            assert await client.call("add", 1, 2) == 3

    run(call())
    kept.clear()
    assert not [each for each in recwarn if "never awaited" in str(each.message)]
    with RPCClient(server.name, timeout=PATIENCE) as client:
        assert client.call("add", 1, 2) == 3


@pytest.mark.fault("streams")
def test_one_can_be_closed_when_its_loop_is_closed_and_its_client_never_was(server, producer):
    """It raised "Event loop is closed"."""
    loop = asyncio.new_event_loop()

    async def leave_open():
        client = AsyncRPCClient(server.name, timeout=PATIENCE)
        stream = await client.stream("count")
        assert await stream.__anext__() == 0
        return client, stream

    client, stream = loop.run_until_complete(leave_open())
    loop.close()
    stream.close()
    stream.close()
    with pytest.warns(ResourceWarning, match="never closed"):
        del client, stream
    producer.wait_until_closed()


@pytest.mark.fault("streams")
def test_what_a_cancelled_call_comes_to_is_let_go(name):
    """After 256 of them, max_objects, an event loop's client could have no stream any more."""
    server = RPCServer(name, threads=4, max_objects=5)
    register_methods(server)
    entered, go_on, left = threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(0)

    def slowly():
        entered.release()
        go_on.acquire(timeout=PATIENCE)
        left.release()
        return (number for number in range(3))

    def rows():
        yield from range(3)

    server.register("slowly", slowly)
    server.register("rows", rows)

    async def call():
        async with connected(server.name) as client:
            for _ in range(20):
                calling = asyncio.ensure_future(client.call("slowly"))
                await in_thread(entered.acquire)
                calling.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await calling
                go_on.release()
                await in_thread(left.acquire)  # else the next one goes on by that
            for _ in range(3):
                assert [item async for item in await client.stream("rows")] == [0, 1, 2]

    with started(server):
        run(call())


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


@pytest.mark.fault("streams")
def test_an_error_in_the_middle_says_that_the_method_has_run(name, producer):
    server = RPCServer(name)
    server.register_object(producer)
    with started(server):
        client = RPCClient(name, timeout=PATIENCE)
        items = client.stream("count")
        assert [next(items) for _ in range(20)] == list(range(20))
        client.close()
        with pytest.raises(RPCTransportError) as caught:
            for _ in items:
                pass
    assert caught.value.may_have_run
    assert "'count.take'" in str(caught.value)
    assert "never runs" not in str(caught.value)
