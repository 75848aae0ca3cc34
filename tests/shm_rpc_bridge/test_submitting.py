"""Calls in threads of the client's, each with a Future."""

import os
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError
from shm_rpc_bridge.submitting import THREADS

from .services import PATIENCE, register_methods, server_process, serving, started


def test_a_submitted_call_has_its_result_or_exception_in_its_future(name):
    with serving(name), RPCClient(name, timeout=PATIENCE) as client:
        futures = [client.submit("add", number, b=1) for number in range(2 * THREADS)]
        failed = client.submit("divide", 1, 0)
        assert [each.result(PATIENCE) for each in futures] == list(range(1, 2 * THREADS + 1))
        assert isinstance(failed.exception(PATIENCE), ZeroDivisionError)
        assert client.with_options(returns=str).submit("echo", "text").result(PATIENCE) == "text"


def test_calls_to_several_servers_overlap(name):
    both_are_in = threading.Barrier(2)
    servers = [RPCServer(f"{name}-{which}") for which in "ab"]
    for server in servers:
        server.register("meet", lambda: both_are_in.wait(PATIENCE) >= 0)
    names = f"{name}-a", f"{name}-b"
    with started(servers[0]), started(servers[1]), RPCClient(names[0]) as a, RPCClient(names[1]) as b:
        first, second = a.submit("meet"), b.submit("meet")
        assert first.result(PATIENCE)
        assert second.result(PATIENCE)


def test_closing_the_client_ends_what_was_submitted_and_takes_no_more(name):
    entered, release = threading.Event(), threading.Event()
    server = RPCServer(name)
    register_methods(server)
    server.register("hold", lambda: entered.set() or release.wait(PATIENCE))
    with started(server):
        client = RPCClient(name, timeout=PATIENCE)
        futures = [client.submit("hold") for _ in range(THREADS + 3)]
        assert entered.wait(PATIENCE)
        client.close()
        for each in futures:
            assert isinstance(each.exception(PATIENCE), RPCTransportError)
        with pytest.raises(RPCTransportError, match="is closed"):
            client.submit("add", 1, 2)
        release.set()


def test_a_forked_child_submits_in_threads_of_its_own(name):
    with server_process(name) as server, RPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE) as client:
        assert client.submit("add", 1, 2).result(PATIENCE) == 3
        child = os.fork()
        if not child:
            os._exit(client.submit("add", 3, 4).result(PATIENCE))
        assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 7
        assert client.submit("add", 1, 2).result(PATIENCE) == 3
        client.call("stop")
        server.join(PATIENCE)
