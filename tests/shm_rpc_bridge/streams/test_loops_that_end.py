"""Streams in an event loop that has ended, or whose consumer is cancelled: what they had is let go."""

import asyncio
import threading

import pytest

from shm_rpc_bridge import AsyncRPCClient, RPCClient, RPCServer

from ..aio.loops import connected, run
from ..services import PATIENCE, in_thread, register_methods, started


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
