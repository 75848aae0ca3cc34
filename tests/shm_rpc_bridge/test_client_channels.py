"""What a client does with its channels: used again wherever they can be, and let go of where they cannot."""

import contextlib
import gc
import os
import pickle

import pytest

from shm_rpc_bridge import (
    RPCClient,
    RPCMethodError,
    RPCSerializationError,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
)
from shm_rpc_bridge.testing import in_memory, watched

from .services import PATIENCE, register_methods, started

NAME = "channels"


@pytest.fixture
def claims():
    """How often a slot was claimed: how many channels there were."""
    claims = []
    with in_memory(), watched(lambda step: claims.append(step) if str(step) == "after claim slot" else None):
        yield claims


@pytest.fixture
def client(claims):
    server = RPCServer(NAME, max_message_size=2000)
    register_methods(server)
    with started(server), RPCClient(NAME, timeout=PATIENCE) as client:
        yield client


def descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("method", "args", "error"),
    [
        ("add", (1, 2), None),
        ("divide", (1, 0), ZeroDivisionError),
        ("no_such_method", (), RPCMethodError),
        ("make_set", (), RPCSerializationError),
        ("echo", ("x" * 3000,), RPCTransportError),
        ("echo", ({1},), RPCSerializationError),
    ],
)
def test_whatever_becomes_of_calls_one_after_the_other_they_use_one_channel(client, claims, method, args, error):
    for _ in range(3):
        if error is None:
            client.call(method, *args)
        else:
            with pytest.raises(error) as caught:
                client.call(method, *args)
            assert caught is not None
    assert client.call("add", 1, 2) == 3
    assert len(claims) == 1


def test_a_request_that_was_taken_back_in_time_leaves_its_channel_for_the_next(claims):
    server = RPCServer(NAME)
    register_methods(server)
    with RPCClient(NAME, timeout=0.01) as client:
        for _ in range(3):
            with pytest.raises(RPCTimeoutError, match="so it never runs"):
                client.call("add", 1, 2)
        with started(server):
            assert client.with_options(timeout=PATIENCE).call("add", 1, 2) == 3
    assert len(claims) == 1


def test_after_a_restart_nothing_of_the_server_before_is_held(claims):
    """Its control segment and doorbell stayed open until the client opened another channel."""
    server = RPCServer(NAME)
    register_methods(server)
    with started(server):
        client = RPCClient(NAME, timeout=PATIENCE)
        assert client.call("add", 1, 2) == 3
        before = descriptors()
    server = RPCServer(NAME)
    register_methods(server)
    with started(server), client:
        assert client.call("add", 1, 2) == 3
        assert descriptors() == before


def test_a_client_that_cannot_have_a_channel_holds_nothing(claims):
    with RPCServer(NAME, max_channels=1), RPCClient(NAME):
        before = descriptors()
        with pytest.raises(RPCTransportError, match="all its 1 channels in use") as caught:
            RPCClient(NAME)
        assert descriptors() == before
        assert caught is not None


def test_a_ping_is_answered_by_the_server_and_by_nobody_else(client):
    assert 0 < client.ping() < PATIENCE
    client.call("stop")
    with pytest.raises(RPCTransportError):
        client.ping()


@pytest.mark.parametrize("bad", ["soon", -1])
def test_a_patience_that_is_no_time_is_refused(client, bad):
    with pytest.raises((TypeError, ValueError), match=r"^wait_for_server must be "):
        client.with_options(wait_for_server=bad)
    assert client.call("add", 1, 2) == 3


def test_a_client_that_is_closed_while_a_result_is_read_returns_it_and_holds_nothing(claims):
    """By a signal's handler, when the channel is about to be kept for the next call."""

    class Own:
        name = "own"
        dumps = staticmethod(pickle.dumps)
        loads = staticmethod(pickle.loads)

    class Closing(Own):
        @staticmethod
        def loads(message):
            client.close()
            return pickle.loads(message)

    server = RPCServer(NAME, codec=Own())
    register_methods(server)
    with started(server):
        before = descriptors()
        client = RPCClient(NAME, timeout=PATIENCE, codec=Closing())
        assert client.call("add", 1, 2) == 3
        server.stop()
    assert descriptors() <= before
    with pytest.raises(RPCTransportError, match="is closed"):
        client.call("add", 1, 2)


def test_a_pickled_client_keeps_how_long_it_waits_for_a_server(claims, monkeypatch):
    with RPCServer(NAME), RPCClient(NAME, timeout=PATIENCE) as client:
        patient = client.with_options(wait_for_server=PATIENCE)
        assert patient is not client
        handed_over = pickle.loads(pickle.dumps(patient))
    servers = contextlib.ExitStack()

    def start_another(seconds):
        if not came:
            server = RPCServer(NAME)
            register_methods(server)
            servers.enter_context(started(server))
            came.append(server)

    came = []
    monkeypatch.setattr("shm_rpc_bridge.waiting.sleep", start_another)
    with servers, handed_over:
        assert handed_over.call("add", 1, 2) == 3
    assert len(came) == 1


class Counter:
    def count(self):
        return 1


@pytest.mark.parametrize("through", ["the client", "a handle"])
def test_a_client_that_is_closed_in_the_middle_of_its_own_call_ends_that_and_closes_nothing_under_it(claims, through):
    """By a signal's handler, right after the request was sent."""
    due = []

    def close(step):
        if due and str(step) == "after release request_full":
            due.pop().close()

    server = RPCServer(NAME)
    server.register("make", Counter)
    server.register_class(Counter)
    with started(server), watched(close):
        client = RPCClient(NAME, timeout=PATIENCE)
        handle = client.call("make")
        due.append(client)
        with pytest.raises(RPCTransportError, match="the client was closed during the call"):
            handle.count() if through == "a handle" else client.call("make")
        assert not due
