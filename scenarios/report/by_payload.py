"""Which contender is the fastest at each measured payload size, and where that changes: for calls back to back."""

from __future__ import annotations

import math

from scenarios.advice import crossovers, words
from scenarios.advice.curves import Curves
from scenarios.common.units import micros, size, span
from scenarios.statistics.figures import tied

SHOWN = 3
"""Of those that are tied for the fastest, by name."""


def by_payload(lanes: list[Curves]) -> tuple[list[tuple[str, list[tuple[str, str]]]], list[str]]:
    """The fastest contenders, and those tied with them, at each measured payload size in each lane (calls back to
    back), and where that changes.

    The first are lines: the size, and per lane the names with their figures. The second are sentences.
    """
    columns: dict[str, dict[int, tuple[str, str]]] = {}
    sentences: list[str] = []
    for curves in lanes:
        lane = curves.lane
        fastest = {each: _fastest(curves, each) for each in curves.payloads}
        columns[lane] = {each: (_few(names), _ahead(curves, names, each)) for each, names in fastest.items() if names}
        crossings = crossovers.of_the_fastest(curves)
        sentences += [f"Lane {lane}: {words.crossing(each)}" for each in crossings if each.clear]
        if crossings and not any(each.clear for each in crossings):
            sentences.append(
                f"Lane {lane}: where another name is first, that may be chance: on no two sides are the two told apart."
            )
    every = sorted({each for column in columns.values() for each in column})
    lines = [(size(each), [column.get(each, ("", "")) for column in columns.values()]) for each in every]
    return lines, sentences


def _fastest(curves: Curves, payload: float) -> list[str]:
    """The contenders that are IPC and tied for the lowest median; the one that burns the least CPU first."""
    equal = tied({name: p50.value for name in curves.ipc if (p50 := curves.at(name, "p50_us", payload))})
    return sorted(equal, key=lambda name: cpu.value if (cpu := curves.at(name, "cpu_us", payload)) else math.inf)


def _few(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return " / ".join(names[:SHOWN]) + more


def _ahead(curves: Curves, equal: list[str], payload: float) -> str:
    """What the fastest take, and the next."""
    medians = {name: p50.value for name in curves.ipc if (p50 := curves.at(name, "p50_us", payload))}
    first = equal[0]
    text = span(min(medians[each] for each in equal), max(medians[each] for each in equal))
    cpu = curves.at(first, "cpu_us", payload)
    text += f", CPU {micros(cpu.value)}" if cpu else ""
    behind = [name for name in medians if name not in equal]
    if not behind:
        return text
    following = min(behind, key=lambda name: (medians[name], name))
    return f"{text}; next {following} {micros(medians[following])}"
