"""A spawned server is there, comes back when it dies, and ends with its parent, however that ends."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

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

from .services import PATIENCE, calling
from .steps import entered, until

ROOT = Path(__file__).parent.parent.parent
PRICING = f"{__package__}.pricing"
IMPATIENT = f"{__package__}.impatient"
QUICK = {"timeout": PATIENCE, "ready_within": PATIENCE}


def has_ended(pid):
    """Whether there is no such process any more; who waits for it may have to wait a little."""
    for _ in until(PATIENCE):
        try:
            with open(f"/proc/{pid}/stat") as status:
                if status.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
    return False


@pytest.fixture
def fifo(tmp_path):
    os.mkfifo(path := str(tmp_path / "entered"))
    return path


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


def module_in(tmp_path, monkeypatch, source):
    """The name of a new module, which the parent finds only by what it has done to its path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "shop.py").write_text(source)
    return "shop"


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


PARENT = """
import ctypes, os, signal, sys, threading
from shm_rpc_bridge import RPCClient, spawn

def say(*words):
    print(*words, flush=True)

{body}
"""

SPAWN = f"""
client = spawn({PRICING!r}, timeout=30)
say(client.name, client.call("pid"))
sys.stdin.readline()
"""

HOLD = """
client = spawn({module!r}, timeout=30, only=["pid", {method!r}])
say(client.name, client.call("pid"))
threading.Thread(target=client.call, args=({method!r}, {fifo!r}), daemon=True).start()
sys.stdin.readline()
"""

FORK = f"""
client = spawn({PRICING!r}, timeout=30)
say(client.name, client.call("pid"))
if os.fork() == 0:
    say(client.call("quote", 1))
    client.close()
    say("closed")
    sys.stdin.readline()
    os._exit(0)
sys.stdin.readline()
"""

FORK_ENDS = f"""
client = spawn({PRICING!r}, timeout=30)
say(client.name, client.call("pid"))
if (forked := os.fork()) == 0:
    client.call("quote", 1)
    sys.exit()  # with all that is done at exit
os.waitpid(forked, 0)  # and not what has been spawned
say(client.call("pid"))
client.close()
say("closed")
"""

FORK_IS_TOLD = f"""
from shm_rpc_bridge import RPCTransportError
client = spawn({PRICING!r}, timeout=None, restarts=1)
say(client.name, client.call("pid"))
if (forked := os.fork()) == 0:
    for _ in range(2):
        try:
            client.call("die")
        except RPCTransportError as error:
            say(error)
    try:
        client.call("pid")  # waits while there is somebody who might start it
    except RPCTransportError as error:
        say(error)
    os._exit(0)
os.waitpid(forked, 0)  # and not what has been spawned
client.close()
"""

THREAD = f"""
found = []
thread = threading.Thread(target=lambda: found.append(spawn({PRICING!r}, timeout=30)))
thread.start()
thread.join()
client = found[0]
say(client.name, client.call("pid"))
sys.stdin.readline()
say(client.call("pid"))
client.close()
"""


@contextlib.contextmanager
def parent(body):
    """A process that has spawned a server; its `server` is name and process of that."""
    command = [sys.executable, "-c", PARENT.format(body=body)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as child:
        try:
            name, pid = child.stdout.readline().split()
            child.server = name, int(pid)
            yield child
        finally:
            child.kill()


def nothing_remains_of(child):
    name, pid = child.server
    return has_ended(pid) and leftovers(name) == []


@pytest.mark.fault("spawn-parent")
@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda child: child.kill(), id="SIGKILL"),
        pytest.param(lambda child: child.terminate(), id="SIGTERM"),
        pytest.param(lambda child: child.send_signal(signal.SIGINT), id="SIGINT"),
        pytest.param(lambda child: child.stdin.close(), id="exit-without-closing"),
    ],
)
def test_the_server_ends_with_its_parent_however_that_ends(end):
    with parent(SPAWN) as child:
        end(child)
        child.wait(PATIENCE)
        assert nothing_remains_of(child)


@pytest.mark.fault("spawn-parent")
@pytest.mark.parametrize(("module", "method"), [(IMPATIENT, "hold"), (IMPATIENT, "hold_on")])
def test_a_method_that_runs_when_the_parent_is_killed_is_interrupted_or_left(fifo, module, method):
    """The second goes on whatever is raised in it: the names are removed, and the process ended around it."""
    with parent(HOLD.format(module=module, method=method, fifo=fifo)) as child:
        entered(fifo)
        child.kill()
        child.wait(PATIENCE)
        assert nothing_remains_of(child)


@pytest.mark.fault("spawn-parent")
def test_a_forked_child_calls_the_server_and_neither_keeps_nor_ends_it():
    """Its copy of the descriptor would have kept the server alive."""
    with parent(FORK) as child:
        assert child.stdout.readline() == "3\n"
        assert child.stdout.readline() == "closed\n"
        with RPCClient(child.server[0], timeout=PATIENCE) as client:
            assert client.call("pid") == child.server[1]
        child.kill()
        assert nothing_remains_of(child)


@pytest.mark.fault("spawn-parent")
def test_a_forked_child_that_exits_leaves_the_server_to_its_parent():
    with parent(FORK_ENDS) as child:
        assert int(child.stdout.readline()) == child.server[1]
        assert child.stdout.readline() == "closed\n"
        assert nothing_remains_of(child)
        assert child.wait(PATIENCE) == 0


@pytest.mark.fault("spawn-restart")
def test_a_forked_child_waits_while_the_server_is_started_again_and_is_told_when_it_is_given_up():
    with parent(FORK_IS_TOLD) as child:
        said = child.communicate(timeout=PATIENCE)[0].splitlines()
        assert [("whether it ran is unknown" in line) for line in said] == [True, True, False]
        assert "is not started again: its owner has closed it, has ended or has given up" in said[2]
        assert nothing_remains_of(child)


@pytest.mark.fault("spawn-parent")
def test_the_server_outlives_the_thread_that_has_spawned_it():
    """PR_SET_PDEATHSIG would have ended it."""
    with parent(THREAD) as child:
        assert child.communicate("\n", timeout=PATIENCE)[0] == f"{child.server[1]}\n"
        assert nothing_remains_of(child)


def test_a_terminals_interrupt_is_not_for_the_server():
    """It goes to the whole process group, and the parent may have calls to finish."""
    with spawn(PRICING, **QUICK) as client:
        assert os.getpgid(client.pid) != os.getpgid(0)


def test_several_threads_wait_for_the_same_restart():
    with spawn(PRICING, **QUICK) as client:
        os.kill(client.pid, signal.SIGKILL)
        with contextlib.ExitStack() as stack:
            calls = [stack.enter_context(calling(client.call, "quote", number)) for number in range(8)]
            assert [call.result(PATIENCE) for call in calls] == [3 * number for number in range(8)]


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
