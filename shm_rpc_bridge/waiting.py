"""How to wait for a semaphore: spin while an answer is likely to come at once, then park in the kernel.

Waking a parked process costs tens of microseconds, the whole rest of a call about ten. So a waiter first looks at
``value`` for a while, which costs CPU, and takes the token as soon as it sees one. How long it looks adapts to what
looking has brought so far. ``value`` is a hint only: the token is always taken with ``acquire``, which is what
orders the memory.
"""

import math
import os
from itertools import repeat
from time import monotonic, sleep
from typing import TYPE_CHECKING, Callable, Optional, Type, TypeVar

from . import signals
from .posix import Busy, Interrupted

if TYPE_CHECKING:
    from .posix import Semaphore

Result = TypeVar("Result")

STRATEGIES = ("adaptive", "block", "spin")

SLICE = 0.1
"""Seconds parked at most before looking at deadline, peer and pending stop again. Also what bounds the harm of a
wall clock that is set during a wait: ``sem_timedwait`` counts on CLOCK_REALTIME, deadlines here on CLOCK_MONOTONIC."""

_SPINS = 250
"""Looks at ``value`` before parking: 25 to 40 microseconds, about what one wake-up costs, so that spinning in vain
at most doubles the price of a wait (the classic bound of competitive spinning, Karlin et al. 1991)."""

_WORTH_SPINNING = 150e-6
"""Seconds. A wait that parked and still ended this soon was mostly wake-ups, so spinning could have spared them."""

LONGEST_TIMEOUT = 1e9
"""Seconds (31 years): beyond it a timeout is taken for a mistake, since None says "for ever"."""


def deadline_after(timeout: Optional[float], what: str = "timeout") -> float:
    """The monotonic time `timeout` seconds from now: now for 0 (a poll), infinity for None.

    ``ValueError`` for what is negative, NaN or beyond 1e9 seconds, naming it as `what`.
    """
    if timeout is None:
        return math.inf
    if 0 <= timeout <= LONGEST_TIMEOUT:  # false for NaN too
        return monotonic() + timeout
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


class Waiter:
    """Waits for one semaphore. Used by one thread at a time; the semaphore is its owner's to close."""

    __slots__ = ("_full", "_recheck", "_semaphore", "_slice", "_spins")

    def __init__(
        self, semaphore: "Semaphore", strategy: str, recheck: Callable[[], None], slice_seconds: float = SLICE
    ) -> None:
        """`recheck` is called between slices, of at most `slice_seconds`, and raises to end the wait."""
        self._semaphore = semaphore
        self._slice = slice_seconds
        self._recheck = recheck
        if strategy == "spin":
            self._full = -1
        else:
            # With one usable CPU the other side cannot run while this one looks.
            self._full = _SPINS if strategy == "adaptive" and len(os.sched_getaffinity(0)) > 1 else 0
        self._spins = max(self._full, 0)

    def wait(self, deadline: float) -> bool:
        """Take one token; False when the monotonic `deadline` passes first."""
        semaphore = self._semaphore
        for _ in repeat(None, self._spins):
            if semaphore.value:
                try:
                    semaphore.acquire(0)
                except (Busy, Interrupted):
                    continue
                return True
        if self._full < 0:
            return self._spin_on(deadline)
        return self._park(deadline)

    def _park(self, deadline: float) -> bool:
        held_back = signals.to_hold_back()
        acquire = self._acquire_undisturbed if held_back else self._semaphore.acquire
        longest = min(self._slice, signals.HOLD_SECONDS) if held_back else self._slice
        start = now = monotonic()
        while True:
            try:
                acquire(max(0.0, min(longest, deadline - now)))
                break
            except (Busy, Interrupted):
                pass
            now = monotonic()
            if now >= deadline:
                self._spins //= 2
                return False
            self._recheck()
        # Every wait that had to park tells whether spinning longer would have been worth it.
        self._spins = self._full if monotonic() - start < _WORTH_SPINNING else self._spins // 2
        return True

    def _acquire_undisturbed(self, timeout: float) -> None:
        """Acquire while no handler that might raise can run; what they raise afterwards leaves the token there."""
        held_back = signals.to_hold_back()
        signals.hold_back(held_back)
        try:
            self._semaphore.acquire(timeout)
        except (Busy, Interrupted):
            signals.let_through(held_back)
            raise
        try:
            signals.let_through(held_back)
        except BaseException:
            self._semaphore.release()
            raise

    def _spin_on(self, deadline: float) -> bool:
        semaphore = self._semaphore
        next_check = monotonic() + self._slice
        while True:
            for _ in repeat(None, _SPINS):
                if semaphore.value:
                    try:
                        semaphore.acquire(0)
                    except (Busy, Interrupted):
                        continue
                    return True
            now = monotonic()
            if now >= deadline:
                return False
            if now >= next_check:
                self._recheck()
                next_check = now + self._slice
            os.sched_yield()  # releases the GIL too: other threads of this process must get on
