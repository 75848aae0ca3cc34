"""What else lives in an event loop sees of the calls: a task that wants to run every millisecond, and how late it does.

Every tick counts from the moment it was meant for, and those that were missed count one by one: a loop that was held up
for 100 ms is charged with 100 late ticks. An event loop's own timers are late as well, by up to a millisecond where it
sleeps in ``epoll_wait``, whose timeout is one of whole milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import Coroutine

PERIOD_NS = 1_000_000


async def beside(work: Coroutine[None, None, None], late_ns: array[int]) -> None:
    """Await `work` while the task ticks; how late each tick was goes into `late_ns`. Raises what `work` raises."""
    ticker = asyncio.get_running_loop().create_task(_tick(late_ns))
    try:
        await work
    finally:
        ticker.cancel()
        await asyncio.wait([ticker])
    if not ticker.cancelled():
        ticker.result()


async def _tick(late_ns: array[int]) -> None:
    clock = time.perf_counter_ns
    due = clock() + PERIOD_NS
    while True:
        await asyncio.sleep(max(0, due - clock()) / 1e9)
        late = clock() - due
        if late >= 0:  # else the loop's clock was a little early, and sleeps on
            late_ns.append(late)
            due += PERIOD_NS
