"""Encodes the arguments, or the results, of one function: as pickles, shapes, or sizes found out in the time allowed.

Thread-safe: threads may lose each other's steps, and then a value more or less is looked at.
"""

from __future__ import annotations

import time
from random import Random
from typing import Any, Callable

from shm_rpc_bridge.record import payloads

clock = time.perf_counter_ns
"""Linux's CLOCK_MONOTONIC, which all processes of a host share."""

random = Random().random
"""Of our own: the program's own chance goes on as it would."""

QUICK_NS, ALLOWED_NS = 800, 200
"""A size that takes less than QUICK_NS is found out of every call; of slower ones so many that they take ALLOWED_NS of
a call in the mean."""
ALLOWED_SHARE = 500
"""Or as many as take this part of the time: of a function that is called seldom every size is found out."""
GROWTH, FIRST_GAP = 4, 16
"""No value is looked at for GROWTH times as many calls as the last time, and FIRST_GAP more, at most: one look that was
interrupted by the machine says little."""
NOT_LOOKED_AT = -1
"""In place of a size."""


class Encoder:
    """Called with a value, gives what is kept of it. Raises nothing but what a signal's handler raises."""

    __slots__ = ("_gap", "_hide", "_left", "_next_ns", "_queue", "is_json")

    def __init__(self) -> None:
        self.is_json = False
        """Whether the next value is looked at in any case, nothing of it is hidden, and it is probably one that JSON
        has: the wrapper does it.
        """
        self._queue: Any = None
        self._hide: Callable[[Any], Any] | None = None
        self._left = self._gap = self._next_ns = 0
        """So many further values, of `_gap` at first, are not looked at, and only until `_next_ns`."""

    @property
    def looks_us(self) -> float:
        """What the looks that are made now and then take of each call; 0 where every value is looked at, or none."""
        return ALLOWED_NS / 1000 if self._gap else 0.0

    def attach(self, queue: Any, hide: Callable[[Any], Any] | None) -> None:
        """Do as `queue` has it, which may change its mind: to sizes alone, or to nothing. `hide` gives what may be kept
        of a value; None where all may.
        """
        self._queue, self._hide = queue, hide
        self.is_json, self._left, self._gap = False, 0, 0

    def __call__(self, value: Any) -> Any:
        left = self._left
        if left and clock() < self._next_ns:
            self._left = left - 1
            return NOT_LOOKED_AT
        encode = self._queue.encode
        return self._timed(value) if encode is payloads.sizes else encode and self._encoded(encode, value)

    def closely(self, value: Any) -> Any:
        """Its size in any case, and of what it is made."""
        encode = self._queue.encode
        if encode is payloads.sizes:
            size = self._timed(value)
            return self._encoded(lambda shown: payloads.with_shape(size, shown), value)
        return encode and self._encoded(encode, value)

    def _timed(self, value: Any) -> Any:
        begun = clock()
        found = payloads.sizes(value) if self._hide is None else self._encoded(payloads.sizes, value)
        took = clock() - begun
        # So many in the mean: a program that calls in turns would have the same one looked at again and again.
        gap = int(2 * random() * took / ALLOWED_NS) if took > QUICK_NS else 0
        self._left = self._gap = min(gap, GROWTH * self._gap + FIRST_GAP)
        self._next_ns = begun + ALLOWED_SHARE * took
        self.is_json = took <= QUICK_NS and type(found) is int and self._hide is None
        return found

    def _encoded(self, encode: Callable[[Any], Any], value: Any) -> Any:
        """What `encode` makes of that part of `value` that may be kept."""
        hide = self._hide
        return encode(value) if hide is None else payloads.apart(lambda each: encode(hide(each)), value)
