"""The recorded rhythm: which part of a recording is replayed, when each call is due, and how many callers that takes.

Pure; times in ns of the recording's clock.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from itertools import cycle

from scenarios.replay.cargo import Cargo
from scenarios.replay.recorded import Call
from scenarios.replay.tasks import Rhythm, Scheduled

BURST_NS, PAUSE_NS = 50_000_000, 2_000_000
"""A burst of calls ends with a pause of PAUSE_NS, or after BURST_NS."""
MOST_CALLERS = 64
MOST_CALLS = 200_000


def busiest(calls: Sequence[Call], seconds: float) -> Sequence[Call]:
    """The contiguous calls of that many seconds of which there are most, the first of such; `calls` by their
    beginning."""
    length, best, first = round(seconds * 1e9), (0, 0), 0
    for last, call in enumerate(calls):
        while call.start_ns - calls[first].start_ns >= length:
            first += 1
        if last + 1 - first > best[1] - best[0]:
            best = first, last + 1
    return calls[best[0] : best[1]][:MOST_CALLS]


def in_turn(scheduled: Sequence[Scheduled], turn: int) -> tuple[bool, ...]:
    """Every other burst of calls, and in the next turn those in between: what is compared is so made within a moment,
    whatever phases a machine has, and in a burst the calls follow each other as they did.
    """
    burst, began, last = turn, 0, 0
    found = []
    for due, _ in scheduled:
        if due - last >= PAUSE_NS or due - began >= BURST_NS:
            burst, began = burst + 1, due
        last = due
        found.append(burst % 2 == 1)
    return tuple(found)


def overlapping(calls: Sequence[Call]) -> int:
    """The most calls that were under way at once."""
    ends: list[int] = []
    most = 0
    for call in calls:
        while ends and ends[0] <= call.start_ns:
            heapq.heappop(ends)
        heapq.heappush(ends, call.start_ns + call.duration_ns)
        most = max(most, len(ends))
    return most


def rhythm(calls: Sequence[Call], cargo: Cargo, functions: Sequence[str], *, one_caller: bool = False) -> Rhythm:
    """Of those calls of these functions. A call that is not in the sample is made with the values of one that is: those
    of its function in turn."""
    places: dict[tuple[str, int], int] = {}
    of_function: Mapping[str, list[int]] = {name: [] for name in functions}
    for number, case in enumerate(cargo.cases):
        places.setdefault((case.function, case.start_ns), number)
        if case.function in of_function:
            of_function[case.function].append(number)
    others = {name: cycle(found) for name, found in of_function.items() if found}
    chosen = [call for call in calls if call.function in others]
    begin = chosen[0].start_ns if chosen else 0
    scheduled = []
    for call in chosen:
        own = places.get((call.function, call.start_ns))
        scheduled.append((call.start_ns - begin, next(others[call.function]) if own is None else own))
    callers = 1 if one_caller else max(1, min(MOST_CALLERS, overlapping(chosen)))
    return Rhythm(tuple(scheduled), callers)
