"""A method that consumes an iterable in the thread that serves: no other runs beside it, its children wait for none."""

import os
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCMethodError, RPCServer, RPCTransportError, stream

from ..services import PATIENCE, started


@pytest.mark.fault("streams")
def test_an_inline_server_runs_no_other_method_beside_what_one_does_about_its_end(name):
    server = RPCServer(name)
    inside = []
    overlaps = []

    def load(rows):
        try:
            for _ in rows:
                pass
        finally:
            for _ in range(200):
                inside.append(1)
                threading.Event().wait(0.001)
                inside.pop()

    def look():
        overlaps.extend(inside)

    def failing():
        yield from range(3)
        raise LookupError

    server.register("load", load)
    server.register("look", look)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        for _ in range(2):
            with pytest.raises(LookupError):
                client.call("load", stream(failing()))
            for _ in range(50):
                client.call("look")
    assert not overlaps


def test_such_a_method_that_calls_its_own_server_is_refused_as_any_other_is(name):
    server = RPCServer(name)

    def load(rows):
        with RPCClient(name, timeout=PATIENCE) as client:
            return [client.call("load", 1), *rows]

    server.register("load", load)
    refused = pytest.raises(RPCMethodError, match="has called its own server")
    with started(server), RPCClient(name, timeout=PATIENCE) as client, refused:
        client.call("load", stream([1]))


@pytest.mark.fault("fork")
def test_a_child_that_such_a_method_forks_gets_no_items_and_does_not_wait_for_any(server, client):
    reading, writing = os.pipe()

    def fork(rows):
        next(rows)
        child = os.fork()
        if child == 0:
            try:
                list(rows)
            except RPCTransportError:
                os.write(writing, b"told")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        return sum(rows)

    server.register("fork", fork)
    assert client.call("fork", stream(range(500))) == sum(range(1, 500))
    os.set_blocking(reading, False)
    told = os.read(reading, 10)
    os.close(reading)
    os.close(writing)
    assert told == b"told"
