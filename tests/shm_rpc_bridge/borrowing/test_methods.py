"""Methods that borrow get views of shared memory, and what they keep of them never shows another call's bytes."""

import gc
import os
import select

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError
from shm_rpc_bridge.posix import Segment

from ..aio.loops import connected, run
from ..arrays import each_codec
from ..services import PATIENCE, calling, register_methods, started
from .borrowers import LARGE, SMALL

numpy = pytest.importorskip("numpy")


@each_codec
def test_a_method_that_borrows_gets_views_that_cannot_be_written_to_and_others_copies(name, codec, borrower):
    if codec == "msgpack":
        pytest.importorskip("msgspec")
    server = RPCServer(name, codec=codec)
    server.register("describe", borrower.describe, borrow=True)
    server.register("describe_copy", borrower.describe)
    with started(server), RPCClient(name, codec=codec, timeout=PATIENCE) as client:
        client.call("describe", LARGE)  # pickle looks for buffers from here on
        for array in (SMALL, LARGE):
            assert client.call("describe", array, other=array)[:3] == [False, False, array.sum()]
            assert client.call("describe_copy", array)[::2] == [True, array.sum()]

        async def call():
            async with connected(name, codec=codec) as other:
                await other.call("describe", LARGE)  # as above
                assert (await other.call("describe", LARGE))[::2] == [False, LARGE.sum()]
                assert (await other.call("describe_copy", LARGE))[0] is True

        run(call())


@pytest.mark.fault("leases")
@pytest.mark.parametrize("method", ["keep", "keep_part"])
def test_what_a_method_keeps_never_shows_another_calls_bytes(client, borrower, method):
    for number in range(20):
        assert client.call(method, LARGE + number) == number
        client.call("length", "x" * 1_000_000)  # the same memory, written again
        client.call("copy_of", LARGE * -1)
    for number, kept in enumerate(borrower.kept):
        assert numpy.array_equal(kept, LARGE + number if method == "keep" else (LARGE + number)[100:200:2])
        assert not kept.flags.writeable


@pytest.mark.fault("leases")
def test_bytes_are_lent_as_views_and_what_is_kept_of_them_stays_as_it_was(client, borrower):
    for number in range(5):
        assert client.call("keep_bytes", bytes([number]) * 100_000) == 100_000
    client.call("length", "x" * 100_000)
    assert [bytes(kept) for kept in borrower.kept] == [bytes([number]) * 6 for number in range(5)]
    assert all(kept.readonly for kept in borrower.kept)


@pytest.mark.fault("leases")
def test_a_method_that_raises_or_leaves_a_circle_with_what_it_was_lent_costs_no_call(client):
    for number in range(10):
        with pytest.raises(KeyError) as caught:
            client.call("keep_and_raise", LARGE + number)
        assert caught.value.args == (number + 1.0,)
        assert client.call("keep_in_a_circle", LARGE + number) == number
    gc.collect()


@pytest.mark.fault("leases")
def test_a_child_that_a_method_forks_keeps_what_it_was_lent(name, monkeypatch):
    """Its parent answers, and the memory that both have mapped is written again before the child has run at all."""
    go_on, looked = os.pipe(), os.pipe()
    close = Segment.close
    parent = os.getpid()

    def close_later(segment):
        if os.getpid() != parent:
            select.select([go_on[0]], [], [])
        close(segment)

    monkeypatch.setattr(Segment, "close", close_later)

    def fork_and_look(array):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if array[0] == 1.0 and array[-1] == 500_000.0 else 2
            finally:
                os.write(looked[1], bytes([status]))
                os._exit(0)
        return child

    server = RPCServer(name)
    register_methods(server)
    server.register("fork_and_look", fork_and_look, borrow=True)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        child = client.call("fork_and_look", LARGE + 1)
        assert client.call("length", "x" * 4_100_000) == 4_100_000
        os.write(go_on[1], b"1")
        assert os.read(looked[0], 1) == b"\0"
        os.waitpid(child, 0)
    for end in (*go_on, *looked):
        os.close(end)


@pytest.mark.fault("leases")
@pytest.mark.parametrize("times", [1000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_thousands_of_leases_leave_nothing_behind(name, borrower, times):
    def mapped():
        with open("/proc/self/maps") as maps:
            return sum(1 for _ in maps)

    server = RPCServer(name)
    server.register("describe", borrower.describe, borrow=True)
    server.register("numbers", lambda first, size: numpy.full(size, float(first)))
    with started(server), RPCClient(name, timeout=PATIENCE) as client:

        def lend(times):
            for number in range(times):
                assert client.call("describe", SMALL)[0] is False
                with client.borrow("numbers", number, 10) as lent:
                    assert lent[0] == number

        lend(100)
        before = mapped()
        lend(times)
        assert mapped() <= before + 5


def test_what_was_lent_can_be_returned(client):
    for number in range(5):
        whole, part = client.call("echo_back", LARGE + number)
        assert numpy.array_equal(whole, LARGE + number)
        assert numpy.array_equal(part, [number, number + 1, number + 2])


def test_an_async_method_may_borrow_as_long_as_it_awaits(client, borrower):
    for number in range(5):
        assert client.call("await_it", LARGE + number) == (LARGE + number).sum()
    for number, kept in enumerate(borrower.kept):
        assert numpy.array_equal(kept, LARGE[:10] + number)


@pytest.mark.fault("leases")
def test_a_client_that_gives_up_and_goes_leaves_what_its_method_was_lent(server, borrower):
    impatient = RPCClient(server.name, timeout=None)
    waiting = impatient.submit("hold", LARGE)
    assert borrower.entered.wait(PATIENCE)
    impatient.close()
    with pytest.raises(RPCTransportError, match="closed during the call"):
        waiting.result(PATIENCE)
    borrower.go_on.set()
    with RPCClient(server.name, timeout=PATIENCE) as client:
        assert client.call("hold", LARGE) == LARGE.sum()


def test_processes_do_not_borrow(name):
    with RPCServer(name, processes=1) as server, pytest.raises(ValueError, match="borrow is not for"):
        server.register("sum", sum, borrow=True)


def test_two_methods_borrow_at_once_in_threads(name, borrower):
    server = RPCServer(name, threads=2)
    server.register("hold", borrower.hold, borrow=True)
    server.register("describe", borrower.describe, borrow=True)
    with started(server), RPCClient(name, timeout=PATIENCE) as client, calling(client.call, "hold", LARGE) as held:
        assert borrower.entered.wait(PATIENCE)
        assert client.call("describe", LARGE * 2)[2] == LARGE.sum() * 2
        borrower.go_on.set()
        assert held.result(PATIENCE) == LARGE.sum()
