"""An array in a loan is sent without a copy, and is its client's own again when the loan is over."""

import warnings

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTimeoutError, RPCTransportError
from shm_rpc_bridge.frames import Framed

from ..arrays import each_codec
from ..services import PATIENCE, started
from .borrowers import LARGE, SMALL


@pytest.fixture
def written(monkeypatch):
    """How many bytes of frames are written into shared memory."""
    sizes = []
    write_into = Framed.write_into

    def noted(message, memory, offset):
        sizes.append(sum(len(part) for start, part in message._parts if start))
        write_into(message, memory, offset)

    monkeypatch.setattr(Framed, "write_into", noted)
    return sizes


@each_codec
def test_an_array_in_a_loan_is_sent_without_a_copy_as_often_as_one_likes(name, codec, borrower, written):
    if codec == "msgpack":
        pytest.importorskip("msgspec")
    server = RPCServer(name, codec=codec)
    server.register("describe", borrower.describe, borrow=True)
    server.register("describe_copy", borrower.describe)
    with started(server), RPCClient(name, codec=codec, timeout=PATIENCE) as client:
        client.call("describe", LARGE)  # pickle looks for buffers from here on
        with client.loan(LARGE.shape, LARGE.dtype) as loan:
            for number in range(1, 4):
                loan.array[:] = LARGE * number
                del written[:]
                assert loan.call("describe", loan.array, word="x" * 1000)[2:] == [LARGE.sum() * number, ["word"]]
                assert loan.call("describe_copy", loan.array)[2] == LARGE.sum() * number
                assert written == [0, 0]
                assert client.call("describe", SMALL)[2] == SMALL.sum()  # in another channel
                assert (loan.array == LARGE * number).all()


def test_where_it_is_not_the_first_array_or_much_stands_before_it_it_is_copied(client, written):
    with client.loan((100, 50), "f4") as loan:
        loan.array[:] = 3
        assert loan.call("describe", SMALL, other=loan.array)[2] == SMALL.sum()  # what has a name comes first
        assert loan.call("describe", loan.array.T)[2] == 15_000  # the same bytes, and the order is told
        assert written == [80, 0]
        assert loan.call("describe", loan.array, other=SMALL)[2] == 15_000
        assert loan.call("describe", loan.array, other="x" * 5000)[2] == 15_000
        assert loan.call("describe", loan.array[:50])[2] == 7500
        assert loan.call("describe", loan.array, another=loan.array, other=LARGE)[2] == 15_000  # too much for there
        assert loan.call("add", 1, 2) == 3
        assert written[2:] == [20_080, 20_000, 10_000, 4_040_000]


@pytest.mark.fault("leases")
@each_codec
def test_a_loan_is_sent_as_it_is_shaped_at_the_call_and_by_any_method(name, codec, written):
    server = RPCServer(name, codec=codec)
    server.register("shape", lambda array: [list(array.shape), array.dtype.str, bool(array.flags.writeable)])
    server.register("last", lambda array: float(array.flat[-1]), borrow=True)
    with started(server), RPCClient(name, codec=codec, timeout=PATIENCE) as client, client.loan(
        (20_000, 50), "f4"
    ) as loan:
        loan.array[:] = 1
        for _ in range(3):
            assert loan.call("shape", loan.array) == [[20_000, 50], "<f4", True]
            assert loan.call("last", loan.array) == 1.0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy 2.5
            loan.array.shape = (50, 20_000)
        loan.array[-1, -1] = 2
        del written[:]
        assert loan.call("shape", loan.array) == [[50, 20_000], "<f4", True]
        assert loan.call("last", loan.array) == 2.0
        loan.array.flags.writeable = False
        assert loan.call("shape", loan.array) == [[50, 20_000], "<f4", False]
        assert written == [0, 0, 0]


@pytest.mark.fault("leases")
def test_what_is_kept_of_a_loan_never_shows_another_calls_bytes(client):
    kept = []
    for number in range(10):
        with client.loan(50_000) as loan:
            loan.array[:] = number
            assert loan.call("describe", loan.array)[2] == number * 50_000
            kept.append(loan.array[::5])
        assert loan.array is None
        client.call("length", "x" * 500_000)
        client.call("describe", LARGE)
    for number, each in enumerate(kept):
        assert (each == number).all()


def test_a_loan_is_begun_once_and_is_for_arrays_that_can_be_sent(client):
    loan = client.loan(5)
    with loan, pytest.raises(RuntimeError, match="begun already"):
        loan.__enter__()
    with pytest.raises(RPCTransportError, match="a loan is for its `with` block"):
        loan.call("add", 1, 2)
    with pytest.raises(TypeError, match="one of Python objects"):
        client.loan(5, "O")
    with pytest.raises(ValueError, match="lengths of 0 or more"):
        client.loan((3, -1))
    for shape in ("x", None, (3.5,)):
        with pytest.raises(TypeError, match="shape must be an int, or a tuple of them, not"):
            client.loan(shape)
    with pytest.raises(AttributeError, match=r"with client.borrow\(...\) as result"):
        client.borrow("numbers", 1, 2).shape  # noqa: B018
    with client.loan((0, 3)) as empty:
        assert empty.call("describe", empty.array)[2] == 0.0
    with pytest.raises(RPCTransportError, match="Message too large"), client.loan(2**40, "u1"):
        pass
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("leases")
def test_a_loan_whose_call_has_failed_is_lost_or_goes_on_as_the_call_says(client, borrower):
    with client.loan(LARGE.shape) as loan:
        loan.array[:] = LARGE
        with pytest.raises(KeyError):
            loan.call("keep_and_raise", loan.array)
        assert loan.call("describe", loan.array)[2] == LARGE.sum()
    with client.with_options(timeout=1.0).loan(LARGE.shape) as loan:
        loan.array[:] = LARGE
        with pytest.raises(RPCTimeoutError) as caught:
            loan.call("hold", loan.array)
        assert caught.value.may_have_run is True
        with pytest.raises(RPCTransportError, match="the loan is lost"):
            loan.call("describe", loan.array)
        borrower.go_on.set()
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("leases")
def test_a_server_or_a_client_that_closes_meanwhile_leaves_the_array(name, borrower):
    server = RPCServer(name)
    server.register("describe", borrower.describe, borrow=True)
    client = RPCClient(name, timeout=PATIENCE)
    with client.loan(LARGE.shape) as loan:
        with started(server):
            loan.array[:] = LARGE
            assert loan.call("describe", loan.array)[2] == LARGE.sum()
        with pytest.raises(RPCTransportError, match="the loan is lost"):
            loan.call("describe", loan.array)
        client.close()
        assert (loan.array == LARGE).all()
