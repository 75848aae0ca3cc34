"""Calls that are under way before anybody awaits them."""

import asyncio
import itertools
import os
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTimeoutError, RPCTransportError, names

from ..services import PATIENCE, in_thread, register_methods, serving, started
from ..steps import until
from .loops import connected, run

pytest.importorskip("msgspec")


def test_each_has_its_own_result_or_exception_in_whatever_order_they_are_awaited(name):
    async def call():
        async with connected(name) as client:
            calls = [client.submit("echo", number) for number in range(100)]
            fails = client.submit("divide", 1, 0)
            for number in reversed(range(100)):
                assert await calls[number] == number
            with pytest.raises(ZeroDivisionError):
                await fails
            assert await asyncio.gather(*(client.submit("add", each, b=1) for each in range(3))) == [1, 2, 3]

    with serving(name):
        run(call())


def test_the_server_runs_them_whether_or_not_they_are_awaited(name):
    async def call():
        async with connected(name) as client:
            calls = [client.submit("note", number) for number in range(20)]
            await in_thread(until_noted)
            assert ran == list(range(20))
            for each in calls:
                await each

    def until_noted():
        for _ in until(PATIENCE):
            if len(ran) == 20:
                return

    ran = []
    server = RPCServer(name)
    server.register("note", ran.append)
    with started(server):
        run(call())


def test_the_first_one_connects(name):
    async def call():
        async with connected(name) as client:
            await client.close()
            with pytest.raises(RPCTransportError, match="is closed"):
                await client.submit("add", 1, 1)
        other = type(client)(name, timeout=PATIENCE)
        assert await other.submit("add", 1, 1) == 2
        await other.close()

    with serving(name):
        run(call())


def test_one_that_cannot_be_sent_says_so_when_it_is_awaited_and_by_name(name):
    async def call():
        async with connected(name, max_message_size=10_000) as client:
            assert await client.submit("echo", "x") == "x"
            too_large, after = client.submit("echo", "x" * 20_000), client.submit("echo", "y")
            with pytest.raises(RPCTransportError, match=f"'echo' on '{name}': Message too large") as told:
                await too_large
            assert told.value.may_have_run is False
            assert await after == "y"

    with serving(name):
        run(call())


def test_the_last_answer_from_a_life_that_was_left_ends_what_led_to_it(name):
    """In the middle of giving it out."""

    async def call():
        troubles = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: troubles.append(context))
        async with connected(name) as client:
            held = client.submit("hold")
            await in_thread(is_in.wait, PATIENCE)
            old = client._way._current
            os.unlink(f"/dev/shm/{names.control(name)}")
            await in_thread(until_taken_again)
            assert await client.call("echo", "new") == "new"
            assert client._way._before == {old}
            go_on.set()
            await held
            for _ in range(3):
                await asyncio.sleep(0)
            assert old.is_closed
            assert not client._way._before
            assert await client.call("echo", "newer") == "newer"
        assert not troubles

    def hold():
        is_in.set()
        assert go_on.wait(PATIENCE)

    def until_taken_again():
        for _ in until(PATIENCE):
            if server._endpoint._leaving:
                return

    is_in, go_on = threading.Event(), threading.Event()
    server = RPCServer(name, threads=2)
    server.register("hold", hold)
    register_methods(server)
    with started(server):
        run(call())


@pytest.mark.parametrize("how", ["cancelled", "late"])
def test_one_that_the_server_has_not_taken_never_runs(name, how):
    async def call():
        async with connected(name) as client:
            before = client.submit("note", "before")
            given_up = client.with_options(timeout=0.05 if how == "late" else None).submit("note", "given up")
            after = client.submit("note", "after")
            if how == "late":
                await asyncio.sleep(0.1)
                with pytest.raises(RPCTimeoutError, match="so it never runs") as late:
                    await given_up
                assert late.value.may_have_run is False
            else:
                task = asyncio.ensure_future(given_up)
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            with started(server):
                await asyncio.gather(before, after)
            assert not client._way._current._deadlines

    ran = []
    server = RPCServer(name)
    server.register("note", ran.append)
    run(call())
    assert ran == ["before", "after"]


def test_what_was_not_taken_when_the_server_closed_is_sent_to_the_next_one(name):
    async def call():
        first = RPCServer(name)
        async with connected(name) as client:
            calls = [client.with_options(wait_for_server=PATIENCE).submit("echo", each) for each in range(20)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            first.close()
            await asyncio.sleep(0)
            with serving(name):
                assert [await each for each in calls] == list(range(20))

    run(call())


@pytest.mark.parametrize("order", [*itertools.permutations(("many", "few", "one"))], ids="-".join)
def test_who_rings_while_another_has_its_turn_comes_next(name, order):
    """Though rings are taken meanwhile."""
    is_in, go_on, ran = threading.Event(), threading.Event(), []

    def hold():
        is_in.set()
        assert go_on.wait(PATIENCE)

    async def call():
        async with connected(name) as holder, connected(name) as many, connected(name) as few:
            holding = holder.submit("hold")
            await in_thread(is_in.wait, PATIENCE)
            calls = []
            for each in order:
                if each == "one":
                    rung = server._endpoint._doorbell.value
                    other.start()
                    await in_thread(until_rung, rung + 2)  # for its channel, and for its request
                else:
                    client, number = (many, 50) if each == "many" else (few, 2)
                    calls += [client.submit("note", each) for _ in range(number)]
                    await asyncio.sleep(0)
                    await asyncio.sleep(0)
            go_on.set()
            until_all_ran()  # which holds up the loop: nobody rings for room
            await holding
            await asyncio.gather(*calls)
            await in_thread(other.join)
        assert max(map(ran.index, order)) <= 3

    def call_once():
        with RPCClient(name, timeout=PATIENCE) as client:
            client.call("note", "one")

    def until_rung(times):
        for _ in until(PATIENCE):
            if server._endpoint._doorbell.value >= times:
                return

    def until_all_ran():
        for _ in until(PATIENCE):
            if len(ran) == 53:
                return

    other = threading.Thread(target=call_once)
    server = RPCServer(name)
    server.register("hold", hold)
    server.register("note", ran.append)
    with started(server):
        run(call())
