"""Alarms at random moments, and handlers and finalizers that use the client they interrupt."""

import contextlib
import gc
import itertools
import math
import random
import signal
import sys
import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCTimeoutError, RPCTransportError, SharedMemoryTransport
from shm_rpc_bridge.pool import ChannelPool
from shm_rpc_bridge.testing import at, watched

from .raising import Raised
from .services import PATIENCE, serving
from .steps import until
from .stops import descriptors, stopping

pytestmark = [
    pytest.mark.fault("raising-anywhere"),
    # Of what was just opened, or about to be closed, when it was raised: it is closed all the same.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


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
