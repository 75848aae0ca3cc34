"""A client that borrows a result has views of shared memory until its block ends, and copies beyond it."""

import pytest

from shm_rpc_bridge import RPCClient, RPCSerializationError, RPCServer, RPCTransportError
from shm_rpc_bridge.testing import in_memory

from ..arrays import GRID
from ..services import PATIENCE, started
from .borrowers import LARGE

numpy = pytest.importorskip("numpy")


def test_a_client_borrows_a_result_until_its_block_ends(client):
    for number in range(5):
        with client.borrow("numbers", number, size=100_000) as lent:
            assert (lent == number).all()
            assert not lent.flags.writeable
            with client.borrow("numbers", -1, 100_000) as other:  # in another channel
                assert (client.call("numbers", 7, 100_000) == 7).all()
                assert (other == -1).all()
            assert (lent == number).all()
    with client.borrow("add", 1, 2) as three:
        assert three == 3
    with client.borrow("numbers", 1, 5) as few:
        assert few.tolist() == [1.0] * 5


@pytest.mark.fault("leases")
def test_what_is_kept_beyond_the_block_never_shows_another_calls_bytes(client):
    kept = []
    for number in range(20):
        with client.borrow("numbers", number, 100_000) as lent:
            kept.append(lent[::7])
        del lent
        assert (client.call("numbers", -1, 100_000) == -1).all()
    for number, each in enumerate(kept):
        assert (each == number).all()


@pytest.mark.fault("leases")
def test_after_a_borrowed_call_that_fails_the_next_one_works(client):
    for _ in range(3):
        with pytest.raises(KeyError), client.borrow("keep_and_raise", LARGE):
            pass
        with pytest.raises(ZeroDivisionError), client.borrow("divide", 1, 0):
            pass
        with pytest.raises(RuntimeError), client.borrow("numbers", 1, 100_000):
            raise RuntimeError
        assert client.call("copy_of", GRID)[1] is True  # and is no view


def test_it_is_borrowed_once(client):
    borrowed = client.borrow("add", 1, 2)
    with borrowed as three:
        assert three == 3
    with pytest.raises(RuntimeError, match="borrowed already"), borrowed:
        pass


def test_an_object_that_stays_in_the_server_is_not_borrowed(name):
    class Basket:
        def look(self):
            return 1

    server = RPCServer(name)
    server.register_class(Basket)
    server.register("basket", Basket)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        with pytest.raises(RPCSerializationError, match="a Basket that stays in the server") as caught, client.borrow(
            "basket"
        ):
            pass
        assert caught.value.may_have_run is True
        assert client.call("basket").look() == 1


@pytest.mark.fault("leases")
def test_a_client_that_is_closed_while_it_borrows_leaves_its_views(server):
    client = RPCClient(server.name, timeout=PATIENCE)
    with client.borrow("numbers", 3, 100_000) as lent:
        client.close()
        assert (lent == 3).all()
    assert (lent == 3).all()


@pytest.mark.fault("leases")
def test_a_server_that_is_gone_while_a_result_is_borrowed_leaves_the_views(name):
    server = RPCServer(name)
    server.register("numbers", lambda first, size: numpy.full(size, float(first)))
    with RPCClient(name, timeout=PATIENCE) as client:
        with started(server):
            borrowed = client.borrow("numbers", 3, 100_000)
            lent = borrowed.__enter__()
        assert (lent == 3).all()
        borrowed.__exit__()
        assert (lent == 3).all()
        with pytest.raises(RPCTransportError):
            client.call("numbers", 1, 1)


@pytest.mark.fault("leases")
def test_many_leases_at_once_are_as_many_channels(name):
    with in_memory():
        server = RPCServer("many", max_channels=200)
        server.register("numbers", lambda first, size: numpy.full(size, float(first)))
        with started(server), RPCClient("many", timeout=PATIENCE) as client:
            borrowed = [client.borrow("numbers", number, 5000) for number in range(150)]
            lent = [each.__enter__() for each in borrowed]
            assert all((each == number).all() for number, each in enumerate(lent))
            for each in borrowed:
                each.__exit__()
            assert (client.call("numbers", 9, 5000) == 9).all()
            assert all((each == number).all() for number, each in enumerate(lent))
            del lent, borrowed, each
            with client.borrow("numbers", 8, 5000) as last:
                assert (last == 8).all()
