"""Children that are forked while other threads connect and close run as any other."""

import contextlib
import os
import sys
import threading
import time
import weakref

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, giving_back

from .services import PATIENCE, calling, server_process


@pytest.mark.fault("fork-while-connecting")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("forks", [100, pytest.param(10_000, marks=pytest.mark.soak)])
def test_children_that_are_forked_while_threads_connect_and_close_run(name, forks, figures):
    """Some of them waited for a lock in the C library that a thread of their parent's had had, for ever."""
    forks, ended = figures.scaled(forks), threading.Event()
    connected = [0, 0]

    def connect_on(which):
        while not ended.is_set():
            with RPCClient(name, timeout=PATIENCE) as client:
                assert client.call("add", a=connected[which], b=1) == connected[which] + 1
            connected[which] += 1

    with server_process(name) as server:
        with calling(connect_on, 0) as one, calling(connect_on, 1) as two:
            try:
                for number in figures.progress("forks while connecting", range(forks)):
                    pid = os.fork()
                    if pid == 0:
                        call_and_exit(name, number)
                    assert exit_status(pid) == 0
            finally:
                ended.set()
            one.result(PATIENCE)
            two.result(PATIENCE)
        with RPCClient(name, timeout=PATIENCE) as client:
            assert client.call("add", a=1, b=2) == 3
            client.call("stop")
        server.join(PATIENCE)
    figures.record("fork-while-connecting", "children forked while threads connect, all ran", forks, "forks", forks)
    figures.record("fork-while-connecting", "connections meanwhile", sum(connected), "connections", forks)


def call_and_exit(name, number):
    status = 1
    try:
        with RPCClient(name, timeout=PATIENCE) as client:
            status = 0 if client.call("add", a=number, b=3) == number + 3 else 2
    finally:
        os._exit(status)


def exit_status(pid):
    """Of a child, which is killed if it has not ended in time."""
    end = time.monotonic() + PATIENCE
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return status
        if time.monotonic() > end:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            return "it hung"
        time.sleep(0.0005)


@pytest.mark.fault("fork-while-connecting")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_in_the_middle_of_which_another_thread_makes_a_server_is_prepared_as_any(name, monkeypatch):
    """What was to be done before it ended with "Set changed size during iteration" on stderr: so a child could meet
    its parent's handlers, or have a copy that changes of what its parent was lent."""
    ignored, made = [], []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: ignored.append(str(what.exc_value)))
    with RPCServer(name):
        with changing_meanwhile(monkeypatch, lambda: made.append(RPCServer(f"{name}-{len(made)}"))):
            pid = os.fork()
            if pid == 0:
                os._exit(0)
        assert exit_status(pid) == 0
    for server in made:
        server.close()
    assert made
    assert ignored == []


def test_clients_that_are_noted_while_others_are_asked_to_give_back_memory_do_not_end_the_thread_that_asks(monkeypatch):
    """It was, for good: what large messages had left stayed with every client of the process."""
    asked, holders = [], [Holder() for _ in range(2)]
    monkeypatch.setattr(Holder, "give_back_unused", lambda self: asked.append(self))
    monkeypatch.setattr(giving_back, "_holders", weakref.WeakSet(holders[:1]))
    with changing_meanwhile(monkeypatch, lambda: giving_back._holders.add(holders[1])):
        giving_back._look()
    assert set(asked) == set(holders)


class Holder:
    def give_back_unused(self):
        return False


@contextlib.contextmanager
def changing_meanwhile(monkeypatch, change):
    """The first set of what lives that is walked through changes then, as by another thread."""
    walk, has_changed = weakref.WeakSet.__iter__, []

    def changed(them):
        for each in walk(them):
            yield each
            if not has_changed:
                has_changed.append(True)
                change()

    with monkeypatch.context() as patch:
        patch.setattr(weakref.WeakSet, "__iter__", changed)
        yield
