"""Where a handler raises out of a wait, it is known whether the token was taken."""

import math

import pytest

from shm_rpc_bridge.waiting import POLL, Waiter

from .waits import STRATEGIES, FakeSemaphore, nothing


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
