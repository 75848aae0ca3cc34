"""The seams themselves: a memory of one's own, steps that can be watched, and what is left."""

import mmap
import os
import signal
from time import monotonic

import posix_ipc
import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, SharedMemoryTransport, posix
from shm_rpc_bridge.testing import (
    AFTER,
    BEFORE,
    DURING,
    Pause,
    Step,
    at,
    drop,
    in_memory,
    leftovers,
    watched,
)

from .children import client_until
from .services import PATIENCE, calling, process, register_methods, serving, started
from .steps import wait_until_stopped


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
def test_in_memory_servers_and_clients_find_each_other_and_nothing_is_in_dev_shm(name, wait):
    with in_memory():
        server = RPCServer(name, wait=wait)
        register_methods(server)
        with started(server), RPCClient(name, timeout=PATIENCE, wait=wait) as client:
            assert client.call("add", a=1, b=2) == 3
            for size in (10, 100_000, 1_000_000):
                assert client.call("echo", data="x" * size) == "x" * size
            assert len(leftovers(name)) == 2
            assert not [entry for entry in os.listdir("/dev/shm") if name in entry]
        assert leftovers(name) == []


def test_in_memory_the_rules_of_names_and_locks_hold():
    with in_memory():
        with pytest.raises(RPCTransportError, match="start the server"):
            RPCClient("calc")
        with RPCServer("calc"), pytest.raises(RPCTransportError, match=f"in use by process {os.getpid()}"):
            RPCServer("calc")
        with SharedMemoryTransport.create("pipe"), pytest.raises(RPCTransportError, match="in use"):
            SharedMemoryTransport.create("pipe")
        with SharedMemoryTransport.create("pipe") as here, SharedMemoryTransport.open("pipe") as there:
            there.send_request(b"bytes")
            assert here.receive_request() == b"bytes"


def test_what_is_outside_of_the_block_is_another_world(name):
    with serving(name):
        with in_memory(), pytest.raises(RPCTransportError, match="start the server"):
            RPCClient(name)
        with RPCClient(name) as client:
            assert client.call("add", a=1, b=2) == 3


def test_a_memory_semaphore_behaves_as_a_real_one(name):
    """Both are held to the same: taken in turn, busy when empty, in time, closed once."""

    def behave():
        held = []
        semaphore, same = posix.create_semaphore(name, 1, held), posix.open_semaphore(name, held)
        with pytest.raises(posix.AlreadyExistsError):
            posix.create_semaphore(name, 1, held)
        seen = [same.trywait(), semaphore.value, semaphore.trywait()]
        outcome = posix.no_outcome()
        seen += [semaphore.park(monotonic() + 0.001, outcome), outcome[0]]
        with calling(semaphore.park, monotonic() + PATIENCE, outcome) as taking:
            same.release()
            seen += [taking.result(PATIENCE), outcome[0]]
        same.release()
        seen.append(semaphore.value)
        same.close()
        same.close()
        for use in (same.release, same.trywait, lambda: same.park(monotonic() + 0.001, posix.no_outcome())):
            with pytest.raises(posix.Closed):
                use()
        semaphore.close()
        seen += [posix.unlink_semaphore(name), posix.unlink_semaphore(name)]
        with pytest.raises(posix.NotFoundError):
            posix.open_semaphore(name, held)
        posix.let_go(held)
        return seen

    assert behave() == [0, 0, -1, False, -1, True, 0, 1, True, False]
    with in_memory():
        assert behave() == [0, 0, -1, False, -1, True, 0, 1, True, False]


def test_steps_come_in_order_and_a_message_has_a_middle(name):
    steps = []
    creator = SharedMemoryTransport.create(name, wait="block")
    with creator, watched(steps.append), SharedMemoryTransport.open(name, wait="block") as opener:
        steps.clear()
        opener.send_request(b"x" * 100)
        assert [str(step) for step in steps] == [
            "after acquire request_empty",
            *("before write request", "during write request", "after write request"),
            *("before release request_full", "after release request_full"),
        ]
        assert creator.receive_request() == b"x" * 100


def test_a_hook_may_raise_out_of_a_call(name):
    class Enough(Exception):
        pass

    def raise_it():
        raise Enough

    with serving(name), watched(at("release request_full", raise_it)), RPCClient(name, timeout=PATIENCE) as client:
        with pytest.raises(Enough):
            client.call("add", a=1, b=2)
        assert client.call("add", a=1, b=2) == 3


def test_a_pause_holds_a_thread_at_a_step_until_it_is_resumed():
    pause = Pause(PATIENCE)
    with in_memory(), watched(at("write response", pause, DURING)):
        server = RPCServer("calc")
        register_methods(server)
        client = RPCClient("calc", timeout=PATIENCE)
        with started(server), client, calling(client.call, "echo", data="x") as call:
            pause.wait_until_reached()
            assert not call.done()
            pause.resume()
            assert call.result(PATIENCE) == "x"


def test_who_is_never_resumed_or_reached_does_not_hang():
    pause = Pause(patience=0.001)
    with pytest.raises(TimeoutError, match="go on"):
        pause()
    with pytest.raises(TimeoutError, match="has come"):
        Pause(patience=0.001).wait_until_reached()


def test_dropping_leaves_out_so_many_of_an_action():
    hook = drop("release doorbell", times=2)
    answers = [hook(Step("release doorbell", when)) for when in (BEFORE, AFTER, BEFORE, AFTER, BEFORE)]
    assert answers == [True, False, True, False, False]
    assert not hook(Step("release request_full", BEFORE))


def test_a_process_stops_itself_at_a_step(name):
    with serving(name), process(client_until, name, "write request", DURING, "stop", "text") as child:
        wait_until_stopped(child)
        os.kill(child.pid, signal.SIGCONT)
        child.join(PATIENCE)
        assert child.exitcode == 0


def test_leftovers_are_of_exactly_that_name(name):
    with RPCServer(name + "-longer"), RPCServer(name), SharedMemoryTransport.create(name):
        assert {left.replace("sem.", "").split(":")[1] for left in leftovers(name)} == {name}
        assert len(leftovers(name)) == 2 + 7
    assert leftovers(name) == []


def test_without_a_block_the_systems_own_objects_are_used(name):
    """The seam costs a call nothing."""
    held = []
    segment, semaphore = posix.create_segment(name, 10, held), posix.create_semaphore(name, 0, held)
    posix.unlink_segment(name)
    posix.unlink_semaphore(name)
    assert type(segment.map) is mmap.mmap
    assert isinstance(semaphore, posix_ipc.Semaphore)
    assert "release" not in vars(type(semaphore))
    posix.let_go(held)
