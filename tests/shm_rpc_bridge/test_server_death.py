"""A server dies: who waits is told, who comes next is served."""

import contextlib
import os
import signal
import sys
import time

import pytest

from shm_rpc_bridge import (
    RPCClient,
    RPCError,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
    SharedMemoryTransport,
    cleanup,
    posix,
)
from shm_rpc_bridge.testing import AFTER, BEFORE, Pause, at, leftovers, watched

from .children import creator_until, hanging_server, opener_until, server_until
from .services import (
    PATIENCE,
    calling,
    context,
    process,
    register_methods,
    run_server,
    server_process,
    serving,
    started,
)
from .steps import CREATOR_STEPS, OPENER_STEPS, SERVER_STEPS


def remove_leftovers(name):
    """For tests in which nobody starts a server again."""
    for owner in cleanup.survey(name):
        cleanup.remove(owner)


def connected_to(name):
    return RPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE)


def fail_to_call(client, method):
    """The error, and when it came."""
    with pytest.raises(RPCTransportError) as caught:
        client.call(method)
    return caught, time.monotonic()


@pytest.mark.fault("server-killed-waiting")
@pytest.mark.parametrize("deaths", [1, pytest.param(100, marks=pytest.mark.soak)])
def test_a_server_killed_during_a_call_is_named_at_once_and_the_outcome_called_unknown(name, deaths, figures):
    """Without the look at the server's lock between slices (`_Body.recheck`) the call waits its 30 s out."""
    deaths, noticed = figures.scaled(deaths), []
    for _ in figures.progress("servers killed during a call", range(deaths)):
        entered = context.Event()
        with process(hanging_server, name, entered) as child, connected_to(name) as client:
            with calling(fail_to_call, client, "hang") as call:
                assert entered.wait(PATIENCE)
                killed = time.monotonic()
                child.kill()
                error, raised = call.result(PATIENCE)
            noticed.append(raised - killed)
            error.match(rf"server '{name}' \(process {child.pid}\) is dead \(whether it ran is unknown\)")
    remove_leftovers(name)
    assert max(noticed) < PATIENCE / 2  # told by the lock, not by the timeout
    figures.record("server-killed-waiting", "noticed after, median", sorted(noticed)[deaths // 2] * 1e3, "ms", deaths)
    figures.record("server-killed-waiting", "noticed after, worst", max(noticed) * 1e3, "ms", deaths)


@pytest.mark.fault("server-killed-waiting")
def test_a_call_to_a_server_that_died_while_idle_never_ran(name):
    """Without `Connection.is_alive` the client went on asking for channels of a dead server."""
    with server_process(name) as child, RPCClient(name) as client:
        assert client.call("add", a=1, b=2) == 3
        child.kill()
        child.join(PATIENCE)
        with pytest.raises(RPCTransportError, match=r"is dead \(the server had not taken it, so it never runs"):
            client.call("add", a=1, b=2)
        with pytest.raises(RPCTransportError, match="start the server"):
            client.call("add", a=1, b=2)
    remove_leftovers(name)


@pytest.mark.fault("server-restarted")
@pytest.mark.fault("kill-restart-cycles")
@pytest.mark.parametrize("cycles", [20, pytest.param(1000, marks=pytest.mark.soak)])
def test_killed_and_restarted_servers_leave_nothing_and_an_old_client_goes_on(name, cycles, figures):
    """Without removing what earlier lives have left (`Control.publish`) there is a doorbell more after each cycle."""
    cycles, counts = figures.scaled(cycles), set()
    with contextlib.ExitStack() as stack:
        client = None
        for cycle in figures.progress("killed and restarted", range(cycles)):
            with server_process(name) as child:
                client = client or stack.enter_context(RPCClient(name))
                assert client.call("add", a=cycle, b=2) == cycle + 2
                counts.add(len(leftovers(name)))
                child.kill()
                child.join(PATIENCE)
        with serving(name):
            assert client.call("add", a=1, b=2) == 3
    assert counts == {2}
    figures.record("kill-restart-cycles", "objects in /dev/shm while running, least", min(counts), "objects", cycles)
    figures.record("kill-restart-cycles", "objects in /dev/shm while running, most", max(counts), "objects", cycles)


@pytest.mark.fault("server-restarted")
@pytest.mark.parametrize(
    ("action", "when", "why"),
    [
        ("lock remover", AFTER, "is dead"),
        ("unlink control", BEFORE, "start the server"),  # it says by now that it has closed
        ("unlink control", AFTER, "start the server"),
    ],
)
def test_while_a_starting_server_makes_way_nobody_takes_the_dead_one_for_alive(name, action, when, why):
    """To remove a dead server's segment a lock of it is taken. While that was the lock by which everybody else judges,
    clients connected to it in that moment, and their next call failed."""
    with server_process(name) as child, RPCClient(name) as client:
        child.kill()
        child.join(PATIENCE)
        pause = Pause(PATIENCE)
        with watched(at(action, pause, when)), calling(RPCServer, name) as starting:
            pause.wait_until_reached()
            with pytest.raises(RPCTransportError, match="start the server"):
                RPCClient(name)
            with pytest.raises(RPCTransportError, match=f"{why}.*, so it never runs"):
                client.call("add", a=1, b=2)
            pause.resume()
        server = starting.result(PATIENCE)
        register_methods(server)
        with started(server):
            assert client.call("add", a=1, b=2) == 3


@pytest.mark.fault("server-restarted")
@pytest.mark.fault("killed-creating")
@pytest.mark.parametrize("step", SERVER_STEPS, ids=str)
def test_after_a_server_was_killed_at_any_step_the_next_one_serves_under_its_name(name, step):
    """Whoever calls gets an answer or an error; the next server needs no cleanup, and at its end nothing is left."""
    with process(server_until, name, *step, "kill") as child:
        while child.is_alive():
            try:
                for method in (
                    "everything",
                    "stop",
                ):  # the first client has left, and its slot is free, before the second
                    with RPCClient(name, timeout=PATIENCE, wait_for_server=0.01) as client:
                        assert client.call("add", a=1, b=2) == 3
                        client.call(method)
            except RPCError:
                continue
        child.join(PATIENCE)
        assert child.exitcode == -signal.SIGKILL
    with serving(name), RPCClient(name) as client:
        assert client.call("add", a=2, b=2) == 4
    assert leftovers(name) == []


@pytest.mark.fault("killed-creating")
def test_who_waits_for_a_server_that_was_killed_while_starting_is_told_when_its_patience_ends(name):
    """Without trying again (`retry_until`) who came too early was told at once that there is none."""
    with process(server_until, name, "link control", "after", "kill") as child:
        child.join(PATIENCE)
    with pytest.raises(RPCTransportError, match=rf"process {child.pid}, which served it, is dead"):
        RPCClient(name, wait_for_server=0.05)
    with calling(RPCClient, name, wait_for_server=PATIENCE) as connecting, serving(name):
        connecting.result(PATIENCE).close()


@pytest.mark.fault("killed-creating")
def test_a_half_made_control_segment_is_in_nobodys_way(name):
    made = []
    posix.create_segment(f"srb:{name}", 4096, made)  # as nobody leaves one any more
    posix.let_go(made)
    with pytest.raises(RPCTransportError, match="is no control segment"):
        RPCClient(name)
    with serving(name), RPCClient(name) as client:
        assert client.call("add", a=1, b=2) == 3


@pytest.mark.fault("pid-recycled")
def test_a_living_process_with_a_dead_servers_number_is_not_taken_for_it(name):
    """The control segment names this very process, which is alive. Judged by `os.kill(pid, 0)` it would be served."""
    with process(run_server, name, {}) as child:
        RPCClient(name, wait_for_server=PATIENCE).close()
        child.kill()
        child.join(PATIENCE)
    with open(f"/dev/shm/srb:{name}", "r+b") as control:
        control.seek(16)
        control.write(os.getpid().to_bytes(4, "little"))
    with pytest.raises(RPCTransportError, match=f"process {os.getpid()}, which served it, is dead"):
        RPCClient(name)
    RPCServer(name).close()


@pytest.mark.fault("pid-recycled")
def test_a_zombie_counts_as_dead(name):
    """Its number still exists until its parent asks for its status, which here is only done afterwards."""
    pid = os.posix_spawn(sys.executable, [sys.executable, "-c", SERVE_ONCE.format(name=name)], os.environ)
    try:
        client = RPCClient(name, wait_for_server=PATIENCE)
        with pytest.raises(RPCTransportError, match=f"process {pid}"):
            client.call("die")
        os.kill(pid, 0)
        with pytest.raises(RPCTransportError, match="is dead"):
            RPCClient(name)
        client.close()
    finally:
        os.waitpid(pid, 0)
    remove_leftovers(name)


SERVE_ONCE = """
import os, signal, shm_rpc_bridge
server = shm_rpc_bridge.RPCServer({name!r})
server.register("die", lambda: os.kill(os.getpid(), signal.SIGKILL))
server.start()
"""


@pytest.mark.fault("killed-creating")
@pytest.mark.parametrize("step", CREATOR_STEPS, ids=str)
def test_after_a_creator_was_killed_at_any_step_the_transport_can_be_created_again(name, step):
    with process(creator_until, name, *step) as child:
        while child.is_alive():
            try:
                with SharedMemoryTransport.open(name, wait_for=0.01) as opener:
                    opener.send_request(b"x" * 100)
                    opener.receive_response()
            except RPCTransportError:
                continue
        child.join(PATIENCE)
        assert child.exitcode == -signal.SIGKILL
    exchange_anew(name)


@pytest.mark.fault("killed-creating")
@pytest.mark.parametrize("step", OPENER_STEPS, ids=str)
def test_after_an_opener_was_killed_at_any_step_the_transport_can_be_created_again(name, step):
    with process(opener_until, name, *step) as child:
        with SharedMemoryTransport.create(name) as creator:
            while child.is_alive():
                try:
                    creator.send_response(creator.receive_request(timeout=0.01))
                except RPCTimeoutError:
                    continue
                except RPCTransportError:  # its peer has died
                    break
        child.join(PATIENCE)
        assert child.exitcode == -signal.SIGKILL
    exchange_anew(name)


def exchange_anew(name):
    with SharedMemoryTransport.create(name) as creator, SharedMemoryTransport.open(name) as opener:
        opener.send_request(b"anew")
        assert creator.receive_request() == b"anew"
    assert leftovers(name) == []
