"""Too little memory is an error of what needs it; everyone else goes on."""

import contextlib
import errno
import mmap
import os
import random
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCError, RPCMethodError, RPCSerializationError, RPCTransportError, cleanup, posix
from shm_rpc_bridge.testing import leftovers

from .services import PATIENCE, process, run_server, server_process, serving
from .steps import until
from .strangers import limit_memory

MIB = 2**20


@pytest.mark.fault("memory-short")
@pytest.mark.parametrize("spare", [1, 8, 40], ids="{} MiB".format)
def test_a_request_that_a_server_has_no_memory_for_fails_alone(name, spare):
    """MemoryError ended the server, and all its clients with it."""
    with server_process(name) as server:
        with RPCClient(name, timeout=PATIENCE) as large, RPCClient(name, timeout=PATIENCE) as other:
            assert large.call("add", a=1, b=1) == other.call("add", a=1, b=1) == 2
            limit_memory(server.pid, spare * MIB)
            with pytest.raises(RPCError) as caught:
                large.call("length", data="x" * (32 * MIB))
            told = caught.value
            assert isinstance(told, (RPCTransportError, RPCMethodError, RPCSerializationError))
            assert "refused this channel" in str(told) or "memory" in str(told).lower()
            assert other.call("add", a=2, b=2) == large.call("add", a=2, b=2) == 4
            with pytest.raises(MemoryError):
                other.call("text_of", size=64 * MIB)
            assert other.call("add", a=3, b=3) == large.call("add", a=3, b=3) == 6
            limit_memory(server.pid, -1)
            assert large.call("length", data="x" * (32 * MIB)) == 32 * MIB
            large.call("stop")
        server.join(PATIENCE)
        assert server.exitcode == 0


@pytest.mark.fault("memory-short")
@pytest.mark.parametrize(
    ("call", "spare", "told"),
    [
        ((10, "length", "x" * 3 * MIB), 75, RPCSerializationError),
        ((30, "text_of", 3 * MIB), 150, MemoryError),
    ],
    ids=["requests", "results"],
)
def test_a_batch_that_a_server_has_no_memory_for_fails_alone(name, call, spare, told):
    """Each of its calls had enough; where there was none for all of them together, MemoryError ended the server."""
    count, *arguments = call
    with process(run_server, name, {"codec": "pickle"}) as server:
        with RPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE, codec="pickle") as client:
            batch = client.batch()
            for _ in range(count):
                batch.call(*arguments)
            assert client.call("add", a=1, b=1) == 2
            limit_memory(server.pid, spare * MIB)
            with pytest.raises(told, match="MemoryError" if told is RPCSerializationError else None):
                batch.send()
            limit_memory(server.pid, -1)
            assert client.call("add", a=2, b=2) == 4
            client.call("stop")
        server.join(PATIENCE)
        assert server.exitcode == 0


@pytest.mark.fault("memory-short")
def test_a_connection_that_a_server_has_no_memory_for_is_refused_alone(name):
    """It ended the server: mapping a client's buffers is done in between calls, where nothing was caught."""
    with server_process(name) as server:
        with RPCClient(name, timeout=PATIENCE) as other:
            assert other.call("add", a=1, b=1) == 2
            limit_memory(server.pid, 8 * MIB)
            with RPCClient(name, 64 * MIB, timeout=PATIENCE) as large:
                with pytest.raises(RPCTransportError, match="has refused this channel: its log says why"):
                    large.call("add", a=1, b=2)
                assert other.call("add", a=2, b=2) == 4
                limit_memory(server.pid, -1)
                assert large.call("add", a=1, b=2) == 3
            other.call("stop")
        server.join(PATIENCE)
        assert server.exitcode == 0


class BackendWithoutMemory:
    """Where the first thing so named that is opened in the thread of a server is the one too many."""

    def __init__(self, backend, named, fail):
        self._backend = backend
        self._named = named
        self._fail = fail
        self._client = threading.get_ident()
        self.failed = 0

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def open_semaphore(self, name, held):
        if self._is_it(name):
            self._backend.open_semaphore(name, held)  # noted, as by a backend that is interrupted
            raise MemoryError
        return self._backend.open_semaphore(name, held)

    def open_segment(self, name, least, held):
        segment = self._backend.open_segment(name, least, held)
        if self._is_it(name):
            if self._fail is MemoryError:
                raise MemoryError
            segment.map_with(self._no_map)
        return segment

    @staticmethod
    def _no_map(fd, size):
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    def _is_it(self, name):
        if self.failed or threading.get_ident() == self._client or not name.endswith(":" + self._named):
            return False
        self.failed += 1
        return True


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.fault("memory-short")
@pytest.mark.parametrize(
    ("named", "fail"),
    [
        ("request", MemoryError),
        ("request", mmap.mmap),
        ("response", MemoryError),
        ("response", mmap.mmap),
        ("request_empty", MemoryError),
        ("request_full", MemoryError),
        ("response_empty", MemoryError),
        ("response_full", MemoryError),
    ],
)
def test_no_memory_for_any_part_of_a_channel_is_that_channels_refusal(name, named, fail, caplog):
    with serving(name), RPCClient(name, timeout=PATIENCE) as old:
        assert old.call("add", a=1, b=1) == 2
        before = descriptors()
        with posix.using(lambda backend: BackendWithoutMemory(backend, named, fail)) as backend:
            with RPCClient(name, timeout=PATIENCE) as new:
                with pytest.raises(RPCTransportError, match="has refused this channel"):
                    new.call("add", a=1, b=2)
                assert old.call("add", a=2, b=2) == 4
                assert new.call("add", a=1, b=2) == 3  # on another channel
            assert old.call("add", a=2, b=2) == 4  # by now the server has seen it go
            assert backend.failed == 1
        assert [record.levelname for record in caplog.records if "refused" in record.getMessage()] == ["WARNING"]
        for _ in until(PATIENCE):  # the server sees the other client go
            if descriptors() <= before:
                break
        assert descriptors() <= before
    assert leftovers(name) == []


@pytest.mark.fault("memory-short")
@pytest.mark.parametrize("rounds", [10, pytest.param(1000, marks=pytest.mark.soak)])
def test_a_server_under_limits_that_come_and_go_serves_on(name, rounds, figures):
    """Requests, results and connections of random sizes under random limits: each is answered or an error."""
    rounds, chance, failed, made = figures.scaled(rounds), random.Random(5), 0, 0
    with server_process(name) as server, RPCClient(name, timeout=PATIENCE) as other:
        assert other.call("add", a=1, b=1) == 2
        at_first = mapped(server, name)
        for number in figures.progress("random limits", range(rounds)):
            for _ in until(PATIENCE):  # what it lets go of later would be more than the limit
                if mapped(server, name) == at_first:
                    break
            # Small ones fit under every limit, large ones under none (from 32 MiB on memory that is given back is not
            # kept by malloc), so that orjson never has to do without: see the test below.
            limit_memory(server.pid, int((1 + 7 * chance.random()) * MIB))
            with RPCClient(name, chance.choice([1000, 65_536, 40 * MIB]), timeout=PATIENCE) as client:
                for _ in range(3):
                    size = int(chance.choice([100, 1000, 40 * MIB]) * (1 + chance.random()))
                    made += 1
                    try:
                        if chance.random() < 0.5:
                            assert client.call("length", data="x" * size) == size
                        else:
                            assert client.call("text_of", size=size) == "x" * size
                    except RPCError:
                        failed += 1
                assert server.is_alive()
                limit_memory(server.pid, -1)
                for each in (client, other):
                    answer_again(each, number)
        other.call("stop")
        server.join(PATIENCE)
        assert server.exitcode == 0
    if rounds >= 10:
        assert 0 < failed < made
    figures.record("memory-short", "calls to a server under random limits that failed, alone", failed, "calls", made)


def mapped(server, name):
    """How many mappings of that name a server has."""
    with open(f"/proc/{server.pid}/maps") as maps:
        return sum(f":{name}" in line for line in maps)


def answer_again(client, number):
    """At the second try at the latest: a channel that was refused meanwhile says so at its next call."""
    try:
        assert client.call("add", a=number, b=2) == number + 2
    except RPCTransportError as error:
        assert "refused" in str(error)  # noqa: PT017
        assert client.call("add", a=number, b=2) == number + 2


@pytest.mark.fault("memory-short")
def test_a_long_text_needs_no_more_memory_than_its_frame_and_itself(name):
    """As JSON it ended the server."""
    with server_process(name) as server, RPCClient(name, timeout=PATIENCE) as client:
        assert client.call("add", a=1, b=1) == 2
        limit_memory(server.pid, 20 * MIB)
        assert client.call("length", data="x" * (8 * MIB)) == 8 * MIB
        limit_memory(server.pid, -1)
        client.call("stop")
        server.join(PATIENCE)
        assert server.exitcode == 0


@pytest.mark.fault("memory-short")
@pytest.mark.xfail(strict=True, reason="orjson dies of SIGSEGV where it gets no memory")
@pytest.mark.parametrize(
    ("method", "params", "spare"),
    [("text_of", {"size": 8 * MIB}, 20), ("echo", {"data": "numbers"}, 8)],
    ids=["result", "numbers"],
)
def test_json_that_a_server_has_no_memory_for_fails_alone(name, method, params, spare):
    """The message itself fits, what is made of it does not."""
    if params.get("data") == "numbers":
        params = {"data": list(range(500_000))}
    with server_process(name) as server, contextlib.ExitStack() as stack:
        stack.callback(remove_leftovers, name)
        stack.callback(server.kill)
        with RPCClient(name, timeout=PATIENCE) as large, RPCClient(name, timeout=PATIENCE) as other:
            assert large.call("add", a=1, b=1) == other.call("add", a=1, b=1) == 2
            limit_memory(server.pid, spare * MIB)
            with pytest.raises(RPCError):
                large.call(method, **params)
            assert other.call("add", a=2, b=2) == 4


def remove_leftovers(name):
    for _ in until(PATIENCE):
        for owner in cleanup.survey(name):
            cleanup.remove(owner)
        if not leftovers(name):
            return
