"""A spawned server is there in five lines, with the options it was given, and nothing is left of it."""

import os
import pickle
import subprocess
import threading
from decimal import Decimal

import pytest

from shm_rpc_bridge import (
    RPCClient,
    RPCMethodError,
    RPCSerializationError,
    RPCTransportError,
    SpawnedClient,
    posix,
    spawn,
)
from shm_rpc_bridge.testing import leftovers

from .services import PATIENCE
from .spawned import PRICING, QUICK, has_ended, module_in
from .steps import entered


def test_five_lines_take_a_function_out_of_a_program_and_nothing_is_left():
    with spawn(PRICING, **QUICK) as client:
        assert client.call("quote", 12, currency="USD") == 48
        assert client.remote.quote(12) == 36
        assert client.remote.pid() == client.pid != os.getpid()
        assert client.ping() > 0
        with pytest.raises(KeyError):
            client.call("quote", 12, "GBP")
    assert has_ended(client.pid)
    assert leftovers(client.name) == []
    with pytest.raises(RPCTransportError, match=r"the client of .* is closed"):
        client.call("pid")
    client.close()


def test_options_reach_server_and_client_and_other_processes_may_call_it_by_its_name(name):
    with spawn(PRICING, only=["exact"], name=name, codec="pickle", max_message_size=10_000, **QUICK) as client:
        assert client.call("exact", "0.1") == (Decimal("0.1"), client.pid)
        with pytest.raises(RPCMethodError, match="unknown method 'pid'; registered: exact"):
            client.call("pid")
        with pytest.raises(RPCTransportError, match="10,000"):
            client.call("exact", "1" * 20_000)
        with RPCClient(name, codec="pickle", timeout=PATIENCE) as other:
            assert other.call("exact", 1)[0] == 1


def test_methods_run_in_as_many_threads_as_are_asked_for(fifo):
    with spawn(PRICING, threads=2, **QUICK) as client:
        slow = client.submit("enter", fifo)  # returns once somebody reads there
        assert client.call("quote", 12, currency="USD") == 48
        assert entered(fifo) == ""
        assert slow.result(PATIENCE) is None


def test_strict_holds_on_both_sides():
    with spawn(PRICING, strict=True, **QUICK) as client:
        assert client.call("quote", 12) == 36
        with pytest.raises(RPCSerializationError, match=r"parameter 1 of 'quote'|tuple"):
            client.call("quote", (1,))
        with pytest.raises(RPCSerializationError, match=r"the result of 'quote' .*inf"):
            client.call("quote", 1e308)


def test_names_cannot_be_guessed():
    with spawn(PRICING, **QUICK) as one, spawn(PRICING, **QUICK) as other:
        assert one.name != other.name
        assert len(one.name.rpartition("-")[2]) == 16
        assert one.call("pid") != other.call("pid")


def test_a_client_with_other_options_keeps_the_server_and_closes_it():
    with spawn(PRICING).with_options(timeout=PATIENCE) as client:
        assert client.call("quote", 1) == 3
        pid = client.pid
    assert has_ended(pid)
    assert leftovers(client.name) == []


def test_a_pickled_client_is_one_like_any_other():
    with spawn(PRICING, **QUICK) as client:
        with pickle.loads(pickle.dumps(client)) as copy:
            assert type(copy) is RPCClient
            assert copy.call("pid") == client.pid
        assert client.call("quote", 1) == 3


@pytest.mark.parametrize(
    ("arguments", "kind", "told"),
    [
        ({"module": pytest}, TypeError, "module must be its name, a str, not module"),
        ({"module": "__main__"}, ValueError, "put the functions into a module of their own"),
        ({"module": ""}, ValueError, "'' is no module's name"),
        ({"module": "--help"}, ValueError, "'--help' is no module's name"),
        ({"only": "quote"}, TypeError, "only must be a list of names"),
        ({"only": []}, ValueError, "only is empty"),
        ({"name": "a/b"}, ValueError, "cannot name shared memory"),
        ({"codec": pickle}, ValueError, "codec must be one of 'json', "),
        ({"codec": "pickle", "strict": True}, ValueError, "strict is for codec 'json', not 'pickle'"),
        ({"restarts": -1}, ValueError, "restarts must be a number of times"),
        ({"timeout": -1}, ValueError, "timeout must be 0"),
        ({"ready_within": None}, ValueError, "ready_within must be seconds, not None"),
        ({"wait": "fast"}, ValueError, "wait must be one of"),
        ({"buffer_size": 0}, ValueError, "buffer_size must be 1 to"),
        ({"threads": -1}, ValueError, "threads must be 0 to 1,024, not -1"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_started(arguments, kind, told, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(kind, match=told):
        spawn(**{"module": PRICING, **arguments})


def test_no_descriptor_and_no_thread_is_left():
    def counted():
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    with spawn(PRICING, **QUICK):
        pass
    before = counted()
    names = []
    for _ in range(2):
        with spawn(PRICING, **QUICK) as client:
            names.append(client.name)
            assert isinstance(client, SpawnedClient)
            with pytest.raises(RPCTransportError):
                client.call("die")
            client.call("pid")
    assert counted() == before
    assert [posix.list_own_objects(f"srb:{name}") for name in names] == [[], []]


@pytest.mark.fault("spawn-start")
def test_a_module_that_spawns_itself_while_it_is_imported_is_refused_at_once(tmp_path, monkeypatch):
    """Each server started another one, without end."""
    module = module_in(tmp_path, monkeypatch, "import shm_rpc_bridge\nshm_rpc_bridge.spawn('shop')\ndef f(): ...")
    with pytest.raises(RPCTransportError, match=r"(?s)call it below if __name__ == '__main__'.*has failed while"):
        spawn(module)
