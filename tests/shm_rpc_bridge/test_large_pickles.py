"""Large pickles are read where they lie, and what is made of one shares no memory with it nor needs new pages."""

import pickle
import platform
import subprocess
import sys
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCSerializationError, RPCTransportError

from .services import PATIENCE, serving

pytestmark = pytest.mark.fault("large-pickle")
LARGE = 100_000
FRESH = """
import os, resource, signal, sys
from shm_rpc_bridge import RPCClient, RPCServer

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

name, codec, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
server = os.fork()
if not server:
    serving = RPCServer(name, codec=codec)
    serving.register("echo", lambda text: text)
    serving.register("faults", faults)
    serving.start()
    os._exit(0)
with RPCClient(name, codec=codec, wait_for_server=30, timeout=30) as client:
    text = "x" * size
    for _ in range(10):
        client.call("echo", text)
    before = faults(), client.call("faults")
    for _ in range(50):
        client.call("echo", text)
    print(faults() - before[0], client.call("faults") - before[1])
os.kill(server, signal.SIGTERM)
os.waitpid(server, 0)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's malloc alone it is known how")
@pytest.mark.parametrize("codec", ["json", "pickle"])
@pytest.mark.parametrize("size", [60_000, 300_000, 3_000_000])
def test_programs_that_have_just_begun_echo_large_texts_without_getting_their_pages_anew(name, codec, size):
    arguments = [sys.executable, "-c", FRESH, name, codec, str(size)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=PATIENCE)
    anew = [int(faults) / 50 for faults in done.stdout.split()]
    assert max(anew) < size / 4096 / 10, anew  # once would be as many as it has pages: 15, 73, 732


@pytest.fixture
def client(name):
    kept.clear()
    with serving(name, codec="pickle") as server, RPCClient(name, codec="pickle", timeout=PATIENCE) as client:
        server.register("keep", kept.append)
        yield client


kept = []


@pytest.mark.parametrize(
    "make", [lambda n: b"%d" % n * LARGE, lambda n: bytearray(b"%d" % n * LARGE), lambda n: str(n) * LARGE]
)
def test_what_is_kept_of_a_call_stays_as_it_was_when_others_follow(client, make):
    results = [client.call("echo", make(number)) for number in range(5)]
    for number in range(5):
        client.call("keep", [make(number)])
    client.call("echo", make(9))
    assert results == [make(number) for number in range(5)]
    assert kept == [[make(number)] for number in range(5)]


def do():
    return doing[0]()


doing = []


def asked(client, act):
    """A result in which something is done between its first part and its last."""
    doing[:] = [act]
    return client.call("echo", [b"1" * LARGE, Unread(), b"2" * LARGE])


class Unread:
    """At the server a thing that does what is in `doing` when it was pickled again and is read."""

    def __reduce__(self):
        return Again, ()


class Again:
    def __reduce__(self):
        return do, ()


def test_a_call_made_while_a_result_is_read_has_memory_of_its_own(client):
    assert asked(client, lambda: client.call("echo", b"3" * LARGE)) == [b"1" * LARGE, b"3" * LARGE, b"2" * LARGE]


def test_a_client_that_is_closed_while_it_reads_a_result_has_the_rest_of_it(client):
    assert asked(client, client.close) == [b"1" * LARGE, None, b"2" * LARGE]
    with pytest.raises(RPCTransportError, match="is closed"):
        client.call("echo", 1)


def test_an_error_that_is_kept_from_reading_a_result_does_not_disturb_the_next_ones(client):
    def fail():
        raise OSError("not here")

    errors = []
    for size in (LARGE, 2 * LARGE, 20 * LARGE):
        with pytest.raises(RPCSerializationError, match="not here") as refused:
            asked(client, fail)
        errors.append(refused.value)
        assert client.call("echo", b"x" * size) == b"x" * size
    assert len(errors) == 3


def test_threads_that_answer_have_each_its_own_request(name):
    entered, go_on = threading.Semaphore(0), threading.Event()

    def wait(value):
        entered.release()
        go_on.wait(PATIENCE)
        return value

    with serving(name, codec="pickle", threads=2) as server, RPCClient(
        name, codec="pickle", timeout=PATIENCE
    ) as client:
        server.register("wait", wait)
        pending = [client.submit("wait", b"%d" % number * LARGE) for number in range(2)]
        assert all(entered.acquire(timeout=PATIENCE) for _ in pending)
        go_on.set()
        assert [each.result(PATIENCE) for each in pending] == [b"0" * LARGE, b"1" * LARGE]


def test_a_large_pickle_cannot_be_written_to_by_what_reads_it(client, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "shm_rpc_bridge.codec.pickle._loads", lambda message: seen.append(message) or pickle.loads(message)
    )
    client.call("echo", b"x" * LARGE)
    (response,) = seen  # the server has its own
    assert response.readonly
