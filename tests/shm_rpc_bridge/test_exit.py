"""The interpreter exits while a daemon thread is inside the library."""

import subprocess
import sys
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCTransportError, SharedMemoryTransport
from shm_rpc_bridge.testing import leftovers

from .services import PATIENCE, calling, serving

pytestmark = pytest.mark.fault("exit-serving")

EXIT = """
import atexit, sys, threading

def linger():  # the last of all that is done at exit; the thread goes on all the time
    print("exiting", flush=True)
    sys.stdin.readline()
    threading.Event().wait({linger})

atexit.register(linger)
from shm_rpc_bridge import RPCClient, RPCServer, SharedMemoryTransport

def in_thread(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()

{body}
print("ready", flush=True)
sys.stdin.readline()
"""

SERVE = """
server = RPCServer({name!r}, wait={wait!r})
server.register("add", lambda a, b: a + b)
server.register("hang", lambda: print("hanging", flush=True) or threading.Event().wait())
in_thread(server.start)
"""

CALL = """
client = RPCClient({name!r}, timeout=None, wait={wait!r})
in_thread(client.call, "hold")
"""

RECEIVE = """
transport = SharedMemoryTransport.create({name!r}, wait={wait!r})
in_thread(lambda: [transport.receive_request() for _ in range(2)])
"""

in_each_way_of_waiting = pytest.mark.parametrize("wait", ["block", "spin"])

LINGER = {"block": 0.6, "spin": 0.1}
"""Seconds, longer than what a thread of the library sleeps at a time."""


class Exiting:
    """A script that exits when told, in two steps: what the library does at exit, and the rest of it."""

    def __init__(self, body, name, wait):
        code = EXIT.format(body=body.format(name=name, wait=wait), linger=LINGER[wait])
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = subprocess.Popen([sys.executable, "-c", code], text=True, **pipes)
        self.wait_until("ready")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate(timeout=PATIENCE)

    def wait_until(self, says):
        assert self._process.stdout.readline() == f"{says}\n", self._process.stderr.read()

    def begin_to_exit(self):
        self._go_on()
        self.wait_until("exiting")

    def end(self):
        """Exit status, and what it has said besides."""
        self._go_on()
        said = self._process.communicate(timeout=PATIENCE)
        return (self._process.returncode, *said)

    def _go_on(self):
        self._process.stdin.write("\n")
        self._process.stdin.flush()


@in_each_way_of_waiting
def test_exit_while_a_thread_serves_is_clean_and_a_connected_client_is_told(name, wait):
    """Its memory was unmapped under it: the process ended by SIGSEGV."""
    with Exiting(SERVE, name, wait) as script, RPCClient(name, timeout=PATIENCE) as client:
        assert client.call("add", a=1, b=2) == 3
        script.begin_to_exit()
        assert leftovers(name) == []
        with pytest.raises(RPCTransportError, match="start the server"):
            client.call("add", a=1, b=2)
        assert script.end() == (0, "", "")


@in_each_way_of_waiting
def test_exit_while_a_thread_is_in_a_method_is_clean_and_its_caller_is_told(name, wait):
    with Exiting(SERVE, name, wait) as script, RPCClient(name, timeout=PATIENCE) as client:
        with calling(client.call, "hang") as call:
            script.wait_until("hanging")
            script.begin_to_exit()
            with pytest.raises(RPCTransportError, match="has closed"):
                call.result(PATIENCE)
        assert leftovers(name) == []
        assert script.end() == (0, "", "")


@in_each_way_of_waiting
def test_exit_while_a_thread_calls_is_clean_and_the_server_goes_on(name, wait):
    entered, release = threading.Event(), threading.Event()
    with serving(name) as server:
        server.register("hold", lambda: entered.set() or release.wait(PATIENCE))
        with Exiting(CALL, name, wait) as script:
            assert entered.wait(PATIENCE)
            script.begin_to_exit()
            assert script.end() == (0, "", "")
        release.set()
        with RPCClient(name, timeout=PATIENCE) as client:
            assert client.call("add", a=1, b=2) == 3


@in_each_way_of_waiting
def test_exit_while_a_thread_receives_is_clean_and_removes_the_names(name, wait):
    """Its memory was unmapped under it: the process ended by SIGSEGV."""
    with Exiting(RECEIVE, name, wait) as script:
        script.begin_to_exit()
        assert leftovers(name) == []
        assert script.end()[:2] == (0, "")  # its thread may have found out and said so


@in_each_way_of_waiting
def test_exit_while_a_thread_receives_is_clean_and_its_peer_is_told(name, wait):
    with Exiting(RECEIVE, name, wait) as script, SharedMemoryTransport.open(name) as peer:
        peer.send_request(b"taken")
        script.begin_to_exit()
        assert script.end() == (0, "", "")
        with pytest.raises(RPCTransportError, match="has closed it or died"):
            peer.receive_response(PATIENCE)
