"""What is kept of an array that was lent stays as it was where descriptors or memory are short, and in children."""

import contextlib
import os

import pytest

from shm_rpc_bridge import RPCTransportError
from shm_rpc_bridge.posix import segments

from ..services import PATIENCE, context
from .borrowers import LARGE

numpy = pytest.importorskip("numpy")


@pytest.mark.fault("leases")
def test_what_is_kept_needs_no_descriptors(client, borrower):
    client.call("keep", LARGE)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(50):
        assert client.call("keep", LARGE + number) == number
    assert len(os.listdir("/proc/self/fd")) <= before
    assert [kept[0] for kept in borrower.kept] == [0.0, *range(50)]


@pytest.mark.fault("leases")
def test_what_there_is_no_memory_to_keep_costs_its_channel_and_never_shows_another_calls_bytes(
    client, borrower, monkeypatch
):
    def no_copy(mapping, size):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(segments, "PrivateCopy", no_copy)
        with pytest.raises(RPCTransportError, match="refused"):
            client.call("keep", LARGE + 1)
        with client.borrow("numbers", 2, 100_000) as lent:
            also = [client.borrow("numbers", 3, 100_000) for _ in range(4)]
            for each in also:
                with each as another:
                    borrower.kept.append(another)
    for number in range(8):
        assert client.call("keep", LARGE * -number) == 0
        assert (client.call("numbers", -1, 100_000) == -1).all()
    assert (lent == 2).all()
    assert numpy.array_equal(borrower.kept[0], LARGE + 1)
    assert all((each == 3).all() for each in borrower.kept[1:5])


@pytest.mark.fault("leases")
def test_a_forked_child_keeps_what_was_lent_to_its_parent_as_it_was(client):
    shown, seen = context.Queue(), context.Event()

    with client.borrow("numbers", 3, 100_000) as lent:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                shown.put(None)
                seen.wait(PATIENCE)
                shown.put([float(lent[0]), float(lent[-1])])
                shown.close()
                shown.join_thread()
            os._exit(0)
        assert shown.get(timeout=PATIENCE) is None  # it has begun
        del lent
    for _ in range(3):
        assert (client.call("numbers", -1, 100_000) == -1).all()  # in the same memory
    seen.set()
    assert shown.get(timeout=PATIENCE) == [3.0, 3.0]
    os.waitpid(child, 0)
