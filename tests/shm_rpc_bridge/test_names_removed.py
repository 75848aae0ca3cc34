"""A server's names are removed under it: it notices, says so, takes them again, and no call is lost by it."""

import contextlib
import os
import threading
from concurrent import futures

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError
from shm_rpc_bridge.testing import leftovers

from .services import PATIENCE, calling, in_thread, register_methods, serving, started
from .steps import until
from .strangers import objects_of

pytestmark = pytest.mark.fault("names-removed")


def remove_names(name):
    """As systemd does when a user logs out."""
    for path in objects_of(name):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def wait_for_message(caplog, level, number=1):
    """The texts logged at that level once there are so many of them."""
    for _ in until(PATIENCE):
        logged = [record.getMessage() for record in list(caplog.records) if record.levelname == level]
        if len(logged) >= number:
            return logged
    raise AssertionError(f"no {level} was logged")


def test_a_server_whose_names_are_removed_takes_them_again_and_says_what_to_do(name, caplog):
    """It went on as if nothing were: old clients were served, new ones were told to start the server."""
    with serving(name), RPCClient(name, timeout=PATIENCE) as old:
        assert old.call("add", a=1, b=1) == 2
        remove_names(name)
        with RPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE) as new:
            (warning,) = wait_for_message(caplog, "WARNING")
            assert f"the name of server '{name}' was removed" in warning
            assert "loginctl enable-linger" in warning
            assert "RemoveIPC=no" in warning
            assert new.call("add", a=1, b=2) == 3
            assert old.call("add", a=2, b=2) == 4
    assert leftovers(name) == []


def test_no_call_is_lost_or_answered_twice_while_names_are_removed_and_taken_again(name, caplog):
    """Several clients call all the time, and one waits in a long method."""
    ended, entered, release = threading.Event(), threading.Event(), threading.Event()
    ran = []

    connected = threading.Barrier(4)

    def call_on(number):
        made = 0
        with RPCClient(name, timeout=PATIENCE) as client:
            client.call("add", a=1, b=2)
            connected.wait(PATIENCE)
            while not ended.is_set() or not made:
                assert client.call("note", who=[number, made]) == [number, made]
                made += 1
        return made

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving(name))
        server.register("note", lambda who: ran.append(tuple(who)) or who)
        server.register("hold", lambda: entered.set() or release.wait(PATIENCE))
        callers = [stack.enter_context(calling(call_on, number)) for number in range(3)]
        stack.callback(ended.set)
        connected.wait(PATIENCE)
        for removal in range(2):
            remove_names(name)
            wait_for_message(caplog, "WARNING", removal + 1)
            before = len(ran)
            for _ in until(PATIENCE):  # all have come to the new life: who is just connecting is another matter
                if {who for who, _ in ran[before + 3 :]} == {0, 1, 2}:
                    break
        with RPCClient(name, timeout=PATIENCE) as holder, calling(holder.call, "hold") as held:
            stack.callback(release.set)
            assert entered.wait(PATIENCE)
            remove_names(name)  # the others' requests wait, sent to the life that is just losing its name
            release.set()
            assert held.result(PATIENCE) is True
            wait_for_message(caplog, "WARNING", 3)
        ended.set()
        made = [caller.result(PATIENCE) for caller in callers]
    assert sorted(ran) == sorted((number, each) for number, calls in enumerate(made) for each in range(calls))


def test_calls_that_wait_while_the_names_are_taken_again_are_answered_however_long_it_takes(name, caplog, monkeypatch):
    """One is in a method when that has happened, one behind it."""
    monkeypatch.setattr("shm_rpc_bridge.reception._SWEEP_INTERVAL", 0.0)
    entered = [threading.Event(), threading.Event()]
    release = [threading.Event(), threading.Event()]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving(name))
        server.register("hold", lambda at: entered[at].set() or release[at].wait(PATIENCE))
        clients = [stack.enter_context(RPCClient(name, timeout=PATIENCE)) for _ in range(3)]
        for client in clients:
            client.call("add", a=1, b=2)
        first = stack.enter_context(calling(clients[0].call, "hold", at=0))
        for each in release:
            stack.callback(each.set)
        assert entered[0].wait(PATIENCE)
        second = stack.enter_context(calling(clients[1].call, "hold", at=1))
        third = stack.enter_context(calling(clients[2].call, "hold", at=1))
        remove_names(name)
        release[0].set()
        assert first.result(PATIENCE) is True
        wait_for_message(caplog, "WARNING")
        assert entered[1].wait(PATIENCE)
        for waiting in (second, third):
            with pytest.raises(futures.TimeoutError):
                waiting.exception(0.3)  # three looks at the server
        release[1].set()
        assert second.result(PATIENCE) is True
        assert third.result(PATIENCE) is True


@pytest.mark.parametrize("kind", ["in a thread", "in a loop"])
def test_a_call_that_runs_elsewhere_while_the_names_are_taken_again_is_answered(name, caplog, monkeypatch, kind):
    """Its channel was closed half a second later: the server's thread waits for no method that runs elsewhere."""
    monkeypatch.setattr("shm_rpc_bridge.reception._SWEEP_INTERVAL", 0.0)
    entered, release = threading.Event(), threading.Event()

    def hold():
        entered.set()
        return release.wait(PATIENCE)

    async def hold_in_loop():
        return await in_thread(hold)

    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving(name, threads=2 if kind == "in a thread" else 0))
        server.register("hold", hold if kind == "in a thread" else hold_in_loop)
        client = stack.enter_context(RPCClient(name, timeout=PATIENCE))
        stack.callback(release.set)
        held = client.submit("hold")
        assert entered.wait(PATIENCE)
        remove_names(name)
        wait_for_message(caplog, "WARNING")
        for number in range(20):
            assert client.call("add", a=1, b=number) == 1 + number
        with pytest.raises(futures.TimeoutError):
            held.exception(0.3)  # three looks at the server
        release.set()
        assert held.result(PATIENCE) is True
        for _ in until(PATIENCE):
            if len(server._endpoint._lives) == 1:
                break
        assert len(server._endpoint._lives) == 1


def test_a_server_whose_name_another_one_has_taken_says_so_and_serves_its_clients_on(name, caplog):
    """Two servers of one name ran beside each other, and neither knew."""
    with serving(name, timeout=None) as first, RPCClient(name, timeout=PATIENCE) as old:
        first.register("who", lambda: "first")
        assert old.call("who") == "first"
        remove_names(name)
        second = RPCServer(name)
        register_methods(second)
        second.register("who", lambda: "second")
        with started(second):
            (error,) = wait_for_message(caplog, "ERROR")
            assert f"server name '{name}' is in use by process {os.getpid()}" in error
            assert "stop one of them" in error
            assert old.call("who") == "first"
            with RPCClient(name, timeout=PATIENCE) as new:
                assert new.call("who") == "second"
                assert old.call("who") == "first"
        wait_for_message(caplog, "WARNING")  # the second one has gone, so that the name is free
        with RPCClient(name, timeout=PATIENCE) as newer:
            assert newer.call("who") == "first"
        assert old.call("who") == "first"
        assert len(wait_for_message(caplog, "ERROR")) == 1


def test_a_server_without_its_name_removes_nothing_of_the_one_that_has_it(name):
    first = RPCServer(name)
    remove_names(name)
    with serving(name):
        first.close()
        assert len(leftovers(name)) == 2
        with RPCClient(name, timeout=PATIENCE) as client:
            assert client.call("add", a=1, b=2) == 3
    with pytest.raises(RPCTransportError, match="start the server"):
        RPCClient(name)
