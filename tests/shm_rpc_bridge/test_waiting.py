"""Spinning, parking, and what happens when a wake-up is lost."""

import math
import threading
from time import monotonic

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, names, posix
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.waiting import POLL, Waiter

from .services import PATIENCE, register_methods


class FakeSemaphore:
    """Shows `tokens` from the look number `appears` on; parked waits take `parked` seconds of nothing."""

    def __init__(self, tokens, appears=0):
        self.tokens = tokens
        self.appears = appears
        self.looks = 0
        self.parked = 0

    @property
    def value(self):
        self.looks += 1
        return self.tokens if self.looks > self.appears else 0

    def acquire(self, timeout=None):
        if timeout:
            self.parked += 1
        if not self.tokens:
            raise posix.Busy
        self.tokens -= 1

    def park(self, timeout, *tallies):
        try:
            self.acquire(timeout or 1e-9)
        except posix.Busy:
            return False
        for tally in tallies:
            next(tally)
        return True

    def release(self):
        self.tokens += 1

    def close(self):
        pass


def nothing():
    pass


@pytest.fixture
def two_cpus(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1})


def test_blocking_never_looks(two_cpus):
    semaphore = FakeSemaphore(tokens=1)
    assert Waiter(semaphore, "block", nothing).wait(math.inf)
    assert (semaphore.looks, semaphore.parked) == (0, 1)


def test_adaptive_takes_what_comes_while_it_looks_without_parking(two_cpus):
    semaphore = FakeSemaphore(tokens=1, appears=50)
    waiter = Waiter(semaphore, "adaptive", nothing)
    semaphore.looks = 0  # it has looked, to learn how long that takes
    assert waiter.wait(math.inf)
    assert (semaphore.looks, semaphore.parked) == (51, 0)


def test_with_one_usable_cpu_nobody_looks(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0})
    semaphore = FakeSemaphore(tokens=1)
    waiter = Waiter(semaphore, "adaptive", nothing)
    semaphore.looks = 0
    assert waiter.wait(math.inf)
    assert semaphore.looks == 0


@pytest.fixture
def clock(monkeypatch):
    """The time that waits see, in seconds: ``clock[0]``. Nothing but the test moves it."""
    now = [0.0]
    monkeypatch.setattr("shm_rpc_bridge.waiting.monotonic", lambda: now[0])
    return now


def test_probes_that_do_not_help_become_rare(two_cpus, clock):
    """A parked wait that ends at once asks for a longer look; when that never helps, one in 64 at most is spent."""
    semaphore = FakeSemaphore(tokens=0)
    waiter = Waiter(semaphore, "adaptive", nothing)
    looks = []
    for _ in range(1000):
        semaphore.tokens, semaphore.appears, semaphore.looks = 1, math.inf, 0
        assert waiter.wait(math.inf)
        looks.append(semaphore.looks)
    long_looks = sum(each > 2 * looks[0] for each in looks)
    assert 1 < long_looks < 40


def test_after_sharing_its_core_a_wait_sleeps_at_once_so_that_it_wakes_up_on_another(two_cpus, monkeypatch):
    """Two processes on one core answer each other only in turns, and spinning on they stay there."""
    semaphore = FakeSemaphore(tokens=0)

    def the_other_side_runs():
        semaphore.tokens = 1
        until = monotonic() + 1e-4
        while monotonic() < until:
            pass

    monkeypatch.setattr("os.sched_yield", the_other_side_runs)
    waiter = Waiter(semaphore, "adaptive", nothing)
    assert waiter.wait(math.inf)
    assert semaphore.parked == 0
    semaphore.tokens, semaphore.looks = 1, 0
    assert waiter.wait(math.inf)
    assert (semaphore.looks, semaphore.parked) == (0, 1)


def test_a_side_that_parks_looks_back_as_soon_as_the_other_one_probes(two_cpus, clock):
    """Else both park in turns though both would be fast: their own probes, one in 64, hardly ever meet. Without this
    up to 1,400 calls after a pause took 55 us instead of 4.
    """
    semaphore = FakeSemaphore(tokens=0)

    def park_for(seconds):
        def park(timeout, *tallies):
            semaphore.tokens = 0
            clock[0] += seconds
            return True

        semaphore.park = park
        semaphore.looks, semaphore.appears = 0, math.inf
        assert waiter.wait(math.inf)
        return semaphore.looks

    waiter = Waiter(semaphore, "adaptive", nothing)
    first_looks = park_for(70e-6)
    for _ in range(200):  # two wake-ups each: probing has become rare
        park_for(70e-6)
    while park_for(70e-6) == 0:  # right after a probe of its own, which is the longest before the next
        pass
    for _ in range(5):  # looking in vain, it looks less and less
        park_for(70e-6)
    assert park_for(40e-6) == 0  # one wake-up: the other side is looking
    assert park_for(40e-6) > 2 * first_looks


def test_recheck_ends_a_wait_in_every_strategy(two_cpus):
    class PeerIsGone(Exception):
        pass

    def recheck():
        raise PeerIsGone

    for strategy in ("adaptive", "block", "spin"):
        with pytest.raises(PeerIsGone):
            Waiter(FakeSemaphore(tokens=0), strategy, recheck, slice_seconds=0.01).wait(monotonic() + PATIENCE)


@pytest.mark.fault("wakeup-lost")
def test_a_lost_wake_up_is_made_good_by_the_client(name):
    """The doorbell's tokens are stolen before the server can see one; without ringing again the call would time out."""
    server = RPCServer(name)
    register_methods(server)
    with RPCClient(name, timeout=PATIENCE) as client:
        held = []
        doorbell = posix.open_semaphore(names.doorbell(name, Control.open(name, held).generation), held)
        doorbell.acquire(PATIENCE)  # for the channel that was announced
        answers = []
        calling = threading.Thread(target=lambda: answers.append(client.call("add", a=1, b=2)))
        calling.start()
        doorbell.acquire(PATIENCE)  # for the request
        serving = threading.Thread(target=server.start)
        serving.start()
        calling.join(PATIENCE)
        assert answers == [3]
        server.stop()
        serving.join(PATIENCE)
        posix.let_go(held)


@pytest.mark.fault("timeout-odd")
@pytest.mark.parametrize("strategy", ["adaptive", "block", "spin"])
def test_who_polls_looks_once(two_cpus, strategy):
    """It looked for 60 microseconds first, whatever the deadline."""
    semaphore = FakeSemaphore(tokens=0)
    assert not Waiter(semaphore, strategy, nothing).wait(POLL)
    assert (semaphore.looks, semaphore.parked) == (1, 0)


@pytest.mark.fault("timeout-odd")
def test_the_deadline_is_looked_at_between_rounds_of_looking(two_cpus, monkeypatch):
    """All ten rounds were gone through first."""
    yields = []
    monkeypatch.setattr("os.sched_yield", lambda: yields.append(1))
    now = monotonic()
    monkeypatch.setattr("shm_rpc_bridge.waiting.monotonic", lambda: now)
    assert not Waiter(FakeSemaphore(tokens=0), "adaptive", nothing).wait(now - 1.0)
    assert not yields
