"""Methods that are async functions: while one awaits, others are served, in a loop of the server or the program."""

import asyncio
import functools
import threading
import time

import pytest

from shm_rpc_bridge import (
    RPCClient,
    RPCMethodError,
    RPCSerializationError,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
)
from shm_rpc_bridge.testing import leftovers

from .aio.loops import connected, run
from .services import PATIENCE, calling, in_thread, register_methods, started

pytestmark = pytest.mark.parametrize("threads", [0, 2])


class Waiting:
    """An async method that many calls can be in until the test lets them go on."""

    def __init__(self):
        self.entered, self.loops = threading.Semaphore(0), set()
        self.go_on = threading.Event()
        self.cancelled = 0

    async def hold(self, number=0):
        self.loops.add(asyncio.get_running_loop())
        self.entered.release()
        try:
            while not self.go_on.is_set():
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return number

    def wait_until_in(self, calls):
        for _ in range(calls):
            assert self.entered.acquire(timeout=PATIENCE)


@pytest.fixture
def waiting():
    return Waiting()


@pytest.fixture
def server(name, threads, waiting):
    server = RPCServer(name, threads=threads)
    register_methods(server)
    server.register("hold", waiting.hold)
    with started(server):
        yield server


@pytest.fixture
def client(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        yield client


def test_while_one_awaits_others_are_served(client, waiting):
    held = [client.submit("hold", number) for number in range(10)]
    waiting.wait_until_in(10)
    assert client.call("add", 1, 1) == 2
    waiting.go_on.set()
    assert [each.result(PATIENCE) for each in held] == list(range(10))
    assert len(waiting.loops) == 1


async def double(number):
    return 2 * number


class Doubling:
    async def __call__(self, number):
        return 2 * number


@pytest.mark.parametrize("function", [double, Doubling(), functools.partial(double)])
def test_async_functions_partials_and_objects_are_awaited(client, server, function):
    server.register("double", function)
    assert client.call("double", 4) == 8
    assert client.call("double", number=5) == 10
    with pytest.raises(TypeError, match="double") as refused:
        client.call("double", 1, 2)
    assert refused.value.may_have_run is False


async def fail(kind):
    raise {"value": ValueError("no"), "cancelled": asyncio.CancelledError()}[kind]


def test_what_one_raises_is_its_callers_and_the_server_goes_on(client, server):
    server.register_function(fail)
    with pytest.raises(ValueError, match="no"):
        client.call("fail", "value")
    with pytest.raises(RPCMethodError, match="CancelledError"):
        client.call("fail", "cancelled")
    assert client.call("add", 1, 1) == 2


def test_a_result_that_cannot_be_encoded_is_told(client, server):
    async def make():
        return {1, 2}

    server.register_function(make)
    with pytest.raises(RPCSerializationError, match="the result of 'make' is a set") as told:
        client.call("make")
    assert told.value.may_have_run


@pytest.mark.fault("async-methods")
def test_a_method_that_exits_ends_the_server_once_its_caller_knows(name, threads):
    async def leave():
        raise SystemExit(7)

    server = RPCServer(name, threads=threads)
    server.register_function(leave)
    with calling(server.start) as ends, RPCClient(name, timeout=PATIENCE) as client:
        with pytest.raises(RPCMethodError, match="SystemExit: 7"):
            client.call("leave")
        with pytest.raises(SystemExit):
            ends.result(PATIENCE)
    assert not leftovers(name)


def test_in_a_batch_they_run_in_order_like_all_others(client, server):
    ran = []

    async def note(number):
        await asyncio.sleep(0)
        ran.append(number)
        return number

    server.register_function(note)
    with client.batch() as batch:
        for number in range(5):
            batch.call("note", number)
            batch.call("add", number, 1)
    assert batch.results() == [0, 1, 1, 2, 2, 3, 3, 4, 4, 5]
    assert ran == [0, 1, 2, 3, 4]


@pytest.mark.fault("async-methods")
def test_a_caller_that_is_gone_meanwhile_costs_its_answer_alone(client, server, waiting):
    with RPCClient(server.name, timeout=0.05) as impatient, pytest.raises(RPCTimeoutError):
        impatient.call("hold")
    for _ in range(3):
        with RPCClient(server.name, timeout=PATIENCE) as other:
            assert other.call("add", 1, 1) == 2
    waiting.go_on.set()
    assert client.call("hold", 3) == 3


@pytest.mark.fault("async-methods")
def test_stopping_cancels_what_awaits_and_answers_it(name, threads, waiting):
    server = RPCServer(name, threads=threads)
    server.register("hold", waiting.hold)
    with calling(server.start) as ends, RPCClient(name, timeout=PATIENCE) as client:
        held = [client.submit("hold", number) for number in range(3)]
        waiting.wait_until_in(3)
        server.stop()
        for each in held:
            with pytest.raises(RPCMethodError, match="CancelledError"):
                each.result(PATIENCE)
        ends.result(PATIENCE)
    assert waiting.cancelled == 3
    assert not leftovers(name)


@pytest.mark.fault("async-methods")
def test_stopping_answers_what_has_not_begun_in_the_loop(name, threads):
    """A task that is cancelled before its first step never ran: nobody answered for it, and the server never ended."""
    is_in, go_on = threading.Event(), threading.Event()

    async def block():
        is_in.set()
        assert go_on.wait(PATIENCE)

    server = RPCServer(name, threads=threads)
    server.register_function(block)
    with calling(server.start) as ends, RPCClient(name, timeout=PATIENCE) as client:
        blocking = client.submit("block")
        assert is_in.wait(PATIENCE)
        others = [client.submit("block") for _ in range(3)]
        while server._answering._deferred.under_way < 4:
            time.sleep(0.001)
        server.stop()
        server._answering.loop().cancel_all()  # which the server does, too, once it sees that
        go_on.set()
        assert blocking.result(PATIENCE) is None
        for each in others:
            with pytest.raises(RPCMethodError, match="CancelledError"):
                each.result(PATIENCE)
        ends.result(PATIENCE)


@pytest.mark.fault("async-methods")
def test_stopping_cancels_what_a_thread_only_then_begins(name, threads):
    """Only what ran at that moment was cancelled: one that a method's thread began later could await for ever."""
    is_in, go_on = threading.Event(), threading.Event()

    def begin():
        is_in.set()
        assert go_on.wait(PATIENCE)
        return waiting.hold()

    waiting = Waiting()
    server = RPCServer(name, threads=threads)
    server.register("begin", begin)
    server.register("hold", waiting.hold)
    with calling(server.start) as ends, RPCClient(name, timeout=PATIENCE) as client:
        begun = client.submit("begin")
        assert is_in.wait(PATIENCE)
        server.stop()
        go_on.set()
        with pytest.raises(RPCMethodError, match="CancelledError"):
            begun.result(PATIENCE)
        ends.result(PATIENCE)


@pytest.mark.fault("async-methods")
def test_stopping_cancels_what_awaits_in_a_batch(name, threads, waiting):
    def hold_in_batch():
        with client.batch() as batch:
            batch.call("hold")
        return batch

    server = RPCServer(name, threads=threads)
    server.register("hold", waiting.hold)
    with calling(server.start) as ends, RPCClient(name, timeout=PATIENCE) as client:
        with calling(hold_in_batch) as held:
            waiting.wait_until_in(1)
            server.stop()
            if not threads:  # the server's thread is in this very batch
                waiting.go_on.set()
                assert held.result(PATIENCE).results() == [0]
            else:
                with pytest.raises(RPCMethodError, match="CancelledError"):
                    held.result(PATIENCE).results()
        ends.result(PATIENCE)
    assert waiting.cancelled == (1 if threads else 0)


def test_a_server_serves_in_the_programs_own_loop_until_that_is_cancelled(name, threads, waiting):
    async def program():
        server = RPCServer(name, threads=threads)
        register_methods(server)
        server.register("hold", waiting.hold)
        serving = asyncio.ensure_future(server.serve())
        client = await in_thread(RPCClient, name, timeout=PATIENCE)
        assert await in_thread(client.call, "add", 1, 1) == 2
        held = client.submit("hold", 5)
        assert await in_thread(waiting.entered.acquire, timeout=PATIENCE)
        assert waiting.loops == {asyncio.get_running_loop()}
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(RPCMethodError, match="CancelledError"):
            held.result(PATIENCE)
        with pytest.raises(RPCTransportError):
            await in_thread(client.call, "add", 1, 1)
        client.close()

    asyncio.run(program())
    assert not leftovers(name)


def test_a_server_that_runs_already_is_not_served_once_more(client, server, waiting):
    with pytest.raises(RPCTransportError, match="is running already"):
        asyncio.run(server.serve())
    waiting.go_on.set()
    assert client.call("hold", 4) == 4


def test_a_result_is_sent_as_it_is_when_the_method_returns(name, threads):
    """When others had had their turn it was theirs."""
    numpy = pytest.importorskip("numpy")
    shared = numpy.zeros(3)

    async def fill(value):
        await asyncio.sleep(0)
        shared[:] = value
        return shared

    server = RPCServer(name, threads=threads)
    server.register("fill", fill)

    async def call():
        async with connected(name) as client:
            came = await asyncio.gather(*(client.call("fill", number) for number in range(20)))
            assert [int(each[0]) for each in came] == list(range(20))

    with started(server):
        run(call())
