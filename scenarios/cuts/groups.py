"""Groups of modules that are cheaper together than apart, found by joining the two that save most. Pure.

Apart, each of two modules has a process of its own, and the calls between them cross a border; together they do not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable

from scenarios.cuts.passages import OUTSIDE, Program

LEAST_SAVED = 0.01
"""Of what two groups cost apart: with less they are not cheaper together."""

Group = tuple[str, ...]
"""Of modules, by name."""


def together(program: Program, cost_us: Callable[[int, bool], float | None]) -> list[Group]:
    """The groups of two modules and more, each after those it is made of. `cost_us`: of a call, by its message's bytes
    and whether most of them are beside it; None where that is not known.
    """
    edges: dict[Group, dict[Group, float]] = defaultdict(lambda: defaultdict(float))
    for passage in program.passages:
        one, other = (passage.caller,), (passage.callee,)
        each_us = cost_us(passage.message_bytes, passage.is_beside)
        cost = math.nan if each_us is None else passage.calls * each_us
        edges[one][other] += cost
        edges[other][one] += cost
    found: list[Group] = []
    while True:
        whole = {group: sum(costs.values()) for group, costs in edges.items()}
        pairs = [
            (_saved(cost, whole[one], whole[other]), one, other)
            for one, costs in edges.items()
            for other, cost in costs.items()
            if one < other and (OUTSIDE,) not in (one, other)
        ]
        share, first, second = max(pairs, default=(0.0, (), ()))
        if share < LEAST_SAVED:
            return found
        found.append(_join(edges, first, second))


def _saved(between: float, one: float, other: float) -> float:
    """As a share; 0 where it is not known."""
    apart = one + other - between
    share = between / apart if apart else 0.0
    return 0.0 if math.isnan(share) else share


def _join(edges: dict[Group, dict[Group, float]], one: Group, other: Group) -> Group:
    joined = tuple(sorted(one + other))
    for part in (one, other):
        for neighbour, cost in edges.pop(part).items():
            if neighbour not in (one, other):
                edges[joined][neighbour] += cost
                edges[neighbour][joined] += cost
                del edges[neighbour][part]
    return joined
