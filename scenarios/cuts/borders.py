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

LEAST_SHARE = 0.05
"""A group in which less of the program's time is spent is no cut worth making."""
MOST_GROUPS = 2_000
"""Of candidates, which are looked at one by one."""
BEST = 3
"""Cuts that are named."""


@dataclasses.dataclass(frozen=True)
class Border:
    """One way to cut: `group` moves."""

    group: frozenset[str]
    calls: int
    """That would go into the group."""
    calls_back: int
    """That the group would make of the rest: the other process needs a server, too."""
    total_bytes: int
    moved_seconds: float
    """Spent in the group itself."""
    cost_seconds: Mapping[str, float]
    """By contender; NaN where a size was not measured."""
    stays: Mapping[str, tuple[str, int]]
    """Functions on the border that cannot simply be called from another process: why, and how many calls of them."""
    remains_seconds: float
    """Spent in the other modules of the package."""

    def gain_seconds(self, contender: str) -> float:
        """What two processes can do at the same time, at best, less what the calls between them cost: a group that is
        nearly all of the program is no better a cut than one that is nearly nothing of it.
        """
        return min(self.moved_seconds, self.remains_seconds) - self.cost_seconds[contender]

    @property
    def named(self) -> str:
        """The group in words."""
        return ", ".join(sorted(self.group))


def border(program: Program, group: frozenset[str], contenders: Sequence[str], price: Price) -> Border:
    """Of one group."""
    calls = back = total = 0
    moved = 0.0
    cost = dict.fromkeys(contenders, 0.0)
    stays: Counter[str] = Counter()
    for passage in program.passages:
        goes_in, comes_from = passage.callee in group, passage.caller in group
        if goes_in:
            moved += passage.own_seconds
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
    remains = sum(passage.own_seconds for passage in program.passages) - moved
    return Border(group, calls, back, total, moved, cost, reasons, remains)


def candidates(program: Program, contender: str, price: Price) -> list[Border]:
    """Every module by itself; and groups that are cheaper together than apart, which grow from pairs."""
    found: dict[frozenset[str], Border] = {}

    def of(group: frozenset[str]) -> Border:
        if group not in found:
            found[group] = border(program, group, [contender], price)
        return found[group]

    everything = frozenset(program.modules)
    groups = [of(frozenset({module})) for module in program.modules]
    while len(groups) > 1 and len(found) < MOST_GROUPS:
        pairs = [
            (of(one.group | other.group).cost_seconds[contender] - _cost(one, other, contender), one, other)
            for one, other in combinations(groups, 2)
        ]
        saved, one, other = min(pairs, key=lambda pair: pair[0] if pair[0] == pair[0] else math.inf)
        if not saved < 0:
            break
        groups = [each for each in groups if each not in (one, other)] + [of(one.group | other.group)]
    return [each for each in found.values() if each.group != everything or len(everything) == 1]


def best(program: Program, contenders: Sequence[str], price: Price) -> list[Border]:
    """The cuts that gain most with the first of the contenders, none of whose groups overlap; those from which nothing
    would have to stay come first.
    """
    first = contenders[0]
    worth = [
        each
        for each in candidates(program, first, price)
        if each.moved_seconds >= LEAST_SHARE * program.seconds and each.gain_seconds(first) > 0
    ]
    worth.sort(key=lambda each: (bool(each.stays), -each.gain_seconds(first)))
    chosen: list[Border] = []
    for each in worth:
        if len(chosen) < BEST and not any(each.group & other.group for other in chosen):
            chosen.append(each)
    return [border(program, each.group, contenders, price) for each in chosen]


def _cost(one: Border, other: Border, contender: str) -> float:
    return one.cost_seconds[contender] + other.cost_seconds[contender]
