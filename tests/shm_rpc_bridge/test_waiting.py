"""Spinning, parking, and what happens when a wake-up is lost."""

import _ctypes
import math
import threading
from time import monotonic

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, names, posix
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.waiting import (
    POLL,
    SLICE,
    Waiter,
    deadline_after,
    retry_until,
    validated_strategy,
    validated_timeout,
)

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

    def trywait(self):
        if not self.tokens:
            return -1
        self.tokens -= 1
        return 0

    def park(self, until, outcome):
        self.parked += 1
        outcome.append(FakeSemaphore.trywait(self))
        return not outcome[0]

    def release(self):
        self.tokens += 1

    def close(self):
        pass


def nothing():
    pass


@pytest.fixture
def two_cpus(monkeypatch):
    """Of which this process may use one: the other side may have the other one."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0})


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


def test_after_answers_in_a_row_were_seen_the_next_probe_is_free_again(two_cpus, clock):
    semaphore = FakeSemaphore(tokens=0)
    waiter = Waiter(semaphore, "adaptive", nothing)

    def looks_of_a_wait(appears):
        semaphore.tokens, semaphore.appears, semaphore.looks = 1, appears, 0
        assert waiter.wait(math.inf)
        return semaphore.looks

    first_looks = looks_of_a_wait(math.inf)
    for _ in range(1000):  # in vain: probes have become rare
        looks_of_a_wait(math.inf)
    for _ in range(200):  # from the next probe on, the answer is there at the first look
        looks_of_a_wait(0)
    looks_of_a_wait(math.inf)
    assert looks_of_a_wait(math.inf) > 2 * first_looks


def test_after_sharing_its_core_a_wait_sleeps_at_once_so_that_it_wakes_up_on_another(two_cpus, monkeypatch):
    """Two processes on one core answer each other only in turns, and spinning on they stay there."""
    semaphore = FakeSemaphore(tokens=0)

    def the_other_side_runs():
        semaphore.tokens = 1
        until = monotonic() + 1e-4
        while monotonic() < until:
            pass

    monkeypatch.setattr("shm_rpc_bridge.waiting.offer_core", the_other_side_runs)
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
        def park(until, outcome):
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


@pytest.mark.parametrize("timeout", [-1, -1e-9, math.nan, math.inf, 1e9 + 0.5])
def test_a_timeout_that_is_no_time_is_refused_with_its_name_and_the_limits(timeout):
    for refusing in (deadline_after, validated_timeout):
        with pytest.raises(ValueError, match=rf"^patience must be 0 to 1e\+09 seconds, or None .* not {timeout}$"):
            refusing(timeout, "patience")


@pytest.mark.parametrize("timeout", ["1", True, [1]])
def test_a_timeout_that_is_no_number_is_refused_with_its_name(timeout):
    kind = type(timeout).__name__
    with pytest.raises(TypeError, match=f"^patience must be a number of seconds or None, not {kind}$"):
        validated_timeout(timeout, "patience")


@pytest.mark.parametrize("timeout", [None, 0, 0.0, 1, 2.5])
def test_a_timeout_in_order_is_kept_as_it_is(timeout):
    assert validated_timeout(timeout) is timeout


def test_a_strategy_that_there_is_not_is_refused_with_those_that_there_are():
    assert [validated_strategy(each) for each in ("adaptive", "block", "spin")] == ["adaptive", "block", "spin"]
    with pytest.raises(ValueError, match=r"^wait must be one of 'adaptive', 'block', 'spin', not 'sleep'$"):
        validated_strategy("sleep")


class NotYet(Exception):
    pass


@pytest.fixture
def naps(clock, monkeypatch):
    """How long each sleep between attempts was; the clock goes on by that."""
    naps = []

    def nap(seconds):
        naps.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr("shm_rpc_bridge.waiting.sleep", nap)
    return naps


def failing(times, error):
    left = [error] * times

    def attempt():
        if left:
            raise left.pop()
        return "there"

    return attempt


def test_what_is_not_there_yet_is_tried_again_at_growing_intervals_of_at_most_50_ms(naps):
    assert retry_until(10.0, NotYet, failing(9, NotYet)) == "there"
    assert naps == [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.05, 0.05, 0.05]


def test_what_is_there_at_once_or_fails_otherwise_is_not_tried_again(naps):
    assert retry_until(10.0, NotYet, failing(0, NotYet)) == "there"
    with pytest.raises(KeyError):
        retry_until(10.0, NotYet, failing(1, KeyError))
    assert naps == []


def test_the_last_attempt_is_at_the_deadline_and_not_later(naps, clock):
    with pytest.raises(NotYet):
        retry_until(0.1, NotYet, failing(99, NotYet))
    assert clock[0] == pytest.approx(0.1)
    assert naps[-1] == pytest.approx(0.1 - 0.063)
    clock[0] = 5.0
    with pytest.raises(NotYet):
        retry_until(5.0, NotYet, failing(1, NotYet))


STRATEGIES = ["adaptive", "block", "spin"]


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


class HandlerRaises(Exception):
    pass


class Interrupting(FakeSemaphore):
    """Which a handler interrupts by raising when it is first waited for: before the token is taken, or after."""

    def __init__(self, when):
        super().__init__(tokens=1)
        self.when = when

    def trywait(self):
        return self._interrupted(super().trywait)

    def park(self, until, outcome):
        return self._interrupted(super().park, until, outcome)

    def _interrupted(self, wait, *args):
        if self.when == "before":
            raise HandlerRaises
        outcome = wait(*args)
        if self.when == "after":
            raise HandlerRaises
        return outcome


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("deadline", [POLL, math.inf], ids=["polled", "waited for"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_where_a_handler_raises_out_of_a_wait_it_is_known_whether_the_token_was_taken(
    two_cpus, strategy, deadline, when
):
    semaphore = Interrupting(when)
    waiter = Waiter(semaphore, strategy, nothing)
    with pytest.raises(HandlerRaises):
        waiter.wait(deadline)
    assert waiter.taken is (when == "after")
    assert semaphore.tokens == (when == "before")


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
