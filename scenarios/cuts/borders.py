"""The border of a group of modules: what crosses it, what that costs, and what leaves the process with the group. Pure.

A call crosses where its caller and its callee are on different sides. What it costs is what a call of its size costs
with a contender, measured elsewhere; that it is parallel to anything, or batched, is not assumed.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from scenarios.cuts.groups import together
from scenarios.cuts.passages import Program

Price = Callable[[str, int, bool], float | None]
"""What a call of a contender costs with a message of so many bytes, µs, and whether most of them are of arrays or
bytes; None where that was not measured."""

LEAST_SHARE = 0.01
"""A group that takes less of the program's CPU time is no cut worth making."""
BEST, GROUPS = 3, 20
"""Cuts that are named, and groups that are shown at most."""


@dataclasses.dataclass(frozen=True)
class Border:
    """One way to cut: `group` moves."""

    group: frozenset[str]
    calls: int
    """Calls that would go into the group."""
    calls_back: int
    """Calls that the group would make of the rest: the other process needs a server, too."""
    total_bytes: int
    moved_seconds: float
    """Spent in the group itself."""
    moved_cpu_seconds: float
    """Of these, on a CPU: what the process that is left is rid of."""
    cost_seconds: Mapping[str, float]
    """By contender; NaN where a size was not measured."""
    apart_seconds: Mapping[str, float]
    """The same, if each module of the group had a process of its own: calls between them would cross, too."""
    stays: Mapping[str, tuple[str, int]]
    """Functions on the border that cannot simply be called from another process: why, and how many calls of them."""
    remains_cpu_seconds: float
    """Of everything else in the program."""

    def gain_seconds(self, contender: str) -> float:
        """What two processes can compute at the same time, at best, less what the calls between them cost: a group
        that is nearly all of the program is no better a cut than one that is nearly nothing of it.
        """
        return min(self.moved_cpu_seconds, self.remains_cpu_seconds) - self.cost_seconds[contender]

    @property
    def named(self) -> str:
        """The group in words."""
        return ", ".join(sorted(self.group))


def border(program: Program, group: frozenset[str], contenders: Sequence[str], price: Price) -> Border:
    """Of one group."""
    calls = back = total = 0
    moved = busy = 0.0
    cost, apart = dict.fromkeys(contenders, 0.0), dict.fromkeys(contenders, 0.0)
    stays: Counter[str] = Counter()
    for passage in program.passages:
        goes_in, comes_from = passage.callee in group, passage.caller in group
        if goes_in:
            moved += passage.own_seconds
            busy += passage.own_cpu_seconds
        if not goes_in and not comes_from:
            continue
        prices = [price(contender, passage.message_bytes, passage.is_beside) for contender in contenders]
        costs = [math.nan if each_us is None else passage.calls * each_us / 1e6 for each_us in prices]
        for contender, seconds in zip(contenders, costs, strict=True):
            apart[contender] += seconds
            cost[contender] += seconds if goes_in != comes_from else 0.0
        if goes_in and comes_from:
            continue
        calls += passage.calls if goes_in else 0
        back += 0 if goes_in else passage.calls
        total += passage.total_bytes
        if passage.function in program.reasons:
            stays[passage.function] += passage.calls
    reasons = {name: (program.reasons[name], count) for name, count in stays.most_common()}
    return Border(group, calls, back, total, moved, busy, cost, apart, reasons, max(0.0, program.cpu_seconds - busy))


def candidates(program: Program, contender: str, price: Price) -> list[Border]:
    """Every module by itself; and the groups that are cheaper together than apart."""
    everything = frozenset(program.modules)
    found = [frozenset({module}) for module in program.modules]
    found += map(frozenset, together(program, lambda size, is_beside: price(contender, size, is_beside)))
    return [border(program, each, [contender], price) for each in found if each != everything or len(everything) == 1]


def groups(program: Program, contenders: Sequence[str], price: Price) -> tuple[list[Border], int]:
    """Those of more than one module that are cheaper together than apart, what gains most with the first of the
    contenders before the others; and how many there are beyond the :data:`GROUPS` that are looked at.
    """
    first = contenders[0]
    found = [each for each in candidates(program, first, price) if len(each.group) > 1]
    found.sort(key=lambda each: -each.gain_seconds(first))
    kept = [border(program, each.group, contenders, price) for each in found[:GROUPS]]
    return kept, len(found) - len(kept)


def best(program: Program, contenders: Sequence[str], price: Price) -> list[Border]:
    """The cuts that gain most with the first of the contenders, none of whose groups overlap; those from which nothing
    would have to stay come first.
    """
    first = contenders[0]
    worth = [
        each
        for each in candidates(program, first, price)
        if each.moved_cpu_seconds >= LEAST_SHARE * program.cpu_seconds and each.gain_seconds(first) > 0
    ]
    worth.sort(key=lambda each: (bool(each.stays), -each.gain_seconds(first)))
    chosen: list[Border] = []
    for each in worth:
        if len(chosen) < BEST and not any(each.group & other.group for other in chosen):
            chosen.append(each)
    return [border(program, each.group, contenders, price) for each in chosen]
