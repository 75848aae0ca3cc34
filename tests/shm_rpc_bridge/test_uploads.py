"""Iterables that are handed to a method with `stream`: its items as it asks for them, and what ends them."""

import asyncio
import contextlib
import os
import threading

import pytest

from shm_rpc_bridge import (
    RPCClient,
    RPCMethodError,
    RPCSerializationError,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
    current_call,
    stream,
)
from shm_rpc_bridge.failures import UPLOAD
from shm_rpc_bridge.streams import AT_ONCE
from shm_rpc_bridge.testing import leftovers

from .aio.loops import connected, run
from .children import hand_over_for_long
from .services import PATIENCE, context, in_thread, register_methods, started

numpy = pytest.importorskip("numpy")


class Consumer:
    """Methods that consume what they get, one function and one async function each."""

    def __init__(self):
        self.consumed = 0
        self.ended = threading.Semaphore(0)
        self.error = None

    @contextlib.contextmanager
    def noting(self):
        try:
            yield
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended.release()

    def total(self, numbers, times=1):
        with self.noting():
            sum_ = 0
            for number in numbers:
                self.consumed += 1
                sum_ += number
            return times * sum_

    async def total_awaiting(self, numbers, times=1):
        with self.noting():
            sum_ = 0
            async for number in numbers:
                self.consumed += 1
                await asyncio.sleep(0)
                sum_ += number
            return times * sum_

    def first(self, numbers):
        return next(iter(numbers))

    async def first_awaiting(self, numbers):
        return await numbers.__anext__()

    def fail_at(self, numbers, at):
        for number in numbers:
            if number == at:
                raise KeyError(number)

    async def fail_at_awaiting(self, numbers, at):
        async for number in numbers:
            if number == at:
                raise KeyError(number)

    def calls(self, numbers):
        call = current_call()
        noted = [[call.method, call.client, call.is_cancelled]]
        for _ in numbers:
            pass
        call = current_call()
        return [*noted, [call.method, call.client, call.is_cancelled]]

    async def calls_awaiting(self, numbers):
        call = current_call()
        noted = [[call.method, call.client, call.is_cancelled]]
        async for _ in numbers:
            await asyncio.sleep(0)
        call = current_call()
        return [*noted, [call.method, call.client, call.is_cancelled]]

    def sizes(self, parts):
        return [len(part) for part in parts]

    def sums(self, arrays, **others):
        return [[float(array.sum()) for array in arrays], sorted(others)]

    def generate(self, numbers):
        yield from numbers

    def wait_until_ended(self):
        assert self.ended.acquire(timeout=PATIENCE)


@pytest.fixture
def consumer():
    return Consumer()


@pytest.fixture(params=[{}, {"threads": 2}], ids=["inline", "threads"])
def server(request, name, consumer):
    server = RPCServer(name, **request.param)
    register_methods(server)
    server.register_object(consumer)
    with started(server):
        yield server


@pytest.fixture
def client(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        yield client


each_way = pytest.mark.parametrize("way", ["", "_awaiting"], ids=["function", "async"])


@each_way
@pytest.mark.parametrize("number", [0, 1, AT_ONCE, AT_ONCE + 1, 2500])
def test_all_items_come_in_their_order_wherever_the_stream_stands(client, consumer, way, number):
    method = "total" + way
    assert client.call(method, stream(range(number))) == sum(range(number))
    assert client.call(method, numbers=stream(range(number)), times=2) == 2 * sum(range(number))
    assert client.call(method, stream(iter(range(number))), 3) == 3 * sum(range(number))
    assert getattr(client.remote, method)(stream(item for item in range(number))) == sum(range(number))
    assert client.submit(method, stream(range(number))).result(PATIENCE) == sum(range(number))
    assert consumer.consumed == 5 * number


@each_way
def test_they_are_produced_in_an_event_loop_beside_other_calls(server, consumer, way):
    async def produce(number):
        for item in range(number):
            await asyncio.sleep(0)
            yield item

    async def call():
        async with connected(server.name) as client:
            *sums, three = await asyncio.gather(
                *(client.call("total" + way, stream(produce(500))) for _ in range(5)),
                client.submit("total" + way, stream(range(500))),
                client.call("add", 1, 2),
            )
            assert sums == [sum(range(500))] * 6
            assert three == 3
            assert (await client.with_options(returns=float).call("total" + way, stream(range(4)))) == 6.0

    run(call())


@each_way
def test_nothing_is_produced_that_the_method_does_not_ask_for(client, way):
    produced = []

    def endless():
        while True:
            produced.append(len(produced))
            yield len(produced)

    assert client.call("first" + way, stream(endless())) == 1
    assert len(produced) <= AT_ONCE
    assert client.call("add", 1, 2) == 3


def test_others_are_served_while_a_method_waits_for_an_item(server, client):
    def numbers():
        with RPCClient(server.name, timeout=PATIENCE) as other:
            for number in range(3):
                yield other.call("add", number, 1)

    assert client.call("total", stream(numbers())) == 6


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
def test_the_method_knows_its_call(client, way):
    assert client.call("calls" + way, stream(range(1000))) == [["calls" + way, os.getpid(), False]] * 2


@pytest.mark.parametrize("codec", ["json", "json+types", "msgpack", "pickle"])
def test_arrays_and_bytes_go_with_every_codec_and_those_too_large_together_in_smaller_numbers(name, consumer, codec):
    server = RPCServer(name, codec=codec, max_message_size=1 << 20)
    register_methods(server)
    server.register_object(consumer)
    with started(server), RPCClient(name, codec=codec, max_message_size=1 << 20, timeout=PATIENCE) as client:
        arrays = [numpy.full(50_000, float(number)) for number in range(10)]
        assert client.call("sums", stream(arrays), unit="m") == [[50_000.0 * number for number in range(10)], ["unit"]]
        assert client.call("sizes", stream("x" * 300_000 for _ in range(20))) == [300_000] * 20
        with pytest.raises(RPCTransportError, match="too large"):
            client.call("sizes", stream(["x", "x" * 2_000_000]))
        assert client.call("add", 1, 2) == 3


def test_an_item_that_the_codec_refuses_is_named_after_the_items_before(client, consumer):
    with pytest.raises(RPCSerializationError, match="set"):
        client.call("total", stream([1, 2, 3, 4, 5, {6}, 7]))
    consumer.wait_until_ended()
    assert consumer.consumed == 5


@pytest.mark.parametrize("codec", ["json", "json+types", "msgpack", "pickle"])
def test_a_stream_that_is_part_of_another_value_is_refused_and_so_are_two(name, codec):
    server = RPCServer(name, codec=codec)
    register_methods(server)
    with started(server), RPCClient(name, codec=codec, timeout=PATIENCE) as client:
        with pytest.raises(RPCSerializationError, match="not sent"):
            client.call("echo", [stream([1])])
        with pytest.raises(TypeError, match="one stream in a call, not 2"):
            client.call("add", stream([1]), b=stream([2]))
        with pytest.raises(RPCSerializationError, match="not sent"):
            client.batch().call("add", stream([1]), 2)


def test_what_cannot_be_handed_over_is_refused_with_its_reason(server, client):
    with pytest.raises(TypeError, match="takes an iterable, not an int"):
        stream(3)
    with pytest.raises(RPCMethodError, match="unknown method 'nobody'; registered: "):
        client.call("nobody", stream([1]))
    with pytest.raises(RPCMethodError, match="'generate' is a generator, and takes no stream"):
        client.call("generate", stream([1]))
    with pytest.raises(TypeError, match=r"total\(numbers, times=1\): .*'price'"):
        client.call("total", stream([1]), price=2)

    async def produce():
        yield 1

    with pytest.raises(TypeError, match="use an AsyncRPCClient"):
        client.call("total", stream(produce()))
    assert client.call("total", stream([1])) == 1


@pytest.mark.fault("streams")
@each_way
def test_a_client_that_gives_nonsense_or_more_than_is_wanted_holds_up_nobody(client, consumer, way):
    for place in (0, "numbers"):
        with client.call(UPLOAD, "total" + way, place) as handle:
            assert handle.give([1, 2], False) == [False, None]
            for _ in range(3):
                assert handle.give([], True) == [True, 3]
    for nonsense in (None, 1, [1]):
        with client.call(UPLOAD, "total" + way, 0) as handle, pytest.raises(TypeError):
            handle.give(nonsense)
        with client.call(UPLOAD, "total" + way, 0) as handle, pytest.raises(TypeError):
            handle.give(nonsense if nonsense != [1] else ["x"], True)
        with client.call(UPLOAD, "total" + way, nonsense) as handle, contextlib.suppress(TypeError):
            handle.give([1], True)
    with pytest.raises(RPCMethodError, match="unknown method"):
        client.call(UPLOAD, 5, 0)
    assert client.call("add", 1, 2) == 3


def test_processes_take_none(name):
    from . import pricing

    server = RPCServer(name, processes=1)
    server.register_module(pricing, ["quote"])
    refused = pytest.raises(RPCMethodError, match="its server has processes")
    with started(server), RPCClient(name, timeout=PATIENCE) as client, refused:
        client.call("quote", stream([1]))


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
