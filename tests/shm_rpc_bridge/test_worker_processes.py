"""A server whose methods run in processes: cores are used, and one that dies costs the call that was in it."""

import os
import signal
import threading

import pytest

from shm_rpc_bridge import AsyncRPCClient, RPCClient, RPCMethodError, RPCServer, RPCTransportError, spawn
from shm_rpc_bridge.references import function_at, reference_of
from shm_rpc_bridge.testing import leftovers

from . import pricing
from .services import PATIENCE, calling, started
from .steps import entered, until

PRICING = pricing.__name__


@pytest.fixture
def server(name):
    server = RPCServer(name, processes=2)
    server.register_module(pricing, ["quote", "pid", "enter", "note_and_hold", "die", "note"])
    with started(server):
        yield server
    assert not leftovers(name)  # its processes' names begin with its own


@pytest.fixture
def client(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        yield client


def processes_of(client):
    """The two, which are found by calling until both have answered."""
    found = set()
    for _ in until(PATIENCE):
        found |= {each.result(PATIENCE) for each in [client.submit("pid") for _ in range(4)]}
        if len(found) == 2:
            return found
    raise AssertionError(f"only {found} have answered")


def test_methods_run_in_processes_of_their_own(client):
    assert os.getpid() not in processes_of(client)
    assert client.call("quote", 12, currency="USD") == 48
    with pytest.raises(KeyError, match="GBP") as raised:
        client.call("quote", 12, "GBP")
    assert "pricing.py" in raised.value.remote_traceback
    with pytest.raises(RPCMethodError, match=r"unknown method 'nothing'; registered: die, enter"):
        client.call("nothing")
    with client.batch() as batch:
        for amount in range(3):
            batch.call("quote", amount)
    assert batch.results() == [0, 3, 6]


def test_a_slow_method_holds_up_no_other_call(client, fifo):
    slow = client.submit("enter", fifo)
    assert [client.call("quote", number) for number in range(10)] == [3 * number for number in range(10)]
    assert entered(fifo) == ""
    assert slow.result(PATIENCE) is None


@pytest.mark.fault("worker-processes")
def test_one_that_dies_is_told_to_the_caller_that_was_in_it_and_another_takes_its_place(client, fifo, tmp_path):
    notes = tmp_path / "notes"
    before = processes_of(client)
    held = client.submit("note_and_hold", str(notes), "ran", fifo)
    assert entered(fifo) == ""
    (free,) = {client.call("pid") for _ in range(5)}
    (holding,) = before - {free}
    os.kill(holding, signal.SIGKILL)
    with pytest.raises(RPCTransportError, match=f"process {holding}\\) is dead") as told:
        held.result(PATIENCE)
    assert told.value.may_have_run is True
    assert notes.read_text() == "ran\n"  # nothing is tried twice
    after = processes_of(client)
    assert free in after
    assert holding not in after


@pytest.mark.fault("worker-processes")
def test_those_that_die_too_often_are_given_up_and_calls_say_so(name, monkeypatch):
    monkeypatch.setattr("shm_rpc_bridge.forwarding.RESTARTS", 0)
    server = RPCServer(name, processes=2)
    server.register("die", pricing.die)
    server.register("pid", pricing.pid)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        for _ in range(2):
            with pytest.raises(RPCTransportError, match="is dead"):
                client.call("die")
        with pytest.raises(RPCTransportError, match="is not started again") as told:
            client.call("pid")
        assert told.value.may_have_run is False


@pytest.mark.fault("worker-processes")
def test_what_cannot_be_imported_is_told_when_the_server_starts(name, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "gone.py").write_text("def quote(): pass")
    import gone

    server = RPCServer(name, processes=2)
    server.register("quote", gone.quote)
    (tmp_path / "gone.py").write_text("raise RuntimeError('no database')")
    with pytest.raises(RPCTransportError, match=r"(?s)could not be started: .*no database"):
        server.start()
    assert not leftovers(name)


@pytest.mark.fault("worker-processes")
def test_stopping_answers_what_runs_and_ends_all(name, fifo):
    server = RPCServer(name, processes=2)
    server.register("enter", pricing.enter)
    server.register("pid", pricing.pid)
    with calling(server.start) as ends, RPCClient(name, timeout=PATIENCE) as client:
        pids = processes_of(client)
        held = client.submit("enter", fifo)
        assert client.call("pid") in pids
        server.stop()
        assert entered(fifo) == ""
        assert held.result(PATIENCE) is None
        ends.result(PATIENCE)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_awaited_calls_are_run_by_all_of_them(server):
    import asyncio

    async def call():
        async with AsyncRPCClient(server.name, timeout=PATIENCE) as client:
            found = set()
            while len(found) < 2:
                found |= set(await asyncio.gather(*(client.call("pid") for _ in range(50))))
            return found

    assert os.getpid() not in asyncio.run(call())


def test_a_spawned_server_and_one_from_the_command_line_may_have_processes():
    with spawn(PRICING, only=["pid", "quote"], processes=2, timeout=PATIENCE) as client:
        assert client.pid not in processes_of(client)


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda: None, "'.*<lambda>' is made anew each time it is come to"),
        (threading.Lock().acquire, "has no name of its own|is another object"),
        (pricing.RATES.get, "has no name of its own|is another object"),
    ],
)
def test_a_function_that_no_other_process_would_find_is_refused(name, function, told):
    with RPCServer(name, processes=1) as server, pytest.raises(ValueError, match=told):
        server.register("f", function)


def test_functions_are_found_by_their_references():
    assert reference_of("f", pricing.quote) == f"{PRICING}:quote"
    assert function_at(f"{PRICING}:quote") is pricing.quote
    assert function_at(reference_of("f", RPCClient.call)) is RPCClient.call
    with pytest.raises(ImportError, match="has no function 'nothing'"):
        function_at(f"{PRICING}:nothing")


def test_what_processes_cannot_have_is_refused(name):
    with pytest.raises(ValueError, match="threads or processes, not both"):
        RPCServer(name, threads=2, processes=2)
    with pytest.raises(ValueError, match="processes must be 0 to 256, not -1"):
        RPCServer(name, processes=-1)
    with pytest.raises(ValueError, match=r"codec must be one of 'json', .* processes"):
        RPCServer(name, processes=1, codec=os)
    with RPCServer(name, processes=1) as server, pytest.raises(ValueError, match=r"register_class .* processes"):
        server.register_class(dict)
