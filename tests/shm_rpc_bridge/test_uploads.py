"""Iterables that are handed to a method with `stream`: its items as it asks for them, and what ends them."""

import asyncio
import contextlib
import json
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

    def firsts(self, rows):
        return [float(row[0]) for row in rows]

    async def firsts_awaiting(self, rows):
        return [float(row[0]) async for row in rows]

    def while_wanted(self, numbers):
        call, count = current_call(), 0
        for _ in numbers:
            if call.is_cancelled:
                break
            count += 1
        return count

    async def while_wanted_awaiting(self, numbers):
        call, count = current_call(), 0
        async for _ in numbers:
            if call.is_cancelled:
                break
            count += 1
        return count

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
        with pytest.raises(
            RPCSerializationError, match=r"hand it over as an argument by itself|reduce|an argument by"
        ) as refused:
            client.call("echo", [stream([1])])
        assert "never runs" in str(refused.value)
        with pytest.raises(RPCSerializationError, match=r"send a list, or as an argument stream\(value\)"):
            client.call("echo", (number for number in range(3)))
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


@pytest.mark.fault("streams")
def test_an_inline_server_runs_no_other_method_beside_what_one_does_about_its_end(name):
    server = RPCServer(name)
    inside = []
    overlaps = []

    def load(rows):
        try:
            for _ in rows:
                pass
        finally:
            for _ in range(200):
                inside.append(1)
                threading.Event().wait(0.001)
                inside.pop()

    def look():
        overlaps.extend(inside)

    def failing():
        yield from range(3)
        raise LookupError

    server.register("load", load)
    server.register("look", look)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        for _ in range(2):
            with pytest.raises(LookupError):
                client.call("load", stream(failing()))
            for _ in range(50):
                client.call("look")
    assert not overlaps


def test_such_a_method_that_calls_its_own_server_is_refused_as_any_other_is(name):
    server = RPCServer(name)

    def load(rows):
        with RPCClient(name, timeout=PATIENCE) as client:
            return [client.call("load", 1), *rows]

    server.register("load", load)
    refused = pytest.raises(RPCMethodError, match="has called its own server")
    with started(server), RPCClient(name, timeout=PATIENCE) as client, refused:
        client.call("load", stream([1]))


@pytest.mark.fault("fork")
def test_a_child_that_such_a_method_forks_gets_no_items_and_does_not_wait_for_any(server, client):
    reading, writing = os.pipe()

    def fork(rows):
        next(rows)
        child = os.fork()
        if child == 0:
            try:
                list(rows)
            except RPCTransportError:
                os.write(writing, b"told")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        return sum(rows)

    server.register("fork", fork)
    assert client.call("fork", stream(range(500))) == sum(range(1, 500))
    os.set_blocking(reading, False)
    told = os.read(reading, 10)
    os.close(reading)
    os.close(writing)
    assert told == b"told"


def test_a_codec_that_makes_text_of_anything_makes_none_of_a_stream(name, consumer):
    class Careless:
        dumps = staticmethod(lambda value: json.dumps(value, default=str).encode())
        loads = staticmethod(json.loads)

    server = RPCServer(name, codec=Careless())
    server.register_object(consumer)
    with started(server), RPCClient(name, codec=Careless(), timeout=PATIENCE) as client:
        assert client.call("total", stream(range(300))) == sum(range(300))


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
