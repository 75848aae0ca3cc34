"""A client dies: its own channel is gone, and nobody else notices."""

import random
import signal
import time

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, SharedMemoryTransport, layout, names, posix
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.header import Offer
from shm_rpc_bridge.testing import leftovers

from .children import caller_forever, client_forever, client_until, opener_until
from .services import PATIENCE, context, process, server_process, serving, started, unique_name
from .steps import CLIENT_STEPS, WRITING_STEPS, until


def connect_when_free(name):
    """A client, as soon as the server has taken a dead one's channel back."""
    for _ in until(PATIENCE):
        try:
            return RPCClient(name, timeout=PATIENCE)
        except RPCTransportError as error:
            if "channels in use" not in str(error):
                raise
    raise AssertionError("the channel of a dead client was not freed")


@pytest.mark.fault("client-killed")
def test_a_killed_client_leaves_no_object_and_its_channel_is_used_again(name):
    """Without the locks (`Control.reclaim` refusing) the second client never finds a channel."""
    with serving(name, max_channels=1):
        for _ in range(2):
            connected = context.Event()
            with process(client_forever, name, connected):
                assert connected.wait(PATIENCE)
                with pytest.raises(RPCTransportError, match="all its 1 channels in use"):
                    RPCClient(name)
            with connect_when_free(name) as client:
                assert client.call("add", a=1, b=2) == 3


@pytest.fixture(scope="module")
def killed_clients():
    """One client killed at each step; for each: how it ended, and whether another client got its answer after it."""
    name = unique_name()
    outcomes = {"name": name}
    with serving(name), RPCClient(name, timeout=PATIENCE) as bystander:
        for number, step in enumerate(CLIENT_STEPS):
            with process(client_until, name, *step, "kill", "text") as child:
                child.join(PATIENCE)
                outcomes[step] = child.exitcode, bystander.call("echo", data=number) == number
        outcomes["after all"] = wait_until_only_one_is_left(name)
    outcomes["after closing"] = leftovers(name)
    return outcomes


def wait_until_only_one_is_left(name):
    """The slots in use and the objects, once they are those of one client; else after some patience."""
    held = []
    control = Control.open(name, held)
    try:
        for _ in until(PATIENCE):
            if len(control.slots_in_use()) == 1:
                break
        return control.slots_in_use(), [left.rpartition(":")[2] for left in leftovers(name)]
    finally:
        posix.let_go(held)


@pytest.mark.fault("client-killed")
@pytest.mark.parametrize("step", CLIENT_STEPS, ids=str)
def test_a_client_killed_at_any_step_disturbs_no_other(killed_clients, step):
    assert killed_clients[step] == (-signal.SIGKILL, True)


@pytest.mark.fault("client-killed")
@pytest.mark.fault("killed-creating")
def test_clients_killed_at_every_step_leave_nothing(name, killed_clients):
    """With `unlink` taken out of `Endpoint._forget` the objects of channels that nobody had opened yet remained."""
    assert killed_clients["after all"] == ([0], ["doorbell", killed_clients["name"]])
    assert killed_clients["after closing"] == []


@pytest.mark.fault("client-killed-writing")
@pytest.mark.parametrize("step", WRITING_STEPS, ids=str)
def test_of_a_request_whose_client_is_killed_while_writing_nothing_is_dispatched(name, step):
    dispatched = []
    server = RPCServer(name)
    server.register("echo", lambda data: dispatched.append(data))
    with started(server):
        with process(client_until, name, *step, "kill", "x" * 3_000_000) as child:
            child.join(PATIENCE)
            assert child.exitcode == -signal.SIGKILL
        with RPCClient(name, timeout=PATIENCE) as other:
            other.call("echo", data="of another client")
            slots, objects = wait_until_only_one_is_left(name)
            assert (len(slots), len(objects)) == (1, 2)
    assert dispatched == ["of another client"]


@pytest.mark.fault("client-killed-writing")
@pytest.mark.parametrize("step", WRITING_STEPS, ids=str)
def test_half_a_message_is_never_received(name, step):
    """With `request_full` posted before the message is copied, half of it and zeros arrive as a whole one."""
    with SharedMemoryTransport.create(name) as creator, process(opener_until, name, *step) as child:
        child.join(PATIENCE)
        assert child.exitcode == -signal.SIGKILL
        with pytest.raises(RPCTransportError, match="has closed it or died"):
            creator.receive_request(PATIENCE)


@pytest.mark.fault("client-killed")
@pytest.mark.parametrize("kills", [20, pytest.param(1000, marks=pytest.mark.soak)])
def test_clients_killed_at_random_moments_under_load_disturb_no_other(name, kills, figures):
    """One client calls all the time; another is killed at a random moment and replaced."""
    kills, chance = figures.scaled(kills), random.Random(20)
    with server_process(name) as server, RPCClient(name, timeout=PATIENCE) as bystander:
        slowest = gone = 0.0
        killed = looked = 0
        for number in figures.progress("random kills", range(kills)):
            with process(caller_forever, name, number) as child:
                stop = time.monotonic() + chance.uniform(0.0, 0.06)
                calls = 0
                while time.monotonic() < stop or not calls:
                    before = time.monotonic()
                    assert bystander.call("add", a=number, b=calls) == number + calls
                    slowest = max(slowest, time.monotonic() - before)
                    calls += 1
            assert child.exitcode == -signal.SIGKILL
            killed += 1
            if number % 10 == 0:
                looked += 1
                before = time.monotonic()
                slots, objects = wait_until_only_one_is_left(name)
                gone = max(gone, time.monotonic() - before)
                assert (len(slots), len(objects)) == (1, 2)
        assert server.is_alive()
        bystander.call("stop")
        server.join(PATIENCE)
    assert leftovers(name) == []
    figures.record("client-killed", "clients killed at random moments under load", killed, "kills", killed)
    figures.record("client-killed", "slowest call of another client meanwhile", slowest * 1e3, "ms", killed)
    figures.record("client-killed", "slot and objects gone after a kill, worst", gone * 1e3, "ms", looked)


@pytest.mark.fault("client-killed")
def test_of_many_slots_those_without_an_owner_are_found_in_one_look(name):
    """Asked for one by one the kernel goes through all locks each time: 455 ms for 10,000 clients, twice a second."""
    held, owners = [], []
    try:
        server = Control.create(name, 5, Offer(300, 4096, 4096, "json"), held)
        server.publish()
        for slot in range(300):
            own = []
            posix.open_lock_file(names.control(name), own).try_lock(layout.slot_lock(slot))
            owners.append(own)
        slots = list(range(300))
        without = {0, 7, 299}
        for slot in without:
            posix.let_go(owners[slot])
        # Read while other processes lock and unlock, the system's list may lack some that are locked.
        for _ in until(PATIENCE):
            found = server.without_owner(slots)
            assert without <= set(found)
            if found == sorted(without):
                break
        assert found == sorted(without)
        server.withdraw_name()
    finally:
        for own in owners:
            posix.let_go(own)
        posix.let_go(held)
