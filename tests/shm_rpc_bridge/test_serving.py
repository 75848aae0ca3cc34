"""Starting and stopping a server, without anybody dying."""

import math
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shm_rpc_bridge import (
    RPCClient,
    RPCMethodError,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
    SharedMemoryTransport,
    cleanup,
    posix,
)
from shm_rpc_bridge.testing import AFTER, Pause, at, leftovers, watched

from .children import exiting_server
from .services import PATIENCE, calling, process, register_methods, run_server, server_process, serving, started


def test_without_a_server_the_error_says_to_start_it_first_and_not_that_it_was_waited_for(name):
    with pytest.raises(RPCTransportError, match=f"Cannot find shared memory 'srb:{name}': start the server .* first$"):
        RPCClient(name)


def test_a_client_can_wait_for_a_server_that_starts_later(name):
    def connect_and_call():
        waiting.set()
        with RPCClient(name, wait_for_server=PATIENCE) as client:
            return client.call("add", a=1, b=2)

    waiting = threading.Event()
    with calling(connect_and_call) as call:
        assert waiting.wait(PATIENCE)
        with serving(name):
            assert call.result(PATIENCE) == 3


@pytest.mark.fault("name-in-use")
def test_a_second_server_of_the_same_name_is_told_by_whom_it_is_in_use_and_the_first_goes_on(name):
    """Without trying the lock in `_remove_dead` the second removed the first."""
    with server_process(name) as first, RPCClient(name) as client:
        with pytest.raises(RPCTransportError, match=f"server name '{name}' is in use by process {first.pid}"):
            RPCServer(name)
        assert client.call("add", a=1, b=2) == 3
        client.call("stop")
        first.join(PATIENCE)


@pytest.mark.fault("name-in-use")
def test_one_that_came_too_late_while_the_first_was_starting_is_told_by_whom_as_well(name, monkeypatch):
    """The first sweeps away what others have made by then; it was called "another server"."""

    def swept(segment, public):
        raise posix.NotFoundError("gone")

    with RPCServer(name), monkeypatch.context() as patched:
        patched.setattr(posix, "link_segment", swept)
        with pytest.raises(RPCTransportError, match=f"server name '{name}' is in use by process {os.getpid()}"):
            RPCServer(name)
    with monkeypatch.context() as patched:
        patched.setattr(posix, "link_segment", swept)
        with pytest.raises(RPCTransportError, match=r"removed from shared memory before it was complete, 3 times"):
            RPCServer(name)


@pytest.mark.fault("clean-living")
@pytest.mark.parametrize("make", [RPCServer, SharedMemoryTransport.create])
def test_one_whose_objects_a_cleaner_has_removed_before_they_were_complete_makes_others(name, monkeypatch, make):
    """On a machine so busy that it took a second: the name was called "in use"."""
    link = posix.link_segment

    def swept(segment, public):
        monkeypatch.setattr(posix, "link_segment", link)
        for listed in posix.list_own_objects(public + ":"):
            posix.unlink_object(listed)
        return link(segment, public)

    monkeypatch.setattr(posix, "link_segment", swept)
    before = len(os.listdir("/proc/self/fd"))
    with make(name):
        assert len(leftovers(name)) > 0
    assert posix.link_segment is link
    assert leftovers(name) == []
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.mark.fault("name-in-use")
def test_of_many_servers_that_start_at_once_over_a_dead_one_exactly_one_has_the_name(name):
    starters = 6
    for _ in range(10):
        with process(run_server, name, {}) as child:
            RPCClient(name, wait_for_server=PATIENCE).close()
            child.kill()
            child.join(PATIENCE)
        barrier = threading.Barrier(starters)

        def start(barrier=barrier):
            barrier.wait(PATIENCE)
            try:
                return RPCServer(name)
            except RPCTransportError as error:
                return str(error)

        with ThreadPoolExecutor(starters) as pool:
            started_at_once = [call.result(PATIENCE) for call in [pool.submit(start) for _ in range(starters)]]
        servers = [server for server in started_at_once if isinstance(server, RPCServer)]
        refusals = [refusal for refusal in started_at_once if isinstance(refusal, str)]
        assert len(servers) == 1
        assert all("is in use" in refusal for refusal in refusals)
        register_methods(servers[0])
        with started(servers[0]), RPCClient(name) as client:
            assert client.call("add", a=1, b=2) == 3
        assert leftovers(name) == []


@pytest.mark.fault("name-in-use")
def test_a_starting_server_that_was_taken_for_dead_does_not_serve_under_a_name_it_has_lost(name):
    """Between making its segment and locking it, it looks dead, and who starts then removes it. When it had the public
    name already and did not look again whether it still had it, there were two servers."""
    pause = Pause(PATIENCE)
    with watched(at("open locks", pause, AFTER)), calling(RPCServer, name) as slow:
        pause.wait_until_reached()
        with RPCServer(name) as quick:
            pause.resume()
            with pytest.raises(RPCTransportError, match="is in use"):
                slow.result(PATIENCE)
            register_methods(quick)
            with started(quick), RPCClient(name) as client:
                assert client.call("add", a=1, b=2) == 3


def test_clients_may_connect_before_start(name):
    server = RPCServer(name)
    register_methods(server)
    with RPCClient(name) as client, started(server):
        assert client.call("add", a=1, b=2) == 3


def test_a_method_can_stop_its_server_and_is_answered(name):
    with server_process(name) as child, RPCClient(name) as client:
        assert client.call("stop") is None
        child.join(PATIENCE)
        assert child.exitcode == 0
        with pytest.raises(RPCTransportError, match="start the server"):
            client.call("add", a=1, b=2)


def test_stop_and_close_are_idempotent_and_a_closed_server_cannot_start(name):
    with RPCServer(name) as server:
        server.stop()
        server.start()  # a stop that came before is not forgotten
        server.stop()
        server.close()
        server.close()
        with pytest.raises(RPCTransportError, match="is closed"):
            server.start()


def test_a_server_cannot_be_started_twice(name):
    with serving(name) as server, RPCClient(name) as client:
        client.call("add", a=1, b=2)
        with pytest.raises(RPCTransportError, match="is running already"):
            server.start()


def test_an_idle_timeout_ends_the_server_with_an_error(name):
    server = RPCServer(name, timeout=0.05)
    with pytest.raises(RPCTimeoutError, match=r"had no request for 0\.05 s"):
        server.start()


def test_an_idle_timeout_begins_anew_with_each_request(name, monkeypatch):
    deadlines = iter([math.inf, 0.0])
    monkeypatch.setattr("shm_rpc_bridge.answering.deadline_after", lambda timeout: next(deadlines))
    server = RPCServer(name, timeout=1)
    register_methods(server)
    with calling(server.start) as start, server, RPCClient(name, timeout=PATIENCE) as client:
        assert client.call("add", a=1, b=2) == 3
        with pytest.raises(RPCTimeoutError, match="had no request for 1 s"):
            start.result(PATIENCE)


def test_a_server_never_closed_is_removed_when_the_interpreter_exits(name):
    code = f"import shm_rpc_bridge; server = shm_rpc_bridge.RPCServer({name!r})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE)
    assert cleanup.survey(name) == []


def test_system_exit_in_a_method_answers_the_caller_and_ends_the_server(name):
    with process(exiting_server, name) as child, RPCClient(name, wait_for_server=PATIENCE) as client:
        with pytest.raises(RPCMethodError, match="SystemExit: 7"):
            client.call("leave")
        child.join(PATIENCE)
        assert child.exitcode == 7


def test_a_client_never_closed_warns(name):
    with serving(name), pytest.warns(ResourceWarning, match="was never closed"):
        RPCClient(name).__del__()


def test_while_a_client_is_connected_its_objects_have_no_names(name):
    with serving(name), RPCClient(name) as client:
        client.call("add", a=1, b=2)
        kinds = [listed.name.rpartition(":")[2] for listed in posix.list_own_objects(f"srb:{name}")]
        assert kinds == [name, "doorbell"]
