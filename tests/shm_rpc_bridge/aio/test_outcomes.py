"""Whatever becomes of a call that is awaited, its caller is told whether it may have run, and no other is disturbed."""

import asyncio
import gc
import os
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTimeoutError, RPCTransportError
from shm_rpc_bridge.aio import AsyncRPCClient
from shm_rpc_bridge.testing import drop, in_memory, leftovers, watched

from ..children import hanging_server
from ..services import (
    PATIENCE,
    calling,
    context,
    in_thread,
    process,
    register_methods,
    server_process,
    serving,
    started,
)
from .loops import begun, connected, run

pytestmark = pytest.mark.fault("async")


class Holding:
    """A server one of whose methods holds it until the test lets it go on; it notes what has run."""

    def __init__(self, name, **options):
        self.ran, self.is_in, self.go_on = [], threading.Event(), threading.Event()
        self.server = RPCServer(name, **options)
        register_methods(self.server)
        self.server.register("note", self.ran.append)
        self.server.register("hold", self.hold)

    def hold(self):
        self.is_in.set()
        assert self.go_on.wait(PATIENCE)
        return "held"

    async def entered(self):
        assert await in_thread(self.is_in.wait, PATIENCE)


async def turns(number=4):
    """Of the loop, in which what was begun is sent."""
    for _ in range(number):
        await asyncio.sleep(0)


@pytest.mark.parametrize("how", ["cancelled", "late"])
def test_a_call_that_the_server_has_not_taken_never_runs_and_others_of_its_message_do(name, how):
    async def call():
        async with connected(name) as client:
            patient = client.with_options(timeout=0.05 if how == "late" else None)
            others = [asyncio.ensure_future(client.call("note", number)) for number in range(3)]
            given_up = asyncio.ensure_future(patient.call("note", "given up"))
            more = [asyncio.ensure_future(client.call("note", number)) for number in range(3, 6)]
            await turns()
            if how == "cancelled":
                given_up.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await given_up
            else:
                with pytest.raises(RPCTimeoutError, match="so it never runs") as late:
                    await given_up
                assert late.value.may_have_run is False
            with started(holding.server):
                await asyncio.gather(*others, *more)

    holding = Holding(name)
    run(call())
    assert holding.ran == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("how", ["cancelled", "late"])
def test_a_call_that_the_server_has_taken_may_have_run_and_its_late_answer_is_nobodys(name, how):
    async def call():
        async with connected(name) as client:
            held = asyncio.ensure_future(client.with_options(timeout=0.1 if how == "late" else None).call("hold"))
            await holding.entered()
            others = begun(client, 5)
            await turns()
            if how == "cancelled":
                held.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await held
            else:
                with pytest.raises(RPCTimeoutError, match="whether it ran is unknown") as late:
                    await held
                assert late.value.may_have_run is True
            holding.go_on.set()
            assert await asyncio.gather(*others) == [0, 1, 2, 3, 4]
            assert await client.call("echo", "next") == "next"

    holding = Holding(name)
    with started(holding.server):
        run(call())


def test_asyncio_timeouts_cancel_a_call(name):
    async def call():
        async with connected(name) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.call("hold"), 0.05)
            holding.go_on.set()
            assert await client.call("add", 1, 1) == 2

    holding = Holding(name)
    with started(holding.server):
        run(call())


def test_closing_ends_all_calls_at_once(name):
    async def call():
        client = AsyncRPCClient(name, timeout=None)
        await client.connect()
        held = asyncio.ensure_future(client.call("hold"))
        await holding.entered()
        queued = begun(client, 3)
        await turns()
        await client.close()
        for each, may_have_run in ((held, True), *((other, False) for other in queued)):
            with pytest.raises(RPCTransportError, match="the client was closed during the call") as told:
                await each
            assert told.value.may_have_run is may_have_run
        holding.go_on.set()

    holding = Holding(name)
    with started(holding.server):
        run(call())


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_loop_that_ends_with_calls_under_way_leaves_nothing_and_the_server_goes_on(name):
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))

    async def leave():
        client = await AsyncRPCClient(name, timeout=None).__aenter__()
        client.held = [asyncio.ensure_future(client.call("hold")), *begun(client, 10)]
        await holding.entered()

    holding = Holding(name)
    with started(holding.server):
        run(leave())
        gc.collect()  # of the client, which its tasks have and which has them
        holding.go_on.set()

        async def call():
            async with connected(name) as client:
                return await client.call("add", 1, 1)

        assert run(call()) == 2
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_killed_server_is_told_to_all_at_once_by_name(name):
    entered = context.Event()

    async def call(child):
        async with connected(name, timeout=None) as client:
            held = asyncio.ensure_future(client.call("hang"))
            assert await in_thread(entered.wait, PATIENCE)
            queued = begun(client, 100)
            await turns()
            child.kill()
            loop = asyncio.get_running_loop()
            before = loop.time()
            for each, may_have_run in ((held, True), (queued[0], False), (queued[99], False)):
                with pytest.raises(RPCTransportError, match=f"process {child.pid}\\) is dead") as told:
                    await each
                assert told.value.may_have_run is may_have_run
            await asyncio.gather(*queued, return_exceptions=True)
            assert loop.time() - before < 0.5

    with process(hanging_server, name, entered) as child:
        run(call(child))
    RPCServer(name).close()


def test_a_call_after_the_server_was_restarted_goes_to_the_new_one(name):
    async def call():
        client = AsyncRPCClient(name, timeout=PATIENCE)
        for number in range(3):
            with serving(name):
                assert await client.call("add", 1, number) == 1 + number
        with pytest.raises(RPCTransportError, match="start the server"):
            await client.call("add", 1, 2)
        await client.close()

    run(call())


def test_what_was_not_taken_when_the_server_closed_is_sent_to_the_next_one(name):
    async def call():
        first = Holding(name)
        async with connected(name) as client:
            patient = client.with_options(wait_for_server=PATIENCE)
            calls = begun(patient, 20)
            await turns()
            first.server.close()
            await asyncio.sleep(0)
            with serving(name):
                assert await asyncio.gather(*calls) == list(range(20))

    run(call())


@pytest.mark.parametrize("lost", ["ring bell", "release doorbell"])
def test_a_wake_up_that_is_lost_is_made_good(lost):
    async def call():
        async with connected("lost") as client:
            assert await client.call("add", 1, 1) == 2
            with_hook.append(True)
            assert await client.call("add", 1, 2) == 3

    with_hook = []
    hook = drop(lost)
    with in_memory(), watched(lambda step: bool(with_hook) and hook(step)), serving("lost"):
        run(call())


def test_a_forked_child_is_told_and_its_parent_goes_on(name):
    async def call():
        async with connected(name) as client:
            assert await client.call("add", 1, 1) == 2
            child = os.fork()
            if not child:
                status = 1
                try:
                    await client.call("add", 1, 2)
                except RPCTransportError as error:
                    status = 7 if "belongs to process" in str(error) and not error.may_have_run else 2
                finally:
                    os._exit(status)
            assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7
            assert await client.call("add", 1, 3) == 4

    with server_process(name):
        run(call())
        run(stop(name))
    assert not leftovers(name)


async def stop(name):
    async with connected(name) as client:
        await client.call("stop")
    for _ in range(1000):
        if not leftovers(name):
            return
        await asyncio.sleep(0.01)


def test_a_client_that_takes_no_answers_gets_no_more_and_holds_up_nobody(name):
    """Its loop stands still with 3,000 calls under way."""

    async def call():
        async with connected(name) as slow:
            calls = begun(slow, 3000)
            await turns()
            await in_thread(run, other())  # in another loop, while this one goes on
            assert await asyncio.gather(*calls) == list(range(3000))

    async def other():
        async with connected(name) as client:
            assert await asyncio.gather(*begun(client, 100)) == list(range(100))

    with serving(name):
        run(call())


def test_what_was_answered_arrives_while_all_threads_of_the_server_are_busy(name):
    """There was no room for all of it at first, and nobody looked for room while no thread was free."""

    async def large(number):
        await in_thread(ready.wait, PATIENCE)
        return str(number % 10) * 70_000

    async def call():
        async with connected(name) as client:
            calls = begun(client, 20, "large")
            await turns()
            held = asyncio.ensure_future(client.call("hold"))
            await holding.entered()
            ready.set()
            assert await asyncio.gather(*calls) == [str(number % 10) * 70_000 for number in range(20)]
            assert not held.done()
            holding.go_on.set()
            assert await held == "held"

    ready = threading.Event()
    holding = Holding(name, threads=1)
    holding.server.register_function(large)
    with started(holding.server):
        run(call())


@pytest.mark.parametrize("threads", [0, 2])
def test_a_server_that_stops_has_sent_all_that_it_has_answered(name, threads):
    """What waited for room in the channel was dropped: twenty calls had run, and eighteen callers were not told."""

    async def call():
        async with connected(name) as client:
            calls = [asyncio.ensure_future(client.call("text_of", 70_000)) for _ in range(20)]
            stopping = asyncio.ensure_future(client.call("stop"))
            assert [len(text) for text in await asyncio.gather(*calls)] == [70_000] * 20
            assert await stopping is None

    with serving(name, threads=threads):
        run(call())


@pytest.mark.parametrize("kind", ["multiplexed", "for one call at a time"])
def test_a_channel_whose_names_were_removed_before_the_server_came_to_it_is_refused(name, kind):
    """The server took it for one that its client had closed, and whoever waited without a timeout waited for ever."""

    async def call():
        async with connected(name, timeout=None) as client:
            remove_names_of_channels()
            waiting = asyncio.ensure_future(client.call("add", 1, 1))
            await turns()
            with started(server):
                assert await waiting == 2  # sent once more, on another channel

    def call_alone():
        with RPCClient(name, timeout=None) as client:
            remove_names_of_channels()
            with calling(client.call, "add", 1, 1) as waiting, started(server):
                with pytest.raises(RPCTransportError, match="refused this channel") as told:
                    waiting.result(PATIENCE)
                assert told.value.may_have_run is False

    def remove_names_of_channels():
        for left in leftovers(name):
            if left.endswith((":bell", ":response")):
                os.unlink(f"/dev/shm/{left}")

    server = RPCServer(name)
    register_methods(server)
    if kind == "multiplexed":
        run(call())
    else:
        call_alone()
    assert not leftovers(name)
