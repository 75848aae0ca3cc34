"""A server whose methods run in threads: a slow one holds up no other, and all that is promised of one thread holds."""

import os
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCMethodError, RPCServer, RPCTimeoutError, RPCTransportError
from shm_rpc_bridge.testing import leftovers

from .services import PATIENCE, calling, process, register_methods, serving, started


class Gate:
    """A method that many calls can be in until the test lets them go on."""

    def __init__(self):
        self.entered, self.go_on = threading.Semaphore(0), threading.Event()
        self.inside = 0
        self.most = 0
        self.lock = threading.Lock()

    def __call__(self, number=0):
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.entered.release()
        assert self.go_on.wait(PATIENCE)
        with self.lock:
            self.inside -= 1
        return number

    def wait_until_in(self, calls):
        for _ in range(calls):
            assert self.entered.acquire(timeout=PATIENCE)


@pytest.fixture
def gate():
    return Gate()


@pytest.fixture
def server(name, gate):
    server = RPCServer(name, threads=3)
    register_methods(server)
    server.register("hold", gate)
    with started(server):
        yield server


@pytest.fixture
def client(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        yield client


def test_a_slow_method_holds_up_no_other_call(client, gate):
    with calling(client.call, "hold", 5) as held:
        gate.wait_until_in(1)
        assert [client.call("add", number, 1) for number in range(20)] == list(range(1, 21))
        gate.go_on.set()
        assert held.result(PATIENCE) == 5


def test_as_many_run_at_once_as_there_are_threads_and_no_more(client, gate):
    held = [client.submit("hold", number) for number in range(8)]
    gate.wait_until_in(3)
    gate.go_on.set()
    assert [each.result(PATIENCE) for each in held] == list(range(8))
    assert gate.most == 3


@pytest.mark.fault("workers")
def test_a_call_that_no_thread_is_free_for_is_not_taken_and_never_runs_once_it_is_late(client, gate, server):
    ran = []
    server.register("note", ran.append)
    held = [client.submit("hold", number) for number in range(3)]
    gate.wait_until_in(3)
    with pytest.raises(RPCTimeoutError, match="so it never runs") as late:
        client.with_options(timeout=0.05).call("note", 1)
    assert late.value.may_have_run is False
    gate.go_on.set()
    assert [each.result(PATIENCE) for each in held] == [0, 1, 2]
    client.call("note", 2)
    assert ran == [2]


@pytest.mark.fault("workers")
def test_a_client_that_has_gone_meanwhile_costs_its_answer_alone(client, gate, server):
    with RPCClient(server.name, timeout=0.05) as impatient, pytest.raises(RPCTimeoutError) as late:
        impatient.call("hold", 1)
    assert late.value.may_have_run is True
    for _ in range(3):  # its slot is free again, and another one's
        with RPCClient(server.name, timeout=PATIENCE) as other:
            assert other.call("add", 1, 1) == 2
    gate.go_on.set()
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("workers")
def test_what_a_method_raises_is_its_callers(client):
    with pytest.raises(ZeroDivisionError):
        client.call("divide", 1, 0)
    with pytest.raises(RecursionError):
        client.call("recurse")
    with pytest.raises(RPCMethodError, match="unknown method"):
        client.call("nothing")
    with client.batch() as batch:
        batch.call("divide", 1, 0)
        batch.call("add", 1, 2)
    assert next(reversed(list(batch))).result() == 3


@pytest.mark.fault("workers")
def test_a_result_that_is_too_large_is_told_with_the_failure_it_was(name):
    def long():
        raise ValueError("x" * 20_000)

    with serving(name, threads=2, max_message_size=10_000) as server, RPCClient(name, timeout=PATIENCE) as client:
        server.register("long", long)
        with pytest.raises(ValueError, match=r"^xxx.*\(20,000 characters\) \(shortened on the way"):
            client.call("long")
        with pytest.raises(RPCTransportError, match="Message too large"):
            client.call("text_of", 20_000)
        assert client.call("length", "x" * 9_000) == 9_000


@pytest.mark.fault("workers")
def test_a_method_that_exits_ends_the_server_once_its_caller_knows(name):
    def leave():
        raise SystemExit(7)

    server = RPCServer(name, threads=2)
    server.register("leave", leave)
    with calling(server.start) as ends, RPCClient(name, timeout=PATIENCE) as client:
        with pytest.raises(RPCMethodError, match="SystemExit: 7"):
            client.call("leave")
        with pytest.raises(SystemExit):
            ends.result(PATIENCE)
    assert not leftovers(name)


@pytest.mark.fault("workers")
def test_stopping_waits_for_what_runs_and_answers_it(name, gate):
    server = RPCServer(name, threads=2)
    server.register("hold", gate)
    with calling(server.start) as ends, RPCClient(name, timeout=PATIENCE) as client:
        held = [client.submit("hold", number) for number in range(2)]
        gate.wait_until_in(2)
        server.stop()
        gate.go_on.set()
        assert [each.result(PATIENCE) for each in held] == [0, 1]
        ends.result(PATIENCE)
        with pytest.raises(RPCTransportError):
            client.call("hold")


def forking_server(name, path):
    server = RPCServer(name, threads=2)
    register_methods(server)
    server.register("fork", fork_and_return)
    server.register("fork_in_loop", fork_in_loop)
    server.register("note", lambda: note_process(path))
    server.start()


def fork_and_return():
    """The child returns from the method as well; the parent once it has gone."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]  # 0 when it has ended well
    return "the child's"


async def fork_in_loop():
    return fork_and_return()


def note_process(path):
    with open(path, "a") as file:
        print(os.getpid(), file=file)


@pytest.fixture
def forking(name, tmp_path):
    """A client of a server whose methods fork."""
    with process(forking_server, name, str(tmp_path / "noted")) as server:
        with RPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE) as client:
            yield client
            client.call("stop")
        server.join(PATIENCE)
        assert server.exitcode == 0
    assert not leftovers(name)


@pytest.mark.fault("workers")
@pytest.mark.parametrize("method", ["fork", "fork_in_loop"])
def test_a_child_that_a_method_forks_answers_nobody(forking, method):
    """That of the loop's thread went on with the loop, and with what wakes its parent's."""
    for _ in range(2):
        assert forking.call(method) == 0
    assert forking.call("add", 1, 1) == 2


@pytest.mark.fault("workers")
def test_a_child_that_a_method_forks_does_not_run_the_rest_of_its_batch(forking, tmp_path):
    with forking.batch() as batch:
        batch.call("fork")
        batch.call("note")
    assert batch.results() == [0, None]
    assert len((tmp_path / "noted").read_text().splitlines()) == 1


def test_a_large_request_stays_whole_while_others_are_taken(client):
    texts = ["abc"[number % 3] * 300_000 for number in range(12)]
    found = [client.submit("echo", text) for text in texts]
    assert [each.result(PATIENCE) for each in found] == texts


def test_the_number_of_threads_is_checked(name):
    with pytest.raises(ValueError, match="threads must be 0 to 1,024, not -1"):
        RPCServer(name, threads=-1)
    with pytest.raises(TypeError, match="threads must be an int, not float"):
        RPCServer(name, threads=1.0)


def test_a_server_with_threads_ends_when_it_was_idle_for_its_timeout(name):
    server = RPCServer(name, timeout=0.05, threads=2)
    with pytest.raises(RPCTimeoutError, match=r"had no request for 0\.05 s"):
        server.start()
