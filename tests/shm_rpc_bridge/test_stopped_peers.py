"""The other side does not die, it just stops (SIGSTOP), or a wake-up is lost: deadlines hold, and things go on."""

import os
import signal
import time

import pytest

from shm_rpc_bridge import RPCClient, RPCError, RPCServer, RPCTimeoutError
from shm_rpc_bridge.testing import drop, in_memory, watched

from .children import client_until, server_until
from .services import PATIENCE, process, register_methods, server_process, serving, started
from .steps import wait_until_stopped

MIDDLES = [("write response", "during"), ("release response_full", "before"), ("acquire request_full", "after")]


def stop_process(child, name):
    """SIGSTOP, once it has answered: by then it has installed its handlers, and SIGTERM ends it well."""
    with RPCClient(name, timeout=PATIENCE) as client:
        assert client.call("add", a=1, b=2) == 3
    os.kill(child.pid, signal.SIGSTOP)
    wait_until_stopped(child)


def resume_and_stop(child):
    os.kill(child.pid, signal.SIGCONT)
    os.kill(child.pid, signal.SIGTERM)
    child.join(PATIENCE)
    assert child.exitcode == 0


@pytest.mark.fault("peer-stopped")
@pytest.mark.parametrize("step", MIDDLES, ids=" ".join)
def test_the_deadline_holds_when_the_server_is_stopped_in_the_middle_of_a_message(name, step):
    """And what it says once it goes on is not taken for the answer of the next call."""
    with process(server_until, name, *step, "stop") as child:
        with RPCClient(name, timeout=0.1, wait_for_server=PATIENCE) as client:
            with pytest.raises(RPCTimeoutError, match="whether it ran is unknown"):
                client.call("text_of", size=200_000)
            wait_until_stopped(child)
            with pytest.raises(RPCTimeoutError, match="never runs"):
                client.call("add", a=1, b=1)
            os.kill(child.pid, signal.SIGCONT)
        with RPCClient(name, timeout=PATIENCE) as patient:
            assert patient.call("add", a=1, b=2) == 3
        resume_and_stop(child)


@pytest.mark.fault("peer-stopped")
@pytest.mark.parametrize("step", [("write request", "during"), ("claim slot", "after")], ids=" ".join)
def test_a_client_stopped_in_the_middle_of_a_message_holds_up_nobody(name, step):
    stopped = process(client_until, name, *step, "stop", "x" * 1_000_000)
    with serving(name), RPCClient(name, timeout=PATIENCE) as bystander, stopped as child:
        wait_until_stopped(child)
        for number in range(20):
            assert bystander.call("add", a=number, b=1) == number + 1
        os.kill(child.pid, signal.SIGCONT)
        child.join(PATIENCE)
        assert child.exitcode == 0


@pytest.mark.fault("peer-stopped")
def test_the_deadline_holds_when_the_server_is_stopped(name):
    """Without the look at the deadline in `Waiter._park` it never ends; without `withdraw` its outcome is unknown."""
    with server_process(name) as child, RPCClient(name, timeout=0.2) as client:
        stop_process(child, name)
        with pytest.raises(RPCTimeoutError, match="never runs"):
            client.call("add", a=1, b=2)
        resume_and_stop(child)


@pytest.mark.fault("peer-stopped")
def test_timed_out_requests_to_a_stopped_server_use_up_no_channels(name):
    with server_process(name, max_channels=2) as child, RPCClient(name, timeout=0.01) as client:
        stop_process(child, name)
        for _ in range(10):
            with pytest.raises(RPCTimeoutError, match="never runs"):
                client.call("add", a=1, b=2)
        resume_and_stop(child)


@pytest.mark.fault("wakeup-lost")
@pytest.mark.parametrize("times", [3, pytest.param(100, marks=pytest.mark.soak)])
def test_a_call_whose_doorbell_is_lost_is_answered_all_the_same(times, figures):
    """Without ringing again in `_Body.recheck` it ends with its timeout: the server never looks."""
    times, took = figures.scaled(times), []
    with in_memory():
        server = RPCServer("lost")
        register_methods(server)
        with started(server):
            for number in range(times):
                with watched(drop("release doorbell")):
                    client = RPCClient("lost", timeout=PATIENCE)  # its channel is announced without a sound
                with client:
                    start = time.monotonic()
                    assert client.call("add", a=number, b=2) == number + 2
                    took.append(time.monotonic() - start)
    figures.record("wakeup-lost", "call whose wake-up was lost answered after, worst", max(took) * 1e3, "ms", times)


@pytest.mark.fault("wakeup-lost")
@pytest.mark.parametrize("action", ["release request_full", "release response_full"])
def test_any_other_post_that_is_lost_costs_one_call(action):
    """Put back as clean, the channel whose response was lost gave it to the next call as a message that is there."""
    with in_memory(), watched(drop(action)):
        server = RPCServer("lost")
        register_methods(server)
        with started(server), RPCClient("lost", timeout=0.5) as client:
            outcomes = []
            for number in range(5):
                try:
                    outcomes.append(client.call("echo", data=number) == number)
                except RPCError:
                    outcomes.append("lost")
            assert outcomes.count("lost") == 1
            assert outcomes[2:] == [True, True, True]
