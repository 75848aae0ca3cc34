"""Iterables that are handed to a method with `stream`: items come in their order, as it asks for them, as they were."""

import asyncio
import os
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, stream
from shm_rpc_bridge.streams import AT_ONCE

from ..aio.loops import connected, run
from ..services import PATIENCE, register_methods, started
from .consumers import each_way

numpy = pytest.importorskip("numpy")


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


class Anew:
    """Begins anew whenever it is asked for an iterator, which many iterators are that somebody has written."""

    def __iter__(self):
        self.number = 0
        return self

    def __next__(self):
        self.number += 1
        if self.number > 1000:
            raise StopIteration
        return self.number

    def __aiter__(self):
        self.number = 0
        return self

    async def __anext__(self):
        try:
            return next(self)
        except StopIteration:
            raise StopAsyncIteration from None


@each_way
def test_an_iterator_is_asked_for_once(server, client, way):
    assert client.call("total" + way, stream(Anew())) == sum(range(1001))

    async def call():
        async with connected(server.name) as awaiting:
            assert await awaiting.call("total" + way, stream(Anew())) == sum(range(1001))

    run(call())


@each_way
def test_of_memory_that_the_producer_uses_again_each_item_is_what_it_was(client, way):
    def rows(row):
        for number in range(50):
            row[:] = bytes([number]) * len(row) if isinstance(row, bytearray) else number
            yield row

    for row in (numpy.zeros(5), bytearray(5)):
        assert client.call("firsts" + way, stream(rows(row))) == [float(number) for number in range(50)]


def test_strict_servers_take_them_and_generate(name, consumer):
    server = RPCServer(name, strict=True)
    server.register_object(consumer)
    server.register("count", lambda: (number for number in range(300)))
    server.register("rows", consumer.generate)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        assert client.call("total", stream(range(300))) == sum(range(300))
        assert client.call("total_awaiting", stream(range(300))) == sum(range(300))
        assert list(client.stream("rows", [1, 2, 3])) == [1, 2, 3]


def test_an_async_method_that_gives_up_waiting_again_and_again_is_not_sent_more_for_that(name):
    server = RPCServer(name)
    produced, ahead = [0], []

    async def poll(rows):
        consumed = 0
        while True:
            try:
                await asyncio.wait_for(rows.__anext__(), 0.002)
            except asyncio.TimeoutError:
                continue
            except StopAsyncIteration:
                return consumed
            consumed += 1
            ahead.append(produced[0] - consumed)
            await asyncio.sleep(0.002)

    def slowly():
        for number in range(300):
            produced[0] += 1
            if number % 50 == 0:
                threading.Event().wait(0.02)
            yield number

    server.register("poll", poll)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        assert client.call("poll", stream(slowly())) == 300
    assert max(ahead) <= 2 * AT_ONCE


@each_way
def test_a_call_that_a_method_keeps_over_its_stream_is_the_present_one(client, way):
    """From the second message on it said that the call was cancelled, and what had asked it stopped."""
    assert client.call("while_wanted" + way, stream(range(1000))) == 1000
