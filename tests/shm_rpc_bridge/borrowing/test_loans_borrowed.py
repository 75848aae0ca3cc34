"""An array goes from a loan and its result is lent: one copy there and back, and never a byte of another call."""

import pytest

from shm_rpc_bridge import RPCClient, RPCSerializationError, RPCServer, RPCTransportError
from shm_rpc_bridge.frames import Framed
from shm_rpc_bridge.posix import segments

from ..arrays import each_codec
from ..services import PATIENCE, started
from .borrowers import LARGE, SMALL

numpy = pytest.importorskip("numpy")


class NoCopy:
    def __init__(self, *_):
        raise AssertionError("something was copied to be kept")


@pytest.fixture
def writes(monkeypatch):
    """Bytes of each message with frames as it is written, and no other copy of one is made."""
    sizes = []
    write_into = Framed.write_into

    def noted(message, memory, offset):
        sizes.append(sum(len(part) for start, part in message._parts))
        write_into(message, memory, offset)

    monkeypatch.setattr(Framed, "write_into", noted)
    monkeypatch.setattr(Framed, "copied", NoCopy)
    monkeypatch.setattr(segments, "PrivateCopy", NoCopy)
    return sizes


@each_codec
def test_there_and_back_it_is_copied_once(name, codec, writes):
    if codec == "msgpack":
        pytest.importorskip("msgspec")
    server = RPCServer(name, codec=codec)
    server.register("echo", lambda array: array, borrow=True)
    with started(server), RPCClient(name, codec=codec, timeout=PATIENCE) as client:
        client.call("echo", LARGE)  # pickle looks for buffers from here on
        with client.loan(LARGE.shape, LARGE.dtype) as loan:
            for number in range(1, 4):
                loan.array[:] = LARGE * number
                del writes[:]
                with loan.borrow("echo", loan.array) as lent:
                    assert not lent.flags.writeable
                    assert (lent == LARGE * number).all()
                    del lent
                there, back, sent = writes
                assert there < 10_000
                assert back < LARGE.nbytes + 10_000
                assert sent == 0, "it lies there already"


def test_a_function_that_returns_what_it_has_made_of_a_result_has_it_copied_no_more_often(name, writes):
    def total(loan):
        with loan.borrow("echo", loan.array) as lent:
            return lent.sum()

    server = RPCServer(name)
    server.register("echo", lambda array: array, borrow=True)
    with started(server), RPCClient(name, timeout=PATIENCE) as client, client.loan(LARGE.shape, LARGE.dtype) as loan:
        loan.array[:] = LARGE
        assert [total(loan) for _ in range(3)] == [LARGE.sum()] * 3


@pytest.mark.fault("leases")
def test_while_a_result_is_lent_other_calls_of_the_loan_go_elsewhere(client):
    with client.loan(LARGE.shape, LARGE.dtype) as loan:
        loan.array[:] = LARGE
        with loan.borrow("echo_back", loan.array) as (whole, part):
            loan.array[:] = -LARGE
            assert loan.call("describe", loan.array)[2] == -LARGE.sum()
            with loan.borrow("echo_back", loan.array) as (other, _):
                assert (other == -LARGE).all()
            assert client.call("describe", SMALL)[2] == SMALL.sum()
            assert (whole == LARGE).all()
            assert list(part) == [0, 1, 2]
        assert loan.call("describe", loan.array)[2] == -LARGE.sum()


@pytest.mark.fault("leases")
def test_what_is_kept_of_a_result_that_was_lent_stays_as_it_was(client):
    kept = []
    with client.loan(LARGE.shape, LARGE.dtype) as loan:
        for number in range(10):
            loan.array[:] = number
            with loan.borrow("echo_back", loan.array) as (whole, _):
                kept.append(whole[::1000])
            del whole
        loan.call("describe", loan.array)
    client.call("copy_of", LARGE)
    for number, each in enumerate(kept):
        assert (each == number).all()


@pytest.mark.fault("leases")
def test_a_loan_that_ends_first_leaves_the_result_and_the_next_lease_alone(client):
    loan = client.loan(LARGE.shape, LARGE.dtype)
    with loan:
        loan.array[:] = LARGE
        borrowed = loan.borrow("echo_back", loan.array)
        whole, _ = borrowed.__enter__()
    with client.borrow("numbers", 3, LARGE.size) as lent:
        borrowed.__exit__()
        assert (client.call("numbers", 4, LARGE.size) == 4).all()
        assert (lent == 3).all()
        assert (whole == LARGE).all()


@pytest.mark.fault("leases")
def test_a_call_that_fails_or_whose_array_is_elsewhere_is_one_as_any_other(client, borrower):
    with client.loan(LARGE.shape, LARGE.dtype) as loan:
        loan.array[:] = LARGE
        for _ in range(2):
            with pytest.raises(KeyError), loan.borrow("keep_and_raise", loan.array):
                pass
            with loan.borrow("echo_back", loan.array[:10]) as (whole, _):
                assert (whole == LARGE[:10]).all()
            with loan.borrow("echo_back", loan.array) as (whole, _):
                assert (whole == LARGE).all()
    with pytest.raises(RPCTransportError, match="a loan is for its `with` block"), loan.borrow("echo_back", LARGE):
        pass


@pytest.mark.fault("leases")
def test_where_there_is_no_memory_to_keep_a_result_the_loan_is_lost_and_says_so(client, monkeypatch):
    with client.loan(LARGE.shape, LARGE.dtype) as loan:
        loan.array[:] = LARGE
        borrowed = loan.borrow("echo_back", loan.array)
        whole, _ = borrowed.__enter__()
        borrowed.__exit__()
        with monkeypatch.context() as patched:
            patched.setattr(segments, "PrivateCopy", no_memory)
            with pytest.raises(RPCTransportError, match="the loan is lost"):
                loan.call("describe", loan.array)
    for number in range(8):
        assert (client.call("numbers", number, LARGE.size) == number).all()
    assert (whole == LARGE).all()


def no_memory(mapping, size):
    raise MemoryError


def test_an_object_that_stays_in_the_server_cannot_be_lent(name):
    class Basket:
        def look(self):
            return 1

    server = RPCServer(name)
    server.register_class(Basket)
    server.register("basket", lambda array: Basket())
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        with client.loan(10) as loan:
            with pytest.raises(RPCSerializationError, match="a Basket that stays in the server"), loan.borrow(
                "basket", loan.array
            ):
                pass
            with pytest.raises(RPCTransportError, match="the loan is lost"):
                loan.call("basket", loan.array)
        with client.loan(10) as loan, pytest.raises(RPCSerializationError), loan.borrow("basket", loan.array[:3]):
            pass
        assert client.ping() > 0
