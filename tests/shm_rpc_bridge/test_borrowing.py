"""Arrays that are lent: views of shared memory, and what is left of them when the lease is over."""

import asyncio
import contextlib
import gc
import os
import select
import threading
import warnings

import pytest

from shm_rpc_bridge import RPCClient, RPCSerializationError, RPCServer, RPCTimeoutError, RPCTransportError
from shm_rpc_bridge.frames import Framed
from shm_rpc_bridge.posix import Segment, segments
from shm_rpc_bridge.testing import in_memory

from .aio.loops import connected, run
from .services import PATIENCE, calling, context, register_methods, started
from .test_arrays import GRID, each_codec

numpy = pytest.importorskip("numpy")

LARGE = numpy.arange(500_000.0)
SMALL = numpy.arange(10.0)


class Borrower:
    """Methods that keep what they were lent, on purpose."""

    def __init__(self):
        self.kept = []
        self.entered, self.go_on = threading.Event(), threading.Event()

    def describe(self, array, **others):
        owner = array
        while isinstance(getattr(owner, "base", None), numpy.ndarray):
            owner = owner.base
        return [array.flags.writeable, owner.flags.owndata, float(array.sum()), sorted(others)]

    def keep(self, array):
        self.kept.append(array)
        return float(array[0])

    def keep_part(self, array):
        self.kept.append(array[100:200:2])
        return float(array[0])

    def keep_bytes(self, data):
        self.kept.append(data[3:9])
        return len(data)

    def keep_and_raise(self, array):
        mine = array[1:]
        raise KeyError(float(mine[0]))

    def echo_back(self, array):
        return [array, array[:3]]

    def keep_in_a_circle(self, array):
        circle = [array]
        circle.append(circle)
        return float(array[0])

    async def await_it(self, array):
        await asyncio.sleep(0.001)
        self.kept.append(array[:10])
        return float(array.sum())

    def hold(self, array):
        self.entered.set()
        self.go_on.wait(PATIENCE)
        return float(array.sum())


@pytest.fixture
def borrower():
    return Borrower()


@pytest.fixture(params=[{}, {"threads": 2}], ids=["inline", "threads"])
def server(request, name, borrower):
    server = RPCServer(name, **request.param)
    register_methods(server)
    for method in dir(borrower):
        if not method.startswith("_") and callable(getattr(borrower, method)):
            server.register(method, getattr(borrower, method), borrow=True)
    server.register("copy_of", lambda array: [array, array.flags.writeable])
    server.register("numbers", lambda first, size: numpy.full(size, float(first)))
    with started(server):
        yield server
        borrower.go_on.set()


@pytest.fixture
def client(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        yield client


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


def test_processes_do_not_borrow(name):
    with RPCServer(name, processes=1) as server, pytest.raises(ValueError, match="borrow is not for"):
        server.register("sum", sum, borrow=True)


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


def test_two_methods_borrow_at_once_in_threads(name, borrower):
    server = RPCServer(name, threads=2)
    server.register("hold", borrower.hold, borrow=True)
    server.register("describe", borrower.describe, borrow=True)
    with started(server), RPCClient(name, timeout=PATIENCE) as client, calling(client.call, "hold", LARGE) as held:
        assert borrower.entered.wait(PATIENCE)
        assert client.call("describe", LARGE * 2)[2] == LARGE.sum() * 2
        borrower.go_on.set()
        assert held.result(PATIENCE) == LARGE.sum()


# Loans


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
