"""Forked children: they call on channels of their own and take nothing of their parent's away."""

import os

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, SharedMemoryTransport

from .forks import OWN_STATUS, connected_to, forking_server_beside_a_loop
from .services import PATIENCE, process, register_methods, server_process, started

pytestmark = [
    pytest.mark.fault("fork"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),  # Python 3.12: pytest has threads
]


def test_a_forked_childs_client_calls_on_its_own_and_the_parents_goes_on(name):
    """Without `_leave_channels_to_parent` both call on one channel, and each gets answers of the other."""
    with server_process(name) as child, RPCClient(name, timeout=PATIENCE) as client:
        assert client.call("add", a=1, b=1) == 2
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                status = 0 if all(client.call("add", a=n, b=2) == n + 2 for n in range(500)) else 2
                client.close()
            finally:
                os._exit(status)
        assert all(client.call("add", a=n, b=1000) == n + 1000 for n in range(500))
        assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 0
        assert client.call("add", a=4, b=4) == 8
        client.call("stop")
        child.join(PATIENCE)


def test_a_forked_childs_copy_of_a_server_removes_nothing(name):
    """Without letting go of inherited locks (`_close_inherited_locks`) the child's close removed the server."""
    server = RPCServer(name)
    register_methods(server)
    pid = os.fork()
    if pid == 0:
        server.close()
        os._exit(0)
    os.waitpid(pid, 0)
    with RPCClient(name) as client, started(server):
        assert client.call("add", a=1, b=2) == 3


def test_a_forked_childs_copy_of_a_transport_removes_nothing(name):
    """Without letting go of inherited locks the child's close removed the parent's channel."""
    with SharedMemoryTransport.create(name) as creator:
        pid = os.fork()
        if pid == 0:
            creator.close()
            os._exit(0)
        os.waitpid(pid, 0)
        with SharedMemoryTransport.open(name) as opener:
            opener.send_request(b"still there")
            assert creator.receive_request() == b"still there"


@pytest.mark.fault("child-of-a-method")
def test_a_child_that_a_method_forks_beside_an_event_loop_ends_with_the_method(name):
    """It waited for ever for other work of the thread that it was forked in, and who waited for it likewise."""
    with process(forking_server_beside_a_loop, name) as server, connected_to(name) as client:
        assert client.call("status_of_a_fork") == 0
        assert client.call("add", a=1, b=2) == 3
        client.call("stop")
        server.join(PATIENCE)
        assert server.exitcode == OWN_STATUS
