"""All of a server's buffers have a bound: what would take more fails, and nothing else."""

import contextlib
import time

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, spawn

from ..aio.loops import connected, run
from ..children import client_forever
from ..services import PATIENCE, context, register_methods, started
from ..steps import until
from .baskets import KEPT

MOST = 1_000_000
REFUSED = r"the buffers of server '.*' would have [\d,]+ bytes, max_memory is 1,000,000: send less, close some clients"


@pytest.fixture
def bounded(name):
    server = RPCServer(name, max_memory=MOST)
    register_methods(server)
    with started(server):
        yield server


def in_use(server):
    return server.statistics().memory


@pytest.mark.fault("memory-bound")
def test_what_would_take_more_memory_fails_and_nothing_else(bounded):
    with RPCClient(bounded.name, timeout=PATIENCE) as client:
        with pytest.raises(RPCTransportError, match=REFUSED) as caught:
            client.call("length", "x" * MOST)
        assert not caught.value.may_have_run
        assert "never runs" in str(caught.value)
        with pytest.raises(RPCTransportError, match=REFUSED):
            client.call("text_of", MOST)
        for _ in range(3):
            assert client.call("length", "x" * 400_000) == 400_000
            assert client.call("text_of", 300_000) == "x" * 300_000
        assert in_use(bounded) <= MOST


@pytest.mark.fault("memory-bound")
def test_channels_that_would_take_more_are_not_opened_and_there_is_room_again_when_others_have_gone(bounded):
    with contextlib.ExitStack() as stack:
        clients = []

        def connect():
            while True:
                clients.append(stack.enter_context(RPCClient(bounded.name, timeout=PATIENCE)))

        with pytest.raises(RPCTransportError, match=REFUSED):
            connect()
        assert len(clients) == MOST // (2 * (64 * 1024 + 64))
        assert all(client.call("add", 1, 2) == 3 for client in clients)
        clients.pop().close()
        for _ in until(PATIENCE):
            with contextlib.suppress(RPCTransportError), RPCClient(bounded.name, timeout=PATIENCE) as client:
                assert client.call("add", 1, 2) == 3
                break
    for _ in until(PATIENCE):
        if not in_use(bounded):
            break
    assert in_use(bounded) == 0


@pytest.mark.fault("memory-bound")
def test_what_the_dead_had_counts_no_more(bounded):
    connected_ = context.Event()
    child = context.Process(target=client_forever, args=(bounded.name, connected_), daemon=True)
    child.start()
    assert connected_.wait(PATIENCE)
    had = in_use(bounded)
    assert had > 0
    child.kill()
    child.join(PATIENCE)
    for _ in until(PATIENCE):
        if not in_use(bounded):
            break
    assert in_use(bounded) == 0


@pytest.mark.fault("memory-bound")
def test_calls_in_an_event_loop_are_refused_alone(bounded):
    async def call():
        async with connected(bounded.name) as client:
            large = client.submit("length", "x" * MOST)
            others = [client.submit("add", number, 1) for number in range(10)]
            assert [await each for each in others] == list(range(1, 11))
            with pytest.raises(RPCTransportError, match=REFUSED):
                await large
            with pytest.raises(RPCTransportError, match=REFUSED):
                await client.call("text_of", MOST)
            assert await client.call("add", 1, 2) == 3

    run(call())


def test_it_is_an_option_of_serve_and_of_spawn():
    with spawn("tests.shm_rpc_bridge.pricing", max_memory=MOST, timeout=PATIENCE) as client:
        with pytest.raises(RPCTransportError, match=REFUSED):
            client.call("quote", "x" * MOST)
        with pytest.raises(ValueError, match="max_memory must be 1 to"):
            spawn("tests.shm_rpc_bridge.pricing", max_memory=0)
    with pytest.raises(TypeError, match="max_memory must be an int, not float"):
        RPCServer("any", max_memory=1.5)


@pytest.mark.fault("memory-bound")
def test_a_client_that_gives_up_its_own_large_channel_is_not_refused_a_small_one(bounded, soon):
    with RPCClient(bounded.name, timeout=PATIENCE) as client:
        for _ in range(20):
            assert client.call("length", "x" * 400_000) == 400_000
            time.sleep(1.2 * KEPT)
            for _ in range(3):
                assert client.call("add", 1, 2) == 3


@pytest.mark.fault("memory-bound")
def test_what_could_not_be_had_is_not_counted():
    from shm_rpc_bridge.testing import in_memory

    with in_memory(capacity=1_000_000):
        server = RPCServer("bounded", max_memory=1 << 30)
        register_methods(server)
        with started(server), RPCClient("bounded", timeout=PATIENCE) as client:
            assert client.call("add", 1, 2) == 3
            before = server.statistics().memory
            with pytest.raises(RPCTransportError, match="Shared memory is full"):
                client.call("length", "x" * 5_000_000)
            with pytest.raises(RPCTransportError, match="Shared memory is full"):
                client.call("text_of", 5_000_000)
            assert server.statistics().memory == before
