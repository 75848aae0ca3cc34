"""How to wait for a semaphore: spin while an answer is likely to come at once, then park in the kernel.

Waking a parked process costs tens of microseconds, the whole rest of a call about ten. So a waiter first looks at
``value`` for a while, which costs CPU, and takes the token as soon as it sees one. How long it looks adapts to what
looking has brought so far. ``value`` is a hint only: the token is always taken with ``trywait``, which is what
orders the memory.

Looking keeps the GIL, for a fraction of a millisecond at most: a thread that computes, once it has got it, keeps it for
a switch interval, 5 ms. Python takes it from who looks after such an interval, as from any other code. Whether a wait
that was parked for so long has lost the GIL, the next one tells: it has slept twice.
"""

import math
import os
import resource
import sys
import threading
from itertools import repeat
from time import monotonic, perf_counter, sleep
from typing import Callable, List, Optional, Type, TypeVar

from .budget import FULL, ROUND_SECONDS, Budget
from .posix import Semaphore, no_outcome, offer_core

Result = TypeVar("Result")

STRATEGIES = ("adaptive", "block", "spin")

SLICE = 0.1
"""Seconds parked at most before looking at deadline, peer and pending stop again. Both these slices and deadlines
count on CLOCK_MONOTONIC; only with a libc that lacks sem_clockwait does the wall clock, set back, lengthen a slice."""

_TAKEN_OFFER = 3e-6
"""Seconds. An offer of the core that took longer was taken: somebody else runs here, most likely the other side."""

LONGEST_TIMEOUT = 1e9
"""Seconds (31 years): beyond it a timeout is taken for a mistake, since None says "for ever"."""


POLL = 0.0
"""A deadline that has passed: take what is there and do not wait."""


def deadline_after(timeout: Optional[float], what: str = "timeout") -> float:
    """The monotonic time `timeout` seconds from now: :data:`POLL` for 0, infinity for None.

    ``ValueError`` for what is negative, NaN or beyond 1e9 seconds, naming it as `what`.
    """
    if timeout is None:
        return math.inf
    if 0 <= timeout <= LONGEST_TIMEOUT:  # false for NaN too
        return monotonic() + timeout if timeout else POLL
    raise ValueError(f"{what} must be 0 to {LONGEST_TIMEOUT:.0e} seconds, or None to wait for ever; not {timeout}")


def validated_timeout(timeout: Optional[float], what: str = "timeout") -> Optional[float]:
    """`timeout` unchanged if :func:`deadline_after` takes it; ``TypeError`` or ``ValueError`` otherwise."""
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float))):
        raise TypeError(f"{what} must be a number of seconds or None, not {type(timeout).__name__}")
    deadline_after(timeout, what)
    return timeout


def retry_until(deadline: float, awaited: Type[Exception], attempt: Callable[[], Result]) -> Result:
    """What `attempt` returns, tried again while it raises `awaited`, until `deadline`; then that error is raised."""
    pause = 0.001
    while True:
        try:
            return attempt()
        except awaited:
            left = deadline - monotonic()
            if left <= 0:
                raise
        sleep(min(pause, left))
        pause = min(pause * 2, 0.05)


def validated_strategy(wait: str) -> str:
    if wait not in STRATEGIES:
        raise ValueError(f"wait must be one of {', '.join(map(repr, STRATEGIES))}, not {wait!r}")
    return wait


_LEAST_LOOKS = 110
"""In a round, at least. Where Python is slow, an answer takes as much longer as these looks do; a round that is over
before it makes each call wait for an offer of the core."""

_known_looks: List[int] = []


def _looks_per_round(semaphore: Semaphore) -> int:
    """How many looks at ``value`` take :data:`ROUND_SECONDS` here, measured once a process: machines differ by 4."""
    if not _known_looks:
        took = []
        for _ in range(5):  # the shortest is the one that nothing has interrupted
            start = perf_counter()
            for _ in repeat(None, 32):
                if semaphore.value:
                    pass
            took.append(perf_counter() - start)
        _known_looks.append(max(_LEAST_LOOKS, min(1024, round(32 * ROUND_SECONDS / min(took)))))
    return _known_looks[0]


def _sleeps() -> int:
    """How often this thread has given up its core to wait for something."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw


class Waiter:
    """Waits for one semaphore. Used by one thread at a time; the semaphore is its owner's to close."""

    __slots__ = (
        "_budget",
        "_is_suspect",
        "_looks",
        "_outcome",
        "_recheck",
        "_relieved",
        "_semaphore",
        "_slice",
        "_spins_forever",
        "slept",
        "taken",
    )

    def __init__(
        self,
        semaphore: Semaphore,
        strategy: str,
        recheck: Callable[[], None],
        slice_seconds: float = SLICE,
        relieved: Optional[Callable[[], None]] = None,
    ) -> None:
        """`recheck` is called between slices, of at most `slice_seconds`, and raises to end the wait; `relieved` where
        a wait has ended with a token after that."""
        self._semaphore = semaphore
        self.taken = False
        """Whether a token was taken that nobody has made use of yet: set here, cleared by who does."""
        self._outcome = no_outcome()
        self._slice = slice_seconds
        self._recheck = recheck
        self._relieved = relieved
        self._is_suspect = False  # of losing the GIL: the wait before was parked for long enough
        self.slept = 0
        """Waits that ended parked."""
        self._spins_forever = strategy == "spin"
        self._looks = 0 if strategy == "block" else _looks_per_round(semaphore)
        # With one CPU the other side cannot run while this one looks. Where both are pinned to one of several, the core
        # that is offered is taken, which says the same; pinned to two, they are as quick as can be.
        self._budget = Budget(FULL if strategy == "adaptive" and (os.cpu_count() or 1) > 1 else 0)

    def wait(self, deadline: float) -> bool:
        """Take one token; False when the monotonic `deadline` passes first.

        The handler of a signal may raise out of it at any moment; :attr:`taken` says then whether it was taken.
        """
        semaphore, budget = self._semaphore, self._budget
        if not deadline:
            return self._poll()
        crowded = False
        for spun in range(budget.rounds):
            for _ in repeat(None, self._looks):
                if semaphore.value:
                    try:
                        if semaphore.trywait():
                            continue
                        self.taken = True
                    except BaseException:
                        self.taken = not semaphore.value  # nobody else takes from it
                        raise
                    if crowded or not budget.is_steady:
                        budget.seen(spun, crowded)
                    return True
            offered = monotonic()
            if offered >= deadline:
                break
            offer_core()
            crowded = budget.is_crowded = monotonic() - offered > _TAKEN_OFFER
        if self._spins_forever:
            return self._spin_on(deadline)
        return self._park(deadline)

    def _poll(self) -> bool:
        if self._semaphore.value and self._try():
            return True
        self._recheck()  # who only polls must hear of a dead peer as well
        return False

    def _try(self) -> bool:
        """Take the token that was just seen, if it is still there."""
        try:
            if self._semaphore.trywait():
                return False
            self.taken = True
            return True
        except BaseException:
            self.taken = not self._semaphore.value
            raise

    def _park(self, deadline: float) -> bool:
        park, outcome = self._semaphore.park, self._outcome
        outcome.append(-1)
        is_suspect, is_long = self._is_suspect, False
        sleeps = _sleeps() if is_suspect else 0
        start = now = monotonic()
        try:
            while not park(min(now + self._slice, deadline), outcome):
                is_long = True
                self._recheck()  # at the deadline too
                now = monotonic()
                if now >= deadline:
                    self._budget.expired()
                    return False
            self.taken = True
        except BaseException:
            self.taken = not outcome[0]
            raise
        seconds = monotonic() - start
        has_lost_gil = is_suspect and not is_long and _sleeps() - sleeps > 1  # one for the token, one for the GIL
        self._is_suspect = seconds >= sys.getswitchinterval() and threading.active_count() > 1
        self._budget.parked(seconds, has_lost_gil)
        self.slept += 1
        if is_long and self._relieved is not None:
            self._relieved()
        return True

    def _spin_on(self, deadline: float) -> bool:
        semaphore = self._semaphore
        next_check = monotonic() + self._slice
        is_long = False
        while True:
            for _ in repeat(None, self._looks):
                if semaphore.value:
                    break
            if self._try():
                if is_long and self._relieved is not None:
                    self._relieved()
                return True
            now = monotonic()
            if now >= next_check or now >= deadline:
                is_long = True
                self._recheck()
                next_check = now + self._slice
            if now >= deadline:
                return False
            os.sched_yield()
