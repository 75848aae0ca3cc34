"""current_call: a method knows whether its caller still waits, and what it returns afterwards is nobody's result."""

import asyncio
import math
import time

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTimeoutError, RPCTransportError, current, layout
from shm_rpc_bridge.testing import in_memory

from .. import children
from ..aio.loops import connected, run
from ..services import PATIENCE, context, started
from .methods import KINDS, each_kind


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
