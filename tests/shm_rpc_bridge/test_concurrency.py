"""Many clients, many threads: everyone gets their own answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from shm_rpc_bridge import RPCClient, names, posix
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.testing import Pause, at, in_memory, watched

from .services import PATIENCE, calling, context, server_process, serving


def call_many(name, number, calls, failures):
    with RPCClient(name, timeout=PATIENCE) as client:
        wrong = [n for n in range(calls) if client.call("echo", data=[number, n]) != [number, n]]
    if wrong:
        failures.put((number, wrong))


def test_two_clients_in_two_processes_are_served_at_once(name):
    failures = context.SimpleQueue()
    with server_process(name) as child:
        clients = [context.Process(target=call_many, args=(name, number, 500, failures)) for number in range(2)]
        for client in clients:
            client.start()
        for client in clients:
            client.join(PATIENCE)
        assert [client.exitcode for client in clients] == [0, 0]
        assert failures.empty()
        with RPCClient(name) as client:
            client.call("stop")
        child.join(PATIENCE)


@pytest.mark.fault("threads")
def test_one_client_shared_by_16_threads_gives_everyone_their_own_answer(name):
    """With one channel for all of them the process died of SIGSEGV."""
    with serving(name), RPCClient(name, timeout=PATIENCE) as client, ThreadPoolExecutor(16) as pool:

        def call(number):
            return all(client.call("echo", data=[number, n]) == [number, n] for n in range(100))

        assert all(pool.map(call, range(16)))


@pytest.mark.fault("threads")
def test_calls_of_one_client_from_several_threads_run_concurrently(name):
    """Both requests are under way at once: the second is sent while the method of the first is held up."""
    entered, release = threading.Event(), threading.Event()
    with serving(name) as server, RPCClient(name, timeout=PATIENCE) as client:
        server.register("hold", lambda: entered.set() or release.wait(PATIENCE))
        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(client.call, "hold")
            assert entered.wait(PATIENCE)
            second = pool.submit(client.call, "add", a=1, b=2)
            release.set()
            assert first.result(PATIENCE) is True
            assert second.result(PATIENCE) == 3


@pytest.mark.fault("clients-64")
def test_64_clients_take_turns(name):
    """When all 64 have a request waiting, each gets its turn before any gets two. With the circle begun at its
    first place each time, the first got its second answer before the second got one.
    """
    turns = []
    entered, release = threading.Event(), threading.Event()
    with serving(name, wait="block") as server:
        server.register("turn", lambda who: turns.append(who))
        server.register("hold", lambda: entered.set() or release.wait(PATIENCE))
        clients = [RPCClient(name, timeout=PATIENCE, wait="block") for _ in range(65)]
        with ThreadPoolExecutor(65) as pool:
            held = pool.submit(clients[64].call, "hold")
            assert entered.wait(PATIENCE)
            calls = [pool.submit(call_twice, clients[number], number) for number in range(64)]
            wait_until_rung(name, 64)
            release.set()
            for done in [held, *calls]:
                done.result(PATIENCE)
        for client in clients:
            client.close()
    assert sorted(turns[:64]) == list(range(64))
    assert sorted(turns[64:]) == list(range(64))


def call_twice(client, number):
    client.call("turn", who=number)
    client.call("turn", who=number)


def wait_until_rung(name, count):
    with doorbell_of(name) as doorbell:
        while doorbell.value < count:
            pass


@contextmanager
def doorbell_of(name):
    held = []
    yield posix.open_semaphore(names.doorbell(name, Control.open(name, held).generation), held)
    posix.let_go(held)


@pytest.mark.fault("clients-64")
def test_who_comes_while_others_call_without_pause_is_served_as_well(name):
    """Who is new rings once: without looking for announced channels while others ring, it was never let in."""
    stop = threading.Event()
    with serving(name) as server:
        server.register("work", lambda: stop.wait(0.002))

        def call_without_pause():
            with RPCClient(name, timeout=PATIENCE) as client:
                while not stop.is_set():
                    client.call("work")

        with calling(call_without_pause) as one, calling(call_without_pause) as other:
            try:
                for _ in range(20):
                    with RPCClient(name, timeout=2.0) as new:
                        assert new.call("add", a=1, b=2) == 3
            finally:
                stop.set()
            one.result(PATIENCE)
            other.result(PATIENCE)


@pytest.mark.fault("slots-left")
@pytest.mark.parametrize("how_far", ["create response_full", "announce slot", "release doorbell"])
def test_a_slot_left_and_claimed_anew_while_the_server_comes_to_it_is_its_new_owners(how_far):
    """The server opened the new channel, found it announced once more and dropped it: its client waited for ever."""
    coming, made, rings = Pause(PATIENCE), Pause(PATIENCE), threading.Semaphore(0)
    come = at("serve slot", coming)

    def server_steps(step):
        come(step)
        if str(step) == "after acquire doorbell":
            rings.release()

    with in_memory(), watched(server_steps), serving("left", max_channels=1):
        with RPCClient("left"):
            coming.wait_until_reached()
        with watched(at(how_far, made)), calling(RPCClient, "left", timeout=1.0) as connecting:
            made.wait_until_reached()
            while rings.acquire(blocking=False):
                pass
            coming.resume()
            for _ in range(2):  # at the second the server has come across what there was of the channel at the first
                with doorbell_of("left") as doorbell:
                    doorbell.release()
                assert rings.acquire(timeout=PATIENCE)
            made.resume()
            with connecting.result(PATIENCE) as client:
                for number in range(2):
                    assert client.call("add", a=number, b=2) == number + 2
