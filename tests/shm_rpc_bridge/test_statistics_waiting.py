"""What a server's clients wait for right now, and which calls were given up."""

import asyncio
import os
import signal

import pytest

from shm_rpc_bridge import RPCClient, RPCTimeoutError
from shm_rpc_bridge.aio import AsyncRPCClient

from .children import call_and_wait
from .counting import Holding, settled
from .services import PATIENCE, calling, process, serving, started

pytest.importorskip("msgspec")


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
@pytest.mark.parametrize("codec", ["json", "pickle"])
def test_what_runs_and_what_waits_behind_it_is_told_with_method_process_and_time(name, codec, wait):
    holding = Holding(name, codec=codec)
    options = {"timeout": PATIENCE, "codec": codec, "wait": wait}
    with started(holding.server), RPCClient(name, **options) as one, RPCClient(name, **options) as other:
        with calling(one.call, "hold") as held:
            (running,) = holding.until_waiting(1)
            with calling(other.call, "add", 1, 2) as added:
                first, second = holding.until_waiting(2)
                holding.go_on.set()
                assert added.result(PATIENCE) == 3
            held.result(PATIENCE)
        assert running[2:] == first[2:] == ("hold", True, 1)
        assert running.process == os.getpid()
        assert second[2:] == ("add", False, 1)
        assert 0.1 <= second.seconds <= first.seconds < PATIENCE
        assert holding.server.statistics().waiting == []


def test_awaited_calls_that_take_long_are_told_by_their_number(name):
    async def call():
        async with AsyncRPCClient(name, timeout=PATIENCE) as client:
            calls = [client.submit("hold"), *(client.submit("add", 1, each) for each in range(2))]
            (waiting,) = await asyncio.get_running_loop().run_in_executor(None, holding.until_waiting, 1)
            holding.go_on.set()
            for each in calls:
                await each
            assert (waiting.process, waiting.method, waiting.calls) == (os.getpid(), "", 3)
            assert waiting.seconds >= 0.1

    holding = Holding(name)
    with started(holding.server):
        asyncio.run(asyncio.wait_for(call(), PATIENCE))
        settled(holding.server, waiting=[], channels=0)


@pytest.mark.fault("statistics")
def test_a_client_that_is_killed_while_it_waits_is_told_of_no_more(name):
    holding = Holding(name, threads=1)
    with started(holding.server):
        with process(call_and_wait, name) as client:
            (waiting,) = holding.until_waiting(1)
            assert (waiting.process, waiting.method) == (client.pid, "hold")
            client.kill()
            client.join()
            holding.until_waiting(0)
        holding.go_on.set()


def test_one_that_is_interrupted_waits_no_more(name):
    def interrupt(*_):
        raise KeyboardInterrupt

    def kill():
        holding.until_waiting(1)
        os.kill(os.getpid(), signal.SIGUSR1)

    holding = Holding(name)
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with started(holding.server):
            with RPCClient(name, timeout=PATIENCE) as client, calling(kill):
                with pytest.raises(KeyboardInterrupt):
                    client.call("hold")
                assert holding.server.statistics().waiting == []
            holding.go_on.set()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_look_whether_the_server_lives_is_no_wait(name):
    """As there is one after a response to another call: what was noted then stood there until the next long wait."""
    with serving(name) as server, RPCClient(name, timeout=PATIENCE) as client:
        client.call("add", 1, 2)
        (channel,) = client._idle
        channel.body.recheck()
        assert server.statistics().waiting == []


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_calls_that_were_given_up_are_counted_also_of_clients_that_have_gone(name, kind):
    def give_up(method, timeout):
        if kind == "sync":
            with RPCClient(name, timeout=timeout) as client, pytest.raises(RPCTimeoutError):
                client.call(method)
        else:
            asyncio.run(awaited(method, timeout))

    async def awaited(method, timeout):
        async with AsyncRPCClient(name, timeout=timeout) as client:
            with pytest.raises(RPCTimeoutError):
                await client.call(method)

    holding = Holding(name)
    with started(holding.server):
        with RPCClient(name, timeout=PATIENCE) as client, calling(client.call, "hold"):
            holding.until_waiting(1)
            give_up("not taken", 0.05)
            holding.go_on.set()
        holding.go_on.clear()
        give_up("hold", 1.0)  # long enough for it to be taken
        holding.go_on.set()
        settled(holding.server, timeouts=2, late=1, channels=0)
