"""The border of a group of modules: what crosses it, what that costs, and what leaves the process with the group. Pure.

A call crosses where its caller and its callee are on different sides. What it costs is what a call of its size costs
with a contender, measured elsewhere; that it is parallel to anything, or batched, is not assumed.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from scenarios.cuts.passages import Program

Price = Callable[[str, int, bool], float | None]
"""What a call of a contender costs with a message of so many bytes, µs, and whether most of them are of arrays or
bytes; None where that was not measured."""

LEAST_SHARE = 0.01
"""A group that takes less of the program's CPU time is no cut worth making."""
LEAST_SAVED = 0.01
"""Of what two groups cost apart: with less they are not cheaper together."""
MOST_GROUPS = 2_000
"""Of candidates, which are looked at one by one."""
BEST = 3
"""Cuts that are named."""


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
    cost = dict.fromkeys(contenders, 0.0)
    stays: Counter[str] = Counter()
    for passage in program.passages:
        goes_in, comes_from = passage.callee in group, passage.caller in group
        if goes_in:
            moved += passage.own_seconds
            busy += passage.own_cpu_seconds
        if goes_in == comes_from:
            continue
        calls += passage.calls if goes_in else 0
        back += 0 if goes_in else passage.calls
        total += passage.total_bytes
        if passage.function in program.reasons:
            stays[passage.function] += passage.calls
        for contender in contenders:
            each_us = price(contender, passage.message_bytes, passage.is_beside)
            cost[contender] += math.nan if each_us is None else passage.calls * each_us / 1e6
    reasons = {name: (program.reasons[name], count) for name, count in stays.most_common()}
    return Border(group, calls, back, total, moved, busy, cost, reasons, max(0.0, program.cpu_seconds - busy))


def candidates(program: Program, contender: str, price: Price) -> list[Border]:
    """Every module by itself; and the groups that are cheaper together than apart, which grow from pairs."""
    tried: dict[frozenset[str], Border] = {}

    def of(group: frozenset[str]) -> Border:
        if group not in tried:
            tried[group] = border(program, group, [contender], price)
        return tried[group]

    def saved(one: Border, other: Border) -> float:
        """As a share; 0 where it is not known."""
        apart = one.cost_seconds[contender] + other.cost_seconds[contender]
        share = 1 - of(one.group | other.group).cost_seconds[contender] / apart if apart else 0.0
        return 0.0 if math.isnan(share) else share

    everything = frozenset(program.modules)
    groups = [of(frozenset({module})) for module in program.modules]
    found = groups[:]
    while len(groups) > 1 and len(tried) < MOST_GROUPS:
        one, other = max(combinations(groups, 2), key=lambda pair: saved(*pair))
        if saved(one, other) < LEAST_SAVED:
            break
        joined = of(one.group | other.group)
        groups = [each for each in groups if each not in (one, other)] + [joined]
        found.append(joined)
    return [each for each in found if each.group != everything or len(everything) == 1]


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
