"""A spawned server ends with its parent, however that ends, and with nobody else."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shm_rpc_bridge import RPCClient, spawn
from shm_rpc_bridge.testing import leftovers

from .services import PATIENCE
from .spawned import IMPATIENT, PRICING, QUICK, has_ended
from .steps import entered

ROOT = Path(__file__).parent.parent.parent
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
