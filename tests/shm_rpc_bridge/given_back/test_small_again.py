"""What large messages have made large is small again after a while, and no call is lost for it."""

import asyncio
import gc
import os
import threading
import time

import pytest

from shm_rpc_bridge import AsyncRPCClient, RPCClient, RPCServer, giving_back, scratch, stream
from shm_rpc_bridge.streams import Stream

from ..aio.loops import connected, run
from ..services import PATIENCE, in_thread, register_methods, started
from ..steps import until
from .baskets import KEPT, Basket, count

LARGE = "x" * 3_000_000


def mapped(name):
    """Bytes of the server's channels that this process has mapped, at both ends."""
    total = 0
    with open("/proc/self/maps") as maps:
        for line in maps:
            if (f"/srb:{name}:" in line and "request" in line) or (f"/srb:{name}:" in line and "response" in line):
                first, end = line.split()[0].split("-")
                total += int(end, 16) - int(first, 16)
    return total


def wait_until_small(name, size, meanwhile=lambda: time.sleep(KEPT / 10)):
    for _ in until(PATIENCE):
        meanwhile()
        if mapped(name) <= size:
            return
    raise AssertionError(f"{mapped(name):,} bytes are mapped, {size:,} were")


@pytest.mark.fault("memory-given-back")
def test_of_an_idle_client_it_is_given_back_and_the_thread_for_it_ends(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        client.call("add", 1, 2)
        before, threads = mapped(server.name), set(threading.enumerate())
        for _ in range(2):
            assert client.call("echo", LARGE) == LARGE
            assert mapped(server.name) > before + 2 * len(LARGE)
            (thread,) = [thread for thread in threading.enumerate() if "giving memory back" in thread.name]
            wait_until_small(server.name, before)
            thread.join(PATIENCE)
            assert client.call("add", 1, 2) == 3
            assert mapped(server.name) == before
            assert set(threading.enumerate()) == threads


@pytest.mark.fault("memory-given-back")
def test_of_a_client_that_goes_on_with_small_calls_it_is_given_back_too(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        client.call("add", 1, 2)
        before = mapped(server.name)
        client.call("echo", LARGE)
        wait_until_small(server.name, before, lambda: client.call("add", 1, 2))
        assert client.call("add", 1, 2) == 3


def test_while_large_messages_go_on_it_is_kept(name, monkeypatch):
    server = RPCServer(name)
    register_methods(server)
    clock = [time.monotonic()]
    monkeypatch.setattr(scratch, "monotonic", lambda: clock[0])
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        for way in ("length", "text_of"):
            for _ in range(20):
                client.call(way, LARGE if way == "length" else len(LARGE))
                clock[0] += scratch.KEPT_SECONDS * 0.9
                assert client.call("add", 1, 2) == 3
        assert server.statistics().opened == 1
        clock[0] += scratch.KEPT_SECONDS
        for _ in range(2):
            assert client.call("add", 1, 2) == 3
        assert server.statistics().opened == 2


@pytest.mark.fault("memory-given-back")
def test_what_lives_in_a_large_channel_keeps_it(server):
    numpy = pytest.importorskip("numpy")
    with RPCClient(server.name, timeout=PATIENCE) as client:
        client.call("add", 1, 2)
        before = mapped(server.name)
        client.call("echo", LARGE)
        basket = client.call("basket")  # by the large channel
        stream = client.stream("count")
        assert isinstance(stream, Stream)
        assert basket.add(LARGE) == len(LARGE)
        with client.loan(400_000, "f8") as loan, client.borrow("echo", numpy.arange(400_000.0)) as lent:
            loan.array[:] = 7
            for _ in range(30):
                client.call("add", 1, 2)
                assert basket.add("x") > len(LARGE)
                time.sleep(KEPT / 5)
            assert loan.call("echo", loan.array)[-1] == 7
            assert lent[-1] == 399_999
        assert list(stream) == list(range(1000))
        basket.close()
        loan = lent = stream = None
        gc.collect()
        wait_until_small(server.name, 4 * before)  # as many channels as were used at once


@pytest.mark.fault("memory-given-back")
def test_of_a_client_in_an_event_loop_it_is_given_back_idle_or_not_but_not_under_a_stream(server):
    async def call():
        async with connected(server.name) as client:
            await client.call("add", 1, 2)
            before = mapped(server.name)
            for is_idle in (True, False):
                assert await client.call("echo", LARGE) == LARGE
                assert mapped(server.name) > before + len(LARGE)
                async with await client.stream("count") as stream:
                    assert await stream.__anext__() == 0
                    for _ in range(20):
                        await asyncio.sleep(KEPT / 4)
                        await client.call("add", 1, 2)
                    assert [item async for item in stream] == list(range(1, 1000))
                for _ in until(PATIENCE):
                    await asyncio.sleep(KEPT / 10)
                    if not is_idle:
                        assert await client.call("add", 1, 2) == 3
                    if mapped(server.name) <= before:
                        break
                assert mapped(server.name) <= before
                assert await client.call("add", 1, 2) == 3

    run(call())


@pytest.mark.fault("memory-given-back")
def test_a_forked_child_has_no_part_in_it(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        client.call("echo", LARGE)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                client.call("echo", LARGE)
                status = len([thread for thread in threading.enumerate() if "giving" in thread.name]) - 1
            finally:
                os._exit(status)
        assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 0
        assert client.call("add", 1, 2) == 3


def shm_in_use():
    memory = os.statvfs("/dev/shm")
    return (memory.f_blocks - memory.f_bfree) * memory.f_frsize


@pytest.mark.soak
@pytest.mark.fault("memory-given-back")
@pytest.mark.parametrize("size", [1 << 30, (2 << 30) + 8])
def test_an_array_of_gigabytes_goes_there_and_back_and_all_of_it_is_given_back(name, size):
    numpy = pytest.importorskip("numpy")
    most = (1 << 32) - 1
    before = shm_in_use()
    server = RPCServer(name, max_message_size=most)
    register_methods(server)
    server.register("last", lambda array: float(array[-1]), borrow=True)
    with started(server), RPCClient(name, max_message_size=most, timeout=10 * PATIENCE) as client:
        client.call("add", 1, 2)
        small = mapped(name)
        array = numpy.zeros(size // 8)
        array[-1] = 7.0
        assert client.call("last", array) == 7.0
        came = client.call("echo", array)
        assert came[-1] == 7.0
        assert came.nbytes == array.nbytes
        del array, came
        assert shm_in_use() - before > size
        wait_until_small(name, small)
        for _ in until(PATIENCE):  # its files are closed after they are unmapped
            if shm_in_use() - before < 100 << 20:  # others may use it, too
                break
        assert shm_in_use() - before < 100 << 20
        assert client.call("add", 1, 2) == 3


@pytest.mark.fault("memory-given-back")
@pytest.mark.parametrize("way", ["basket", "count", "upload", "loan", "borrow", "batch"])
def test_no_call_is_lost_whose_channel_was_to_be_given_up(name, monkeypatch, way):
    """What came of it lived in a channel that had been given up while it was called."""
    monkeypatch.setattr(scratch, "KEPT_SECONDS", KEPT)
    monkeypatch.setattr(giving_back, "watch", lambda holder: None)  # nobody but the calls themselves
    numpy = pytest.importorskip("numpy")
    server = RPCServer(name)
    register_methods(server)
    server.register("basket", Basket)
    server.register_class(Basket)
    server.register("count", count)
    server.register("total", sum)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        for _ in range(3):
            client.call("length", LARGE)
            time.sleep(1.5 * KEPT)
            for _ in range(2):
                if way == "basket":
                    with client.call("basket") as basket:
                        assert basket.add("x") == 1
                elif way == "count":
                    assert list(client.stream("count")) == list(range(1000))
                elif way == "upload":
                    assert client.call("total", stream(range(10))) == 45
                elif way == "loan":
                    with client.loan(10) as loan:
                        loan.array[:] = 2
                        assert loan.call("echo", loan.array)[0] == 2
                elif way == "borrow":
                    with client.borrow("echo", numpy.arange(10)) as lent:
                        assert lent[9] == 9
                else:
                    with client.batch() as batch:
                        batch.call("add", 1, 2)
                    assert batch.results() == [3]


@pytest.mark.fault("memory-given-back")
def test_it_is_given_back_also_when_a_call_comes_just_before(name, monkeypatch):
    """The thread that gives it back found nothing to do, and ended."""
    monkeypatch.setattr(scratch, "KEPT_SECONDS", KEPT)
    monkeypatch.setattr(giving_back, "_PAUSE", 3 * KEPT)
    server = RPCServer(name)
    register_methods(server)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        client.call("add", 1, 2)
        before = mapped(name)
        client.call("length", LARGE)
        time.sleep(1.5 * KEPT)
        client.call("add", 1, 2)
        wait_until_small(name, before)


@pytest.mark.fault("memory-given-back")
def test_what_an_event_loop_asks_for_while_it_is_given_back_is_not_lost(server):
    entered, go_on = threading.Semaphore(0), threading.Semaphore(0)

    async def slowly():
        entered.release()
        while not go_on.acquire(blocking=False):
            await asyncio.sleep(0.001)
        return count()

    server.register("slowly", slowly)
    server.register("counted", count)

    async def call():
        async with connected(server.name) as client:
            for _ in range(5):
                await client.call("length", LARGE)
                asked = asyncio.ensure_future(client.stream("slowly"))
                await in_thread(entered.acquire)
                await asyncio.sleep(3 * KEPT)
                go_on.release()
                assert [item async for item in await asked] == list(range(1000))

    run(call())


def test_an_array_that_changes_after_submit_is_sent_as_it_was_at_the_call(server):
    numpy = pytest.importorskip("numpy")

    async def call():
        for size in (100, 100_000, 1_000_000):
            async with AsyncRPCClient(server.name, timeout=PATIENCE) as client:
                await client.close()
            client = AsyncRPCClient(server.name, timeout=PATIENCE)  # not connected yet
            for _ in range(3):
                array = numpy.ones(size)
                submitted = client.submit("echo", array)
                array[:] = 7
                assert (await submitted == 1).all()
            await client.close()

    run(call())
