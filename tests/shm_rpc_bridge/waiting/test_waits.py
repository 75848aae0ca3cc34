"""A wait of each strategy: it spins and parks, takes one token, and looks for its peer and at its deadline."""

import _ctypes
import math
import threading
from time import monotonic

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, names, posix
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.waiting import POLL, SLICE, Waiter, deadline_after

from ..services import PATIENCE, register_methods
from .waits import STRATEGIES, FakeSemaphore, nothing


def test_blocking_never_looks(two_cpus):
    semaphore = FakeSemaphore(tokens=1)
    assert Waiter(semaphore, "block", nothing).wait(math.inf)
    assert (semaphore.looks, semaphore.parked) == (0, 1)


def test_adaptive_takes_what_comes_while_it_looks_without_parking(two_cpus):
    semaphore = FakeSemaphore(tokens=1, appears=50)
    waiter = Waiter(semaphore, "adaptive", nothing)
    for _ in range(3):
        semaphore.tokens, semaphore.looks = 1, 0  # it has looked before, to learn how long that takes
        assert waiter.wait(math.inf)
        assert (semaphore.looks, semaphore.parked) == (51, 0)


@pytest.mark.parametrize("number", [1, None])
def test_with_one_cpu_nobody_looks(monkeypatch, number):
    monkeypatch.setattr("os.cpu_count", lambda: number)
    semaphore = FakeSemaphore(tokens=1)
    waiter = Waiter(semaphore, "adaptive", nothing)
    semaphore.looks = 0
    assert waiter.wait(math.inf)
    assert semaphore.looks == 0


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
        assert doorbell.park(monotonic() + PATIENCE, posix.no_outcome())  # for the channel that was announced
        answers = []
        calling = threading.Thread(target=lambda: answers.append(client.call("add", a=1, b=2)))
        calling.start()
        assert doorbell.park(monotonic() + PATIENCE, posix.no_outcome())  # for the request
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
    monkeypatch.setattr("shm_rpc_bridge.waiting.offer_core", lambda: yields.append(1))
    now = monotonic()
    monkeypatch.setattr("shm_rpc_bridge.waiting.monotonic", lambda: now)
    for deadline in (now - 1.0, now):
        assert not Waiter(FakeSemaphore(tokens=0), "adaptive", nothing).wait(deadline)
    assert not yields


def test_a_deadline_is_on_the_clock_of_waits(clock):
    clock[0] = 100.0
    assert deadline_after(None) == math.inf
    assert deadline_after(0) == deadline_after(0.0) == POLL
    assert deadline_after(1) == 101.0
    assert deadline_after(0.5) == 100.5
    assert deadline_after(1e9) == 1e9 + 100


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("deadline", [POLL, math.inf], ids=["polled", "waited for"])
def test_a_waiter_says_that_it_has_taken_a_token_once_it_has(two_cpus, strategy, deadline):
    semaphore = FakeSemaphore(tokens=1)
    waiter = Waiter(semaphore, strategy, nothing)
    assert not waiter.taken
    assert waiter.wait(deadline)
    assert waiter.taken
    assert semaphore.tokens == 0
    waiter.taken = False
    assert not waiter.wait(POLL)
    assert not waiter.taken


class TakenByAnother(FakeSemaphore):
    """Whose token, when it is first seen, is gone before it can be had, and soon back."""

    is_quicker = True

    def trywait(self):
        is_quicker, self.is_quicker = self.is_quicker, False
        return -1 if is_quicker else super().trywait()


@pytest.mark.parametrize("strategy", ["adaptive", "spin"])
def test_a_token_that_was_seen_and_is_not_to_be_had_is_waited_for(two_cpus, strategy):
    semaphore = TakenByAnother(tokens=1)
    waiter = Waiter(semaphore, strategy, nothing)
    assert waiter.wait(math.inf)
    assert semaphore.parked == 0
    assert not Waiter(TakenByAnother(tokens=1), strategy, nothing).wait(POLL)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_who_polls_in_vain_looks_for_its_peer_and_who_finds_a_token_does_not(two_cpus, strategy):
    looked = []
    semaphore = FakeSemaphore(tokens=1)
    waiter = Waiter(semaphore, strategy, lambda: looked.append(1))
    assert waiter.wait(POLL)
    assert looked == []
    assert not waiter.wait(POLL)
    assert looked == [1]


class Parks(FakeSemaphore):
    """Parked waits last as long as they may, on the clock; how long stands in `slices`."""

    def __init__(self, clock, comes_after=math.inf):
        super().__init__(tokens=0)
        self.clock = clock
        self.comes_after = comes_after
        self.slices = []

    def park(self, until, outcome):
        self.slices.append(until - self.clock[0])
        self.clock[0] = max(self.clock[0], until)
        return len(self.slices) > self.comes_after


def test_a_parked_wait_is_cut_into_slices_between_which_the_peer_is_looked_for(clock):
    looked = []
    semaphore = Parks(clock)
    assert not Waiter(semaphore, "block", lambda: looked.append(clock[0])).wait(0.25)
    assert semaphore.slices == pytest.approx([0.1, 0.1, 0.05])
    assert looked == pytest.approx([0.1, 0.2, 0.25])
    semaphore = Parks(clock, comes_after=2)
    assert Waiter(semaphore, "block", nothing, slice_seconds=1.0).wait(math.inf)
    assert semaphore.slices == [1.0, 1.0, 1.0]


def test_a_parked_wait_whose_deadline_has_passed_asks_once_whether_there_is_a_token(clock):
    clock[0] = 9.0
    semaphore = Parks(clock)
    assert not Waiter(semaphore, "block", nothing).wait(5.0)
    assert semaphore.slices == [-4.0]


def test_after_a_wait_in_vain_the_next_one_looks_half_as_long(two_cpus, clock):
    semaphore = Parks(clock)
    waiter = Waiter(semaphore, "adaptive", nothing)
    looks = []
    for _ in range(3):
        semaphore.looks = 0
        assert not waiter.wait(clock[0] + SLICE)
        looks.append(semaphore.looks)
    assert looks[1] == looks[0] // 2
    assert looks[2] < looks[1]


def test_who_spins_offers_the_core_and_looks_for_its_peer_once_a_slice_until_the_deadline(two_cpus, clock, monkeypatch):
    looked, offers = [], []

    def offer():
        offers.append(1)
        clock[0] += 0.25

    monkeypatch.setattr("os.sched_yield", offer)
    clock[0] = 8.0
    semaphore = FakeSemaphore(tokens=0)
    waiter = Waiter(semaphore, "spin", lambda: looked.append(clock[0]), slice_seconds=1.0)
    assert not waiter.wait(10.25)
    assert looked == [9.0, 10.0, 10.25]
    assert len(offers) == 9
    assert semaphore.parked == 0


def test_who_looks_calls_nothing_that_gives_up_the_gil(two_cpus, name, monkeypatch):
    """A thread that computes gets it where posix_ipc's `acquire(0)` or `os.sched_yield` lets go of it for an instant,
    and keeps it for 5 ms: 400 calls/s instead of 24,000."""

    def give_up_the_gil(*_):
        raise AssertionError("given up while looking")

    monkeypatch.setattr("os.sched_yield", give_up_the_gil)
    held = []
    semaphore = posix.create_semaphore(name, 1, held)
    posix.unlink_semaphore(name)
    late = FakeSemaphore(tokens=1, appears=150)  # a round is 110 looks here: after the core was offered once
    monkeypatch.setattr(late, "trywait", semaphore.trywait, raising=False)
    monkeypatch.setattr(late, "park", give_up_the_gil)
    waiter = Waiter(late, "adaptive", nothing)
    late.looks = 0
    assert waiter.wait(math.inf)
    assert semaphore.value == 0
    for function in (semaphore.trywait.func, posix.offer_core):
        assert function._flags_ & _ctypes.FUNCFLAG_PYTHONAPI
    posix.let_go(held)
