"""The queue of an open loop: which call is next, and when. Pure; times in ns of the clock that stamps the calls."""

from __future__ import annotations

from array import array
from collections import deque

DRAIN_NS = 1_000_000_000
"""Calls that still wait in the queue so long after the last was due are skipped, each of them counted."""


class Dispatcher:
    """Which call is next in an open loop, and when: one queue discipline for every contender.

    :meth:`next` gives the moment the next call is due, and whether the caller was free at that moment; None when
    the schedule has been worked off or given up.
    """

    def __init__(self, due: array[int], backlog: int) -> None:
        self.skipped = 0
        self._due, self._backlog = due, backlog
        self._arrived = 0
        self._queue: deque[int] = deque()
        self._give_up = (due[-1] if due else 0) + DRAIN_NS

    def next(self, now: int) -> tuple[int, bool] | None:
        """The next call to send; `now` is after the last one's answer."""
        due, queue, offered = self._due, self._queue, len(self._due)
        # The queue only grew since the last call was taken from it: admitting in order, now, decides exactly what
        # admitting each at its own moment would have decided.
        while self._arrived < offered and due[self._arrived] <= now:
            if len(queue) < self._backlog:
                queue.append(due[self._arrived])
            else:
                self.skipped += 1
            self._arrived += 1
        if queue:
            if now <= self._give_up:
                return queue.popleft(), False
            self.skipped += len(queue)
            queue.clear()
        elif self._arrived < offered:
            self._arrived += 1
            return due[self._arrived - 1], True
        return None
