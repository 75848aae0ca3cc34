"""What ends an iterable that is handed to a method: an error, a peer that has gone, a call that is over."""

import asyncio
import threading

import pytest

from shm_rpc_bridge import (
    RPCClient,
    RPCMethodError,
    RPCSerializationError,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
    stream,
)
from shm_rpc_bridge.testing import leftovers

from ..aio.loops import connected, run
from ..children import hand_over_for_long
from ..services import PATIENCE, context, in_thread, register_methods, started
from .consumers import each_way


@pytest.mark.fault("streams")
@each_way
@pytest.mark.parametrize("at", [0, 1, 250])
def test_what_the_method_raises_is_raised_by_the_call(client, way, at):
    with pytest.raises(KeyError, match=str(at)) as caught:
        client.call("fail_at" + way, stream(range(1000)), at)
    assert isinstance(caught.value, RPCMethodError)
    assert "fail_at" in str(caught.value.__cause__)
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("streams")
@each_way
@pytest.mark.parametrize("at", [0, 1, 250])
def test_what_the_iterable_raises_is_raised_here_and_ends_the_method(client, consumer, way, at):
    def numbers():
        yield from range(at)
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        client.call("total" + way, stream(numbers()))
    if at:  # else it has not begun
        consumer.wait_until_ended()
        assert isinstance(consumer.error, RPCTransportError)
        assert "not sent to its end" in str(consumer.error)
    assert consumer.consumed == at
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("streams")
@each_way
def test_a_producer_that_is_killed_ends_the_method(server, consumer, way):
    child = context.Process(target=hand_over_for_long, args=(server.name, "total" + way), daemon=True)
    child.start()
    with RPCClient(server.name, timeout=PATIENCE) as client:
        while not consumer.consumed:
            assert client.call("add", 1, 2) == 3
        child.kill()
        child.join(PATIENCE)
        consumer.wait_until_ended()
        assert isinstance(consumer.error, RPCTransportError)
        assert client.call("add", 1, 2) == 3


@pytest.mark.fault("streams")
@each_way
def test_a_server_that_ends_in_the_middle_is_told_to_the_producer_and_ends_the_method(name, consumer, way):
    server = RPCServer(name)
    server.register_object(consumer)

    def numbers():
        yield from range(10)
        server.stop()
        serving.__exit__(None, None, None)
        yield from range(1000)

    serving = started(server)
    with serving, RPCClient(name, timeout=PATIENCE) as client:
        with pytest.raises(RPCTransportError):
            client.call("total" + way, stream(numbers()))
        consumer.wait_until_ended()
    assert isinstance(consumer.error, (RPCTransportError, asyncio.CancelledError))


@pytest.mark.fault("streams")
def test_one_that_is_late_is_lost_and_the_method_ends(name, consumer):
    server = RPCServer(name, threads=2)
    register_methods(server)
    go_on = threading.Event()

    def hold(numbers):
        with consumer.noting():
            next(numbers)
            go_on.wait(PATIENCE)
            return list(numbers)

    server.register("hold", hold)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        with pytest.raises(RPCTimeoutError, match=r"'hold\.give'"):
            client.with_options(timeout=0.3).call("hold", stream(range(1000)))
        go_on.set()
        consumer.wait_until_ended()
        assert isinstance(consumer.error, RPCTransportError)
        assert client.call("add", 1, 2) == 3


@pytest.mark.fault("streams")
@each_way
def test_a_cancelled_producer_disturbs_no_other_call_and_ends_the_method(server, consumer, way):
    async def call():
        never = asyncio.Event()

        async def numbers():
            yield 1
            await never.wait()

        async with connected(server.name) as client:
            handing_over = asyncio.ensure_future(client.call("total" + way, stream(numbers())))
            while not consumer.consumed:
                assert await client.call("add", 1, 2) == 3
            handing_over.cancel()
            with pytest.raises(asyncio.CancelledError):
                await handing_over
            await in_thread(consumer.wait_until_ended)
            assert await client.call("add", 1, 2) == 3

    run(call())
    assert isinstance(consumer.error, RPCTransportError)


@each_way
def test_two_hundred_leave_nothing_behind(server, client, way):
    client.call("total" + way, stream(range(10)))
    threads, before = threading.active_count(), len(leftovers(server.name))
    for number in range(200):
        assert client.call("total" + way, stream(range(number % 5))) == sum(range(number % 5))
    assert threading.active_count() <= threads + 1
    assert len(leftovers(server.name)) == before


def test_a_method_that_ends_the_server_ends_it_once_its_caller_knows(name):
    server = RPCServer(name)

    def leave(numbers):
        next(numbers)
        raise SystemExit(3)

    server.register("leave", leave)
    exits = []

    def serve():
        try:
            server.start()
        except SystemExit as error:
            exits.append(error.code)

    thread = threading.Thread(target=serve)
    thread.start()
    with RPCClient(name, timeout=PATIENCE) as client, pytest.raises(RPCMethodError, match="SystemExit: 3"):
        client.call("leave", stream(range(10)))
    thread.join(PATIENCE)
    assert exits == [3]


@pytest.mark.fault("streams")
@each_way
def test_what_fails_after_the_method_has_begun_may_have_run(server, client, way):
    """It was said that it never ran, and that calling again is safe."""
    for bad in ({6}, "x" * 300_000_000):
        with pytest.raises((RPCSerializationError, RPCTransportError)) as caught:
            client.call("total" + way, stream([*range(1000), bad]))
        assert caught.value.may_have_run
        assert "the method has run, with 1,000 items" in str(caught.value)
        assert "never runs" not in str(caught.value)
        with pytest.raises((RPCSerializationError, RPCTransportError)) as caught:
            client.call("total" + way, stream([bad]))
        assert not caught.value.may_have_run
    with pytest.raises(RPCSerializationError, match=r"item 4 of the stream for 'total.*' is a set"):
        client.call("total" + way, stream([1, 2, 3, {4}]))
    with pytest.raises(RPCSerializationError, match=r"item 78 of the stream for 'total.*' is a set"):
        client.call("total" + way, stream([*range(77), {78}, *range(100)]))
