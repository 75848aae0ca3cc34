"""current_call: a method knows who has called it and until when that one waits."""

import os
import threading
import time

import pytest

from shm_rpc_bridge import CurrentCall, RPCClient, RPCServer, RPCTransportError, current_call
from shm_rpc_bridge.testing import in_memory

from .. import pricing
from ..aio.loops import connected, run
from ..services import PATIENCE, started
from ..steps import entered
from .methods import KINDS, each_kind


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
