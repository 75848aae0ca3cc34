"""Awaited calls: any number at once through one channel, each with its own outcome."""

import asyncio
import os
import re
import threading
from dataclasses import dataclass

import pytest

from shm_rpc_bridge import RPCClient, RPCSerializationError, RPCServer, RPCTransportError
from shm_rpc_bridge.aio import AsyncRPCClient
from shm_rpc_bridge.testing import Step, in_memory, watched

from ..services import PATIENCE, in_thread, register_methods, serving, started
from ..steps import until
from .loops import begun, connected, run

pytest.importorskip("msgspec")


@pytest.mark.parametrize("codec", ["json", "json+types", "msgpack", "pickle"])
def test_a_call_has_the_result_or_exception_that_an_rpc_client_has(name, codec):
    async def call():
        async with connected(name, codec=codec) as client:
            assert await client.call("add", 1, b=2) == 3
            assert await client.call("everything", name="x", method="y") == {"name": "x", "method": "y"}
            for method, arguments in (("divide", (1, 0)), ("nothing", ()), ("add", (1,))):
                with pytest.raises(Exception) as raised:  # noqa: PT011  # which, the other client says
                    other.call(method, *arguments)
                with pytest.raises(type(raised.value).__mro__[1]) as same:
                    await client.call(method, *arguments)
                assert str(same.value) == str(raised.value)
                assert type(same.value).__mro__[1:] == type(raised.value).__mro__[1:]
                assert getattr(same.value, "may_have_run", None) is getattr(raised.value, "may_have_run", None)
            assert await client.remote.add(2, b=2) == 4
            assert 0 < await client.ping() < PATIENCE

    with serving(name, codec=codec), RPCClient(name, timeout=PATIENCE, codec=codec) as other:
        run(call())


def test_of_a_thousand_at_once_each_gets_its_own_answer_at_the_cost_of_one_channel(name):
    """Descriptors and memory, with all of them begun and none answered: the server does not run yet."""

    def mapped():
        with open("/proc/self/maps") as maps:
            found = [line.split("-") for line in maps if f"srb:{name}:" in line]
        return sum(int(end.split()[0], 16) - int(start, 16) for start, end, *_ in found)

    async def call():
        before = len(os.listdir("/proc/self/fd"))
        async with connected(name) as client:
            calls = begun(client, 1000)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(os.listdir("/proc/self/fd")) - before <= 16
            assert mapped() <= 64 << 20
            with started(server):
                assert await asyncio.gather(*calls) == list(range(1000))

    server = RPCServer(name)
    register_methods(server)
    run(call())


def test_what_is_begun_in_one_turn_of_the_loop_goes_in_one_message():
    written = []

    async def call():
        async with connected("calls") as client:
            assert await asyncio.gather(*begun(client, 100)) == list(range(100))

    with in_memory(), watched(
        lambda step: written.append(step) if step == Step("release request_full", "after") else None
    ), serving("calls"):
        run(call())
    assert len(written) == 1


def test_other_tasks_have_their_turn_while_many_answers_are_given_out(name):
    """999 that have come in one message held up the loop until each of their tasks had run."""

    def is_all_answered():
        return any(len(each.response._lane.queue) == 999 for each in list(server._endpoint._channels.values()))

    async def call():
        done = []
        async with connected(name) as client:
            calls = begun(client, 1000)
            for each in calls:
                each.add_done_callback(done.append)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            with started(server):
                for _ in until(PATIENCE):  # which holds up the loop
                    if is_all_answered():
                        break
                most = 0
                while len(done) < 1000:
                    before = len(done)
                    await asyncio.sleep(0)
                    most = max(most, len(done) - before)
        assert most <= 2 * 64  # given out because the bell rang, and once more because there were others

    server = RPCServer(name)
    register_methods(server)
    run(call())


def test_messages_of_all_sizes_come_whole_in_both_directions_while_others_are_under_way(name):
    async def call():
        async with connected(name) as client:
            sizes = [0, 1, 1000, 70_000, 3_000_000, 10, 200_000]
            texts = [chr(97 + number) * size for number, size in enumerate(sizes)]
            echoed = await asyncio.gather(*(client.call("echo", data=text) for text in texts * 3))
            assert echoed == texts * 3

    with serving(name):
        run(call())


def test_a_message_that_is_too_large_fails_alone(name):
    async def call():
        async with connected(name, max_message_size=10_000) as client:
            few = client.call("echo", data="x")
            request, response = client.call("echo", data="x" * 20_000), client.call("text_of", 20_000)
            found = await asyncio.gather(few, request, response, return_exceptions=True)
            assert found[0] == "x"
            assert isinstance(found[1], RPCTransportError)
            assert not found[1].may_have_run
            assert "Message too large: 20,0" in str(found[1])
            assert isinstance(found[2], RPCTransportError)
            assert found[2].may_have_run
            assert "Message too large" in str(found[2])
            assert await client.call("add", 1, 1) == 2

    with serving(name, max_message_size=10_000):
        run(call())


def test_calls_of_others_are_answered_between_those_of_one_that_has_many_under_way(name):
    """One call of each, in turn."""
    order, is_in, go_on = [], threading.Event(), threading.Event()

    def hold():
        is_in.set()
        assert go_on.wait(PATIENCE)

    async def call():
        async with connected(name) as client:
            holding = asyncio.ensure_future(client.call("hold"))
            calls = [asyncio.ensure_future(client.call("note", "many")) for _ in range(50)]
            assert await in_thread(is_in.wait, PATIENCE)
            other = threading.Thread(target=call_once)
            other.start()
            while not has_asked():
                await asyncio.sleep(0.001)
            go_on.set()
            await asyncio.gather(holding, *calls)
            other.join()

    def call_once():
        with RPCClient(name, timeout=PATIENCE) as client:
            client.call("note", "one")

    def has_asked():
        return server._endpoint._doorbell.value >= 2  # of the new channel, and of its request

    server = RPCServer(name)
    server.register("hold", hold)
    server.register("note", order.append)
    with started(server):
        run(call())
    assert sorted(order) == ["many"] * 50 + ["one"]
    assert order.index("one") <= 2


def test_a_result_is_converted_to_the_type_that_is_asked_for(name):
    @dataclass
    class Price:
        amount: float

    class Pricing:
        async def everything(self, amount: float) -> Price: ...

    async def call():
        async with connected(name) as client:
            assert await client.with_options(returns=Price).call("everything", amount=2.5) == Price(2.5)
            assert await client.proxy(Pricing).everything(amount=1.5) == Price(1.5)

    with serving(name):
        run(call())


def test_an_object_that_stays_in_the_server_is_refused_and_let_go_there(name):
    class Kept:
        def name(self):
            return "kept"

    async def call():
        async with connected(name) as client:
            for _ in range(4):
                with pytest.raises(RPCSerializationError, match="a Kept that stays in the server") as refused:
                    await client.call("make")
                assert refused.value.may_have_run
                await client.call("echo", 1)

    with serving(name, max_objects=2) as server:
        server.register_class(Kept)
        server.register("make", Kept)
        run(call())


def test_no_server_is_said_with_the_time_that_was_waited_for_it(name):
    async def call():
        with pytest.raises(RPCTransportError, match=r"start the server .* first"):
            await AsyncRPCClient(name).connect()
        with pytest.raises(RPCTransportError, match=r"\(waited 0.05 s for it\)"):
            await AsyncRPCClient(name, wait_for_server=0.05).connect()
        client = AsyncRPCClient(name)
        with pytest.raises(RPCTransportError, match=f"'add' on '{name}': .* so it never runs"):
            await client.call("add", 1, 2)
        await client.close()
        with pytest.raises(RPCTransportError, match="is closed"):
            await client.call("add", 1, 2)

    run(call())


def test_another_codec_than_the_servers_is_refused(name):
    async def call():
        with pytest.raises(RPCTransportError, match=re.escape("construct both with the same")):
            await AsyncRPCClient(name, codec="pickle").connect()

    with serving(name):
        run(call())


def test_a_client_belongs_to_one_loop(name):
    clients = []

    async def connect():
        clients.append(await AsyncRPCClient(name).__aenter__())
        assert await clients[0].call("add", 1, 1) == 2

    async def use():
        with pytest.raises(RPCTransportError, match="belongs to another event loop"):
            await clients[0].call("add", 1, 1)

    with serving(name):
        run(connect())
        run(use())
        run(clients[0].close())


def test_one_that_is_dropped_without_being_closed_says_so(name):
    async def drop():
        client = await AsyncRPCClient(name).__aenter__()
        with pytest.warns(ResourceWarning, match=f"AsyncRPCClient\\({name!r}\\) was never closed"):
            del client

    with serving(name):
        run(drop())
