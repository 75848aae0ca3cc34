"""What is handed to another process: a client connects anew there, everything else is refused."""

import copy
import multiprocessing
import os
import pickle
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTimeoutError, SharedMemoryTransport

from .forks import call_and_close, status_of
from .services import PATIENCE, register_methods, serving, started

pytestmark = [
    pytest.mark.fault("handed-over"),
    pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning"),  # Python 3.12: pytest has threads
]


def test_a_pickled_client_connects_anew_and_the_original_goes_on(name):
    """Pickling it was a TypeError about a lock."""
    with serving(name), RPCClient(name, timeout=PATIENCE) as client:
        with pickle.loads(pickle.dumps(client)) as another:
            assert another.call("add", a=1, b=2) == 3
        assert client.call("add", a=1, b=2) == 3


def test_a_pickled_client_keeps_its_own_timeout(name):
    release = threading.Event()
    with serving(name) as server, RPCClient(name, timeout=PATIENCE) as client:
        server.register("hold", lambda: release.wait(PATIENCE))
        handed_over = pickle.loads(pickle.dumps(client.with_options(timeout=0.01)))
        with handed_over, pytest.raises(RPCTimeoutError, match=r"took more than 0\.01 s"):
            handed_over.call("hold")
        release.set()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_client_can_be_an_argument_of_a_process(name, method):
    with serving(name), RPCClient(name, timeout=PATIENCE) as client:
        child = multiprocessing.get_context(method).Process(target=call_and_close, args=(client,))
        child.start()
        child.join(PATIENCE)
        assert child.exitcode == 0
        assert client.call("add", a=1, b=2) == 3


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_client_is_not_copied_and_goes_on(name, copied):
    """The copy shared the original's channels, and closing either closed both."""
    with serving(name), RPCClient(name, timeout=PATIENCE) as client:
        with pytest.raises(TypeError, match="share it, or construct another one"):
            copied(client)
        assert client.call("add", a=1, b=2) == 3


@pytest.mark.parametrize("handed", [pickle.dumps, copy.copy, copy.deepcopy])
def test_servers_and_transports_are_not_handed_over_and_the_remedy_is_said(name, handed):
    with RPCServer(name) as server, SharedMemoryTransport.create(name) as transport:
        with pytest.raises(TypeError, match="construct it in the process that serves"):
            handed(server)
        with pytest.raises(TypeError, match="create or open it in the process that uses it"):
            handed(transport)


def test_a_server_started_in_a_forked_child_says_whose_it_is_and_the_parents_serves(name):
    """It served on memory whose locks the child does not have, or said that it was closed."""
    server = RPCServer(name)
    register_methods(server)
    said = said_in_a_child(server.start)
    assert said.startswith(f"RPCTransportError: server '{name}' belongs to process {os.getpid()}")
    assert said.endswith("construct it in the process that serves")
    with started(server), RPCClient(name) as client:
        assert client.call("add", a=1, b=2) == 3


@pytest.mark.parametrize(
    "use",
    [
        lambda transport: transport.send_request(b"from the child", timeout=0),
        lambda transport: transport.receive_request(timeout=0),
        lambda transport: transport.view_request(timeout=0),
        lambda transport: transport.send_response(b"from the child", timeout=0),
        lambda transport: transport.receive_response(timeout=0),
        lambda transport: transport.view_response(timeout=0),
    ],
    ids=["send_request", "receive_request", "view_request", "send_response", "receive_response", "view_response"],
)
def test_a_transport_used_in_a_forked_child_says_whose_it_is_and_the_parents_goes_on(name, use):
    """It was a TypeError or ValueError about a closed mapping."""
    with SharedMemoryTransport.create(name) as creator, SharedMemoryTransport.open(name) as opener:
        said = said_in_a_child(use, creator)
        assert said.startswith(f"RPCTransportError: transport '{name}' belongs to process {os.getpid()}")
        opener.send_request(b"still there", PATIENCE)
        assert creator.receive_request(PATIENCE) == b"still there"


def said_in_a_child(function, *arguments):
    """The error that it raises in a forked child."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            function(*arguments)
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    assert status_of(pid) == 0
    with open(reading) as pipe:
        return pipe.read()
