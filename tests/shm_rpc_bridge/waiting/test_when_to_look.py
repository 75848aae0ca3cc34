"""Whether a wait looks before it parks: where that helps, on the own core or beside another, and how often."""

import math
from time import monotonic

from shm_rpc_bridge.waiting import Waiter

from .waits import FakeSemaphore, nothing


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
