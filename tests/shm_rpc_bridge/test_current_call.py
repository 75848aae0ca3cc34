"""current_call: a method knows who has called it, until when that one waits, and whether it still does."""

import asyncio
import math
import os
import threading
import time

import pytest

from shm_rpc_bridge import (
    CurrentCall,
    RPCClient,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
    current,
    current_call,
    layout,
)
from shm_rpc_bridge.testing import in_memory

from . import children, pricing
from .aio.loops import connected, run
from .services import PATIENCE, context, register_methods, started
from .steps import entered, until


class Methods:
    """What a server offers here: each method notes its call, and what becomes of that is the test's to look at."""

    def __init__(self):
        self.calls = []
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.ran = []

    def look(self, number=0):
        call = current_call()
        self.calls.append(call)
        return [call.method, call.client, call.remaining, call.is_cancelled]

    async def look_later(self, number=0):
        await asyncio.sleep(0)
        return await asyncio.ensure_future(self._looked(number))

    async def _looked(self, number):
        return self.look(number)

    def hold_until_cancelled(self):
        call = current_call()
        self.calls.append(call)
        self.entered.release()
        for _ in until(PATIENCE):
            if call.is_cancelled or self.go_on.is_set():
                return call.is_cancelled
        raise AssertionError("nobody has cancelled it")

    async def await_until_cancelled(self):
        call = current_call()
        self.calls.append(call)
        self.entered.release()
        while not call.is_cancelled and not self.go_on.is_set():
            await asyncio.sleep(0.001)
        return call.is_cancelled

    def note(self, number):
        self.ran.append(number)

    def wait_until_in(self):
        assert self.entered.acquire(timeout=PATIENCE)


@pytest.fixture
def methods():
    return Methods()


KINDS = {
    "inline": ({}, "look", "hold_until_cancelled"),
    "threads": ({"threads": 2}, "look", "hold_until_cancelled"),
    "async": ({}, "look_later", "await_until_cancelled"),
}
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def server(name, kind, methods):
    server = RPCServer(name, **KINDS[kind][0])
    register_methods(server)
    server.register_object(methods)
    with started(server):
        yield server
        methods.go_on.set()


@each_kind
def test_a_method_knows_as_what_by_whom_and_until_when_it_was_called(server, kind):
    look = KINDS[kind][1]
    with RPCClient(server.name, timeout=PATIENCE) as client:
        method, caller, remaining, is_cancelled = client.call(look)
        assert (method, caller, is_cancelled) == (look, os.getpid(), False)
        assert PATIENCE - 10 < remaining <= PATIENCE
        assert 10 < client.with_options(timeout=20).call(look, 1)[2] <= 20
        # JSON has no infinity
        assert client.with_options(timeout=None).call(look)[2] is None
        with client.batch() as batch:
            batch.call(look)
            batch.call(look, number=2)
        assert [each[:2] for each in batch.results()] == [[look, os.getpid()]] * 2
        assert all(PATIENCE - 10 < each[2] <= PATIENCE for each in batch.results())


@pytest.mark.fault("current-call")
@each_kind
def test_what_a_method_returns_after_it_was_told_that_its_time_is_over_is_nobodys_result(server, kind, monkeypatch):
    """A client that was late to look at the clock took that for the result."""
    look, hold = KINDS[kind][1:]
    with RPCClient(server.name, timeout=PATIENCE) as client:
        for _ in range(2):
            with monkeypatch.context() as late:
                late.setattr(current, "monotonic", lambda: time.monotonic() + PATIENCE)
                with pytest.raises(RPCTimeoutError, match="its time was over") as caught:
                    client.call(hold)
                with pytest.raises(RPCTimeoutError, match="its time was over"), client.batch() as batch:
                    batch.call(look)
            assert caught.value.may_have_run
            assert client.call(look)[3] is False

    async def call():
        async with connected(server.name) as client:
            with monkeypatch.context() as late:
                late.setattr(current, "monotonic", lambda: time.monotonic() + PATIENCE)
                with pytest.raises(RPCTimeoutError, match="its time was over"):
                    await client.call(hold)
            assert (await client.call(look))[3] is False

    run(call())


@each_kind
def test_of_each_call_that_an_event_loop_has_under_way_it_is_the_own_deadline(server, kind):
    look = KINDS[kind][1]

    async def call():
        async with connected(server.name) as client:
            patient = [client.submit(look, number) for number in range(20)]
            others = [client.with_options(timeout=10 + number).submit(look) for number in range(20)]
            for each in patient:
                method, caller, remaining, is_cancelled = await each
                assert (method, caller, is_cancelled) == (look, os.getpid(), False)
                assert PATIENCE - 10 < remaining <= PATIENCE
            for number, each in enumerate(others):
                assert number < (await each)[2] <= 10 + number
            assert (await client.with_options(timeout=None).call(look))[2] is None

    run(call())


def test_a_method_of_an_object_that_stays_in_the_server_knows_its_call_too(name):
    class Basket:
        def look(self):
            return [current_call().method, current_call().client]

    server = RPCServer(name)
    server.register_class(Basket)
    server.register("basket", Basket)
    with started(server), RPCClient(name, timeout=PATIENCE) as client, client.call("basket") as basket:
        assert basket.look() == ["look", os.getpid()]


def test_where_no_call_is_answered_there_is_none():
    with pytest.raises(LookupError, match="for methods, while a server runs them"):
        current_call()


@pytest.mark.parametrize("kind", ["inline"])
def test_another_thread_of_a_method_has_none_and_can_be_given_it(server):
    told = []

    def asks_in_a_thread():
        call = current_call()

        def ask(call):
            told.append(call.client)
            with pytest.raises(LookupError):
                current_call()

        thread = threading.Thread(target=ask, args=(call,))
        thread.start()
        thread.join(PATIENCE)

    server.register_function(asks_in_a_thread)
    with RPCClient(server.name, timeout=PATIENCE) as client:
        client.call("asks_in_a_thread")
    assert told == [os.getpid()]


@pytest.mark.fault("current-call")
@each_kind
def test_a_deadline_that_passes_is_seen(server, kind, methods):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        with pytest.raises(RPCTimeoutError):
            client.with_options(timeout=0.5).call(KINDS[kind][2])  # long enough to be taken
        assert client.call("add", 1, 2) == 3  # so it has ended
    (call,) = methods.calls
    assert call.remaining == 0.0
    assert "cancelled" in repr(call)


@pytest.mark.fault("current-call")
@each_kind
def test_a_client_that_closes_meanwhile_is_seen(server, kind, methods):
    client = RPCClient(server.name, timeout=None)
    waiting = client.submit(KINDS[kind][2])
    methods.wait_until_in()
    (call,) = methods.calls
    assert not call.is_cancelled
    assert call.deadline == math.inf
    assert "no deadline" in repr(call)
    client.close()
    with pytest.raises(RPCTransportError, match="closed during the call"):
        waiting.result(PATIENCE)
    with RPCClient(server.name, timeout=PATIENCE) as other:  # which waits until the method has ended by that
        assert other.call("add", 1, 2) == 3
    assert call.deadline == -math.inf


@pytest.mark.fault("current-call")
@each_kind
def test_a_client_that_is_killed_meanwhile_is_seen(server, kind, methods):
    child = context.Process(target=children.call_for_long, args=(server.name, KINDS[kind][2]), daemon=True)
    child.start()
    methods.wait_until_in()
    (call,) = methods.calls
    assert call.client == child.pid
    assert not call.is_cancelled
    child.kill()
    child.join(PATIENCE)
    with RPCClient(server.name, timeout=PATIENCE) as other:
        assert other.call("add", 1, 2) == 3
    assert call.is_cancelled


@pytest.mark.fault("current-call")
@each_kind
def test_a_call_that_its_event_loop_cancels_is_seen_and_no_other(server, kind, methods):
    look, hold = KINDS[kind][1:]

    async def call():
        async with connected(server.name, timeout=None) as client:
            assert await client.call("add", 1, 2) == 3
            cancelled = asyncio.ensure_future(client.call(hold))
            await asyncio.get_running_loop().run_in_executor(None, methods.wait_until_in)
            others = [asyncio.ensure_future(client.call("add", number, 1)) for number in range(100)]
            await asyncio.sleep(0)
            assert not methods.calls[0].is_cancelled
            cancelled.cancel()
            assert await asyncio.gather(*others) == list(range(1, 101))
            assert (await client.call(look))[3] is False

    run(call())
    assert methods.calls[0].is_cancelled


@pytest.mark.fault("current-call")
@pytest.mark.parametrize("kind", ["inline"])
def test_requests_that_were_taken_and_are_cancelled_before_their_turn_never_run(server, methods):
    """More of them than there is room to note at once."""

    async def call():
        async with connected(server.name) as client:
            await client.connect()
            first = client.submit("hold_until_cancelled")
            behind = [asyncio.ensure_future(client.call("note", number)) for number in range(300)]
            await asyncio.get_running_loop().run_in_executor(None, methods.wait_until_in)
            for number, each in enumerate(behind):
                if number % 3:
                    each.cancel()
            await asyncio.sleep(0)
            for _ in range(100):  # while the first goes on, and asks
                link = client._way._current._link
                methods.calls[0].deadline  # noqa: B018
                link.advance()
                if not link._request.unsaid:
                    break
            assert not link._request.unsaid
            methods.go_on.set()
            assert await first is False
            assert await client.call("add", 1, 2) == 3
            await asyncio.gather(*behind, return_exceptions=True)
            (served,) = server._endpoint._channels.values()
            assert not served.response.wanted
            assert not served.response.unwanted

    run(call())
    assert methods.ran == list(range(0, 300, 3))


@pytest.mark.fault("current-call")
@pytest.mark.parametrize("kind", ["inline"])
def test_what_a_client_writes_there_may_be_anything(server, methods):
    """A deadline that is no number, and counts of cancelled calls that cannot be."""
    with RPCClient(server.name, timeout=PATIENCE) as client:
        waiting = client.submit("hold_until_cancelled")
        methods.wait_until_in()
        (call,) = methods.calls
        (served,) = server._endpoint._channels.values()
        layout.DEADLINE.pack_into(served.request._map, layout.DEADLINE_OFFSET, math.nan)
        assert call.deadline == math.inf
        methods.go_on.set()
        assert waiting.result(PATIENCE) is False
        methods.go_on.clear()

    async def call_beside():
        async with connected(server.name) as client:
            waiting = client.submit("hold_until_cancelled")
            await asyncio.get_running_loop().run_in_executor(None, methods.wait_until_in)
            memory = client._way._current._link._request._map
            for said, heard in ((0, 1), (2**32 - 1, 0), (5, 2**32 - 1)):
                layout.UNWANTED.pack_into(memory, layout.UNWANTED_OFFSET, said, heard)
                assert isinstance(methods.calls[-1].is_cancelled, bool)
            methods.go_on.set()
            assert isinstance(await waiting, bool)
            assert await client.call("add", 1, 2) == 3

    run(call_beside())


def test_when_it_is_answered_it_counts_as_cancelled_for_whoever_still_has_it(methods):
    async def call():
        async with connected("kept") as client:
            assert (await client.call("look"))[3] is False
            assert methods.calls[0].deadline == -math.inf

    with in_memory():
        server = RPCServer("kept")
        server.register_object(methods)
        with started(server):
            run(call())


def test_once_everything_is_closed_it_says_so_and_no_more(methods):
    with in_memory():
        server = RPCServer("kept")
        server.register_object(methods)
        with started(server), RPCClient("kept", timeout=PATIENCE) as client:
            client.call("look")
    (call,) = methods.calls
    assert call.is_cancelled
    assert (call.method, call.client) == ("look", os.getpid())
    assert CurrentCall((*call._present(), b"", 0), "again").client == 0


@pytest.fixture
def beside(name):
    """A server whose methods run in a process beside it."""
    server = RPCServer(name, processes=1)
    server.register_module(pricing, ["look_at_call", "hold_until_cancelled"])
    with started(server):
        yield server


@pytest.mark.fault("current-call")
def test_in_a_process_beside_the_server_it_is_the_clients_call_as_well(beside, tmp_path):
    os.mkfifo(fifo := str(tmp_path / "entered"))
    with RPCClient(beside.name, timeout=PATIENCE) as client:
        method, caller, remaining = client.call("look_at_call")
        assert (method, caller) == ("look_at_call", os.getpid())
        assert PATIENCE - 10 < remaining <= PATIENCE
        closing = RPCClient(beside.name, timeout=None)
        waiting = closing.submit("hold_until_cancelled", fifo, PATIENCE)
        assert entered(fifo) == ""
        closing.close()
        with pytest.raises(RPCTransportError):
            waiting.result(PATIENCE)
        before = time.monotonic()
        assert client.call("look_at_call")[0] == "look_at_call"  # the only process is free again
        assert time.monotonic() - before < PATIENCE
