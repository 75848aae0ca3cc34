"""What ends a stream: an error, a peer that has gone, a consumer that forgets it or has no time left."""

import asyncio
import copy
import pickle

import pytest

from shm_rpc_bridge import AsyncRPCClient, RPCClient, RPCMethodError, RPCServer, RPCTimeoutError, RPCTransportError
from shm_rpc_bridge.testing import in_memory

from ..aio.loops import connected, run
from ..children import consume_for_long
from ..services import PATIENCE, context, in_thread, started
from ..steps import until
from .producers import counts


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


@pytest.mark.fault("streams")
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_not_copied_and_goes_on(server, client, copied):
    """The copy shared its generator, and closed it when it was dropped."""

    async def call():
        async with connected(server.name) as client:
            stream = await client.stream("count", 3)
            with pytest.raises(TypeError, match="a stream is its client's"):
                copied(stream)
            return [item async for item in stream]

    assert run(call()) == [0, 1, 2]
    stream = client.stream("count", 3)
    with pytest.raises(TypeError, match="a stream is its client's"):
        copied(stream)
    assert list(stream) == [0, 1, 2]
