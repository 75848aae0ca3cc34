"""A signal's handler may raise at any moment: nothing is leaked, no answer is mixed up, everything stays usable."""

import contextlib
import gc
import itertools
import math
import os
import random
import signal
import sys
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCError, RPCServer, RPCTimeoutError, RPCTransportError, SharedMemoryTransport
from shm_rpc_bridge.pool import ChannelPool
from shm_rpc_bridge.testing import at, leftovers, watched

from .raising import Raised, at_every_moment
from .services import PATIENCE, calling, server_process, serving
from .steps import until

pytestmark = [
    pytest.mark.fault("raising-anywhere"),
    # Of what was just opened, or about to be closed, when it was raised: it is closed all the same.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@contextlib.contextmanager
def stopping(name, **options):
    """A server in a process of its own, stopped at the end."""
    with server_process(name, **options) as child:
        yield
        with RPCClient(name, timeout=PATIENCE) as client:
            client.call("stop")
        child.join(PATIENCE)


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
def test_raised_anywhere_in_a_call_the_next_one_gets_its_own_answer_and_nothing_is_leaked(name, wait):
    """A channel popped, or taken out of a call, and not yet put back was lost with its descriptors: 40 of 1,000."""
    numbers = iter(range(10**9))
    with stopping(name, wait=wait), RPCClient(name, timeout=PATIENCE, wait=wait) as client:
        client.call("echo", data="to begin with")
        before = descriptors()

        def check(raising):
            number = next(numbers)
            assert client.call("echo", data=number) == number, raising.where

        at_every_moment(lambda: client.call("echo", data=[next(numbers)]), check)
        client.call("echo", data="the last one")
        gc.collect()
        assert descriptors() <= before + 4  # of one channel in place of another


def test_raised_anywhere_in_a_batch_the_next_one_gets_its_own_answers_and_nothing_is_leaked(name):
    numbers = iter(range(10**9))
    with stopping(name), RPCClient(name, timeout=PATIENCE) as client:

        def live():
            with client.batch() as batch:
                for _ in range(2):
                    batch.call("echo", next(numbers))
            return batch.results()

        live()
        before = descriptors()

        def check(raising):
            number = next(numbers)
            assert live() == [number + 1, number + 2], raising.where

        at_every_moment(live, check, every=2)
        live()
        gc.collect()
        assert descriptors() <= before + 4  # of one channel in place of another


@pytest.mark.parametrize("every", [23, pytest.param(1, marks=pytest.mark.soak)])
def test_raised_anywhere_in_a_stream_the_next_one_has_all_its_items_and_nothing_is_leaked(name, every):
    """Its next items are asked for before they are needed: a request may be under way that nobody is in."""

    def produce(number):
        yield from range(number)

    with serving(name) as server, RPCClient(name, timeout=PATIENCE) as client:
        server.register_function(produce)

        def live(number=20):
            with client.stream("produce", number) as items:
                assert list(items) == list(range(number))
            with client.stream("produce", 1_000_000) as items:
                assert [next(items) for _ in range(9)] == list(range(9))

        live()
        before, numbers = descriptors(), itertools.count()

        def check(raising):
            number = next(numbers) % 20
            assert list(client.stream("produce", number)) == list(range(number)), raising.where
            assert client.call("echo", data=number) == number, raising.where

        at_every_moment(live, check, every=every)
        live()
        gc.collect()
        assert descriptors() <= before + 8  # of two channels in place of others, at both ends
        client.close()
        for _ in until(PATIENCE):  # the server looks after channels that were left twice a second
            if not server._endpoint.objects_kept(os.getpid()) and descriptors() < before:
                break
        else:
            raise AssertionError(f"{server._endpoint.objects_kept(os.getpid())} objects, {descriptors()} for {before}")


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
def test_raised_anywhere_in_connecting_calling_and_closing_nothing_is_left_and_the_next_client_is_served(name, wait):
    """183 descriptors were left after 1,000 alarms, 176 of them even after `close`."""
    with stopping(name, wait=wait), RPCClient(name, timeout=PATIENCE) as bystander:
        bystander.call("add", a=1, b=2)

        def live():
            with RPCClient(name, timeout=PATIENCE, wait=wait) as client:
                client.call("echo", data="text")

        before = descriptors()

        def check(raising):
            gc.collect()
            assert descriptors() == before, raising.where

        every = 5 if wait == "block" else 13
        at_every_moment(live, check, every)
        live()
        assert bystander.call("add", a=1, b=2) == 3


@pytest.mark.parametrize("wait", ["adaptive", "block"])
def test_raised_anywhere_in_serving_the_name_is_free_again_and_nothing_is_left(name, wait):
    """Between two steps of starting or ending a server was left half made, and its name in use."""

    def live():
        server = RPCServer(name, wait=wait)
        server.register("echo", lambda data: data)
        server.register("stop", lambda: server.stop())

        def call():
            try:
                with RPCClient(name, timeout=0.3) as client:
                    client.call("echo", data="text")
                    client.call("stop")
            except RPCError:
                server.stop()

        with calling(call), server:
            server.start()

    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    def check(raising):
        gc.collect()
        assert leftovers(name) == [], raising.where
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before, raising.where

    live()
    at_every_moment(live, check, every=59 if wait == "block" else 97)


METHODS = ("send_request", "receive_request", "send_response", "receive_response")
VIEWING = {"receive_request": "view_request", "receive_response": "view_response"}


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
@pytest.mark.parametrize("method", [*METHODS, *VIEWING.values()])
def test_raised_anywhere_in_a_transports_methods_both_directions_go_on_and_no_message_is_mixed_up(name, method, wait):
    """A token taken while looking was lost, and one given was given again: from then on the transport stood still, or
    one message's place was another's."""
    order = [VIEWING[each] if VIEWING.get(each) == method else each for each in METHODS]
    with SharedMemoryTransport.create(name, wait=wait) as a, SharedMemoryTransport.open(name, wait=wait) as b:
        does = {
            "send_request": lambda: a.send_request(b"request", timeout=PATIENCE),
            "receive_request": lambda: b.receive_request(timeout=PATIENCE),
            "view_request": lambda: bytes(b.view_request(timeout=PATIENCE)),
            "send_response": lambda: b.send_response(b"response", timeout=PATIENCE),
            "receive_response": lambda: a.receive_response(timeout=PATIENCE),
            "view_response": lambda: bytes(a.view_response(timeout=PATIENCE)),
        }
        ready = []

        def come_there():
            for each in order[: order.index(method)]:
                does[each]()

        def check(raising):
            for receive in (b.receive_request, a.receive_response):
                with contextlib.suppress(RPCTimeoutError):
                    assert receive(timeout=0) in (b"request", b"response")
            a.send_request(b"the next request", timeout=PATIENCE)
            assert b.receive_request(timeout=PATIENCE) == b"the next request", raising.where
            b.send_response(b"the next response", timeout=PATIENCE)
            assert a.receive_response(timeout=PATIENCE) == b"the next response", raising.where
            come_there()

        come_there()
        at_every_moment(does[method], check)
        assert ready == []


def test_a_request_whose_post_was_interrupted_does_not_let_the_next_one_get_its_answer(name):
    """Its number was used again: the answer to the first was taken for the second's."""

    def raise_once():
        raise Raised

    with SharedMemoryTransport.create(name) as server:
        with watched(at("release request_full", raise_once, "after")):
            client = SharedMemoryTransport.open(name)
        with client:
            with pytest.raises(Raised):
                client.send_request(b"first")
            server.receive_request(PATIENCE)
            server.send_response(b"of the first", PATIENCE)
            client.send_request(b"second", PATIENCE)
            with calling(client.receive_response, PATIENCE) as answer:
                assert server.receive_request(PATIENCE) == b"second"
                server.send_response(b"of the second", PATIENCE)
                assert answer.result(PATIENCE) == b"of the second"


@pytest.fixture
def alarm():
    """Set what an alarm does; there is none left after the test."""
    before = signal.getsignal(signal.SIGALRM)
    yield lambda handler: signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def raise_it(number, frame):
    raise Raised


@pytest.mark.parametrize("alarms", [200, pytest.param(100_000, marks=pytest.mark.soak)])
def test_under_alarms_that_raise_at_random_moments_a_client_leaks_nothing_and_mixes_nothing_up(
    name, alarm, alarms, figures
):
    """With an alarm in nearly every call the client was dead after seconds: "has all its 1024 channels in use"."""
    alarms, chance, raised, answered = figures.scaled(alarms), random.Random(8), 0, 0
    with stopping(name), RPCClient(name, timeout=PATIENCE) as client:
        client.call("echo", data=0)
        before = descriptors()
        alarm(raise_it)
        for _ in figures.progress("alarms that raise", range(alarms)):
            try:
                try:
                    # And again, should the first one meet code whose exceptions the interpreter swallows.
                    signal.setitimer(signal.ITIMER_REAL, 1e-5 + 3e-4 * chance.random(), 0.05)
                    while True:
                        answered += 1
                        assert client.call("echo", data=answered) == answered
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except Raised:
                raised += 1
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        assert client.call("echo", data="after all") == "after all"
        assert descriptors() <= before + 4
    what = "calls answered rightly between alarms that raise"
    figures.record("raising-anywhere", what, answered - raised, "calls", raised)
    figures.record(
        "raising-anywhere", "descriptors more after them", max(0, descriptors() - before), "descriptors", raised
    )


@pytest.mark.parametrize("limit", range(0, 24, 3))
def test_too_deep_a_recursion_inside_a_call_costs_that_call_alone(name, limit):
    """It took the channel along, as a handler that raises did."""

    def call_at_depth(depth, client):
        return call_at_depth(depth - 1, client) if depth else client.call("add", a=1, b=2)

    with serving(name), RPCClient(name, timeout=PATIENCE) as client:
        client.call("add", a=1, b=2)
        used, frame = 0, sys._getframe()
        while frame is not None:
            used, frame = used + 1, frame.f_back
        before, old = descriptors(), sys.getrecursionlimit()
        for _ in range(20):
            try:
                sys.setrecursionlimit(used + 60)
                assert call_at_depth(50 - limit, client) == 3
            except RecursionError:
                pass
            finally:
                sys.setrecursionlimit(old)
        assert client.call("add", a=1, b=2) == 3
        assert descriptors() <= before + 8


@pytest.mark.fault("reentered")
def test_a_handler_that_calls_with_the_client_it_interrupts_is_answered(name, alarm):
    """It waited for ever for the lock under which the call that it interrupted was connecting."""
    numbers, answers = itertools.count(), []

    def call(number, frame):
        asked = next(numbers)  # its own: the next alarm may come in the middle of this one
        answers.append((asked, client.call("add", a=asked, b=1)))

    with stopping(name), RPCClient(name, timeout=PATIENCE) as client:
        alarm(call)
        chance = random.Random(9)
        for number in range(100):
            signal.setitimer(signal.ITIMER_REAL, 1e-5 + 3e-4 * chance.random())
            with contextlib.suppress(RPCTimeoutError):  # which costs the channel: the next call opens another
                client.with_options(timeout=0).call("echo", data=number)
            assert client.call("echo", data=number) == number
        signal.setitimer(signal.ITIMER_REAL, 0)
        for _ in until(PATIENCE):
            if answers:
                break
        assert answers
        assert [answer for asked, answer in answers] == [asked + 1 for asked, answer in answers]


@pytest.mark.fault("reentered")
def test_a_finalizer_that_calls_while_its_client_connects_is_answered(name):
    """As above, whenever the garbage collector came by."""
    with stopping(name), RPCClient(name, timeout=PATIENCE) as client:
        client.call("add", a=1, b=2)
        told = []
        for step in ("create request", "map response", "create response_full"):
            with contextlib.suppress(RPCTimeoutError):
                client.with_options(timeout=0).call("echo", data=1)
            with watched(at(step, lambda: told.append(client.call("add", a=1, b=1)))):
                assert client.call("echo", data=2) == 2
        assert told == [2] * len(told)
        for step in ("open locks", "open control", "open doorbell"):
            told.clear()
            pool = ChannelPool(name, 1000, 1000, "block", "json")

            def open_another(pool=pool):
                told.append(pool.open_channel(math.inf))

            with watched(at(step, open_another)):
                told.append(pool.open_channel(math.inf))
            assert [channel.take() for channel in told] == [True, True]
            pool.close()


def connect_and_call_for_ever(client):
    """Nearly each call times out, and costs its channel: so the next one opens another."""
    while True:
        with contextlib.suppress(RPCTimeoutError):
            client.with_options(timeout=0).call("add", a=1, b=2)
        assert client.call("add", a=1, b=2) == 3


@pytest.mark.fault("reentered")
def test_a_handler_that_closes_the_client_it_interrupts_ends_that_call(name, alarm):
    """Closing took the same lock: of 100 such handlers 3 to 15 hung."""
    chance = random.Random(10)
    with stopping(name), RPCClient(name, timeout=PATIENCE) as bystander:
        before = descriptors()
        for _ in range(50):
            client = RPCClient(name, timeout=PATIENCE)
            alarm(lambda number, frame, client=client: client.close())
            signal.setitimer(signal.ITIMER_REAL, 1e-5 + 1e-3 * chance.random(), 0.05)
            with pytest.raises(RPCTransportError, match="closed"):
                connect_and_call_for_ever(client)
            signal.setitimer(signal.ITIMER_REAL, 0)
            client.close()
            gc.collect()
            assert descriptors() == before
        assert bystander.call("add", a=1, b=2) == 3


def test_a_transport_is_refused_to_what_interrupts_it_in_the_same_direction(name, alarm):
    """Both would write into one place."""
    refused = []

    def receive_again(number, frame):
        with pytest.raises(RPCTransportError, match="is busy"):
            transport.receive_request(timeout=0)
        refused.append(1)

    with SharedMemoryTransport.create(name, wait="block") as transport, SharedMemoryTransport.open(name) as other:
        alarm(receive_again)

        def send_when_refused():
            for _ in until(PATIENCE):
                if refused:
                    break
            other.send_request(b"to the first")

        thread = threading.Thread(target=send_when_refused)
        thread.start()
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        assert transport.receive_request(PATIENCE) == b"to the first"
        thread.join(PATIENCE)
    assert refused == [1]
