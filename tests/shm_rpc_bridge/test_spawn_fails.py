"""A spawned server that does not start is told with its reason; one that dies comes back, or is given up."""

import contextlib
import os
import signal

import pytest

from shm_rpc_bridge import RPCClient, RPCTransportError, spawn
from shm_rpc_bridge.testing import leftovers

from .services import PATIENCE, calling
from .spawned import IMPATIENT, PRICING, QUICK, has_ended, module_in
from .steps import entered


@pytest.mark.fault("spawn-start")
@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("raise RuntimeError('no database')", "exit status 1: .*shop.py.*RuntimeError: no database"),
        ("import os; os._exit(7)", "has ended with exit status 7 before it was ready; what it has said is on stderr"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL before it was ready"),
        ("import os; os.fork() and os._exit(7); import time; time.sleep(1); os._exit(0)", "exit status 7 before"),
        ("RATE = 1", "exit status 2: module 'shop' has no public functions"),
    ],
    ids=["raises", "exits", "killed", "leaves-a-child", "offers-nothing"],
)
def test_a_server_that_dies_at_start_is_told_at_once_with_what_it_said(name, tmp_path, monkeypatch, source, told):
    module = module_in(tmp_path, monkeypatch, source)
    with pytest.raises(RPCTransportError, match=rf"(?s)server '{name}' could not be started: process \d+ .*{told}"):
        spawn(module, name=name, **QUICK)


@pytest.mark.fault("spawn-start")
def test_a_server_that_is_not_ready_in_time_is_killed_and_told(name, tmp_path, monkeypatch):
    module = module_in(
        tmp_path, monkeypatch, f"open({str(tmp_path)!r} + '/pid', 'w').close()\nimport time\ntime.sleep(100)"
    )
    with pytest.raises(RPCTransportError, match=r"was not ready within 0.5 s and was killed.*ready_within="):
        spawn(module, name=name, ready_within=0.5)


@pytest.mark.fault("spawn-start")
def test_a_module_that_is_not_there_is_told_in_one_line(name, capfd):
    with pytest.raises(RPCTransportError, match="exit status 1: there is no module 'nothing_of_that_name'"):
        spawn("nothing_of_that_name", name=name, **QUICK)
    assert capfd.readouterr() == ("", "")


@pytest.mark.fault("spawn-start")
def test_a_name_in_use_is_told_and_the_server_that_has_it_is_not_disturbed(name):
    with spawn(PRICING, name=name, **QUICK) as client:
        with pytest.raises(RPCTransportError, match=f"exit status 1: server name '{name}' is in use by process"):
            spawn(PRICING, name=name, **QUICK)
        assert client.call("quote", 1) == 3


@pytest.mark.fault("spawn-restart")
def test_a_killed_server_comes_back_and_the_next_calls_wait_for_it():
    with spawn(PRICING, restarts=3, **QUICK) as client, RPCClient(client.name, timeout=PATIENCE) as other:
        for _ in range(3):
            before = client.pid
            with pytest.raises(RPCTransportError, match=r"is dead \(whether it ran is unknown\)") as caught:
                client.call("die")
            assert caught.value.may_have_run
            assert client.call("pid") != before
            assert other.call("pid") == client.pid
    assert leftovers(client.name) == []


@pytest.mark.fault("spawn-restart")
def test_calls_in_flight_are_told_and_those_that_never_ran_are_sent_to_the_next_server_once(fifo, tmp_path):
    """One method runs when the server is killed, other calls have been sent and wait for their turn."""
    notes = tmp_path / "notes"
    with spawn(PRICING, **QUICK) as client, contextlib.ExitStack() as stack:
        running = stack.enter_context(calling(client.call, "hold", fifo))
        entered(fifo)
        queued = [stack.enter_context(calling(client.call, "note", str(notes), f"{number}")) for number in range(3)]
        os.kill(client.pid, signal.SIGKILL)
        with pytest.raises(RPCTransportError, match="whether it ran is unknown"):
            running.result(PATIENCE)
        for call in queued:
            assert call.result(PATIENCE) is None
    assert sorted(notes.read_text().split()) == ["0", "1", "2"]


@pytest.mark.fault("spawn-restart")
def test_a_server_that_dies_too_often_is_given_up_and_calls_say_so_at_once():
    with spawn(PRICING, restarts=1, restarts_within=1000, **QUICK) as client:
        for _ in range(2):
            with pytest.raises(RPCTransportError, match="is dead"):
                client.call("die")
        with pytest.raises(RPCTransportError) as caught:  # waits, until it is given up and not until its timeout
            client.with_options(timeout=None).call("pid")
        caught.match(
            r"is not started again: it has ended 2 times within 1000 s, the last time so: process \d+ was kille"
        )
        assert not caught.value.may_have_run
        assert leftovers(client.name) == []
    assert leftovers(client.name) == []


@pytest.mark.fault("spawn-restart")
def test_a_server_that_cannot_start_any_more_is_given_up_with_the_reason(tmp_path, monkeypatch):
    module = module_in(tmp_path, monkeypatch, "import os\ndef die(): os._exit(5)")
    with spawn(module, restarts=2, **QUICK) as client:
        (tmp_path / "shop.py").write_text("raise RuntimeError('no database')")
        with pytest.raises(RPCTransportError, match="is dead"):
            client.call("die")
        with pytest.raises(RPCTransportError, match=r"(?s)ended 3 times .*RuntimeError: no database"):
            client.with_options(timeout=None).call("die")


@pytest.mark.fault("spawn-restart")
def test_closing_while_it_is_started_again_ends_it(tmp_path, monkeypatch):
    os.mkfifo(fifo := str(tmp_path / "importing"))
    second = f"with open({fifo!r}, 'w') as file: file.write(str(os.getpid()))\nimport time\ntime.sleep(100)"
    module = module_in(tmp_path, monkeypatch, "import os\ndef die(): os._exit(5)")
    with spawn(module, **QUICK) as client:
        (tmp_path / "shop.py").write_text("import os\n" + second)
        with pytest.raises(RPCTransportError):
            client.call("die")
        pid = int(entered(fifo))
    assert has_ended(pid)
    assert leftovers(client.name) == []


def test_a_method_that_runs_is_interrupted_when_the_client_closes(fifo):
    with spawn(IMPATIENT, **QUICK) as client, calling(client.call, "hold", fifo) as call:
        entered(fifo)
        client.close()
        with pytest.raises(RPCTransportError, match="the client was closed during the call"):
            call.result(PATIENCE)
    assert has_ended(client.pid)
    assert leftovers(client.name) == []


def test_a_dropped_client_warns_and_lets_the_server_end():
    client = spawn(PRICING, **QUICK)
    pid, name = client.pid, client.name
    with pytest.warns(ResourceWarning, match="was never closed"):
        del client
    assert has_ended(pid)
    assert leftovers(name) == []


def test_several_threads_wait_for_the_same_restart():
    with spawn(PRICING, **QUICK) as client:
        os.kill(client.pid, signal.SIGKILL)
        with contextlib.ExitStack() as stack:
            calls = [stack.enter_context(calling(client.call, "quote", number)) for number in range(8)]
            assert [call.result(PATIENCE) for call in calls] == [3 * number for number in range(8)]
