"""Where to cut a program, as JSON types: every figure that the tables, the picture and the sentences show.

NaN, which is a figure that does not exist, is null.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from scenarios.cuts import borders
from scenarios.cuts.borders import Border, Price
from scenarios.cuts.passages import Program

SCHEMA = 2

Found = dict[str, Any]


def of_program(program: Program, contenders: Sequence[str], price: Price, asked: Sequence[frozenset[str]]) -> Found:
    """The whole answer. `asked`: groups to cut off, in place of the best."""
    cuts = [borders.border(program, each, contenders, price) for each in asked]
    modules = [borders.border(program, frozenset({each}), contenders, price) for each in program.modules]
    texts = [each.message_bytes for each in program.passages if not each.is_beside]
    groups, left_out = borders.groups(program, contenders, price)
    return {
        "schema": SCHEMA,
        "seconds": program.seconds,
        "cpu_seconds": program.cpu_seconds,
        "contenders": list(contenders),
        "left_out_calls": program.left_out,
        "refused": dict(program.refused),
        "largest_message_bytes": max(texts, default=0),
        "asked_for": bool(asked),
        "cuts": [_border(each) for each in (cuts if asked else borders.best(program, contenders, price))],
        "groups": [_border(each) for each in groups],
        "left_out_groups": left_out,
        "modules": [_border(each) for each in modules],
        "stays": _stays(program),
        "crossings": _crossings(program),
    }


def _border(cut: Border) -> Found:
    return {
        "modules": sorted(cut.group),
        "calls": cut.calls,
        "calls_back": cut.calls_back,
        "bytes": cut.total_bytes,
        "moved_seconds": cut.moved_seconds,
        "moved_cpu_seconds": cut.moved_cpu_seconds,
        "cost_seconds": _numbers(cut.cost_seconds),
        "apart_seconds": _numbers(cut.apart_seconds),
        "stays": {name: {"why": why, "calls": calls} for name, (why, calls) in cut.stays.items()},
    }


def _numbers(costs: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if math.isnan(cost) else cost for name, cost in costs.items()}


def _stays(program: Program) -> Found:
    """Functions that cannot simply be called from another process, whatever is cut: why, and who calls them."""
    calls: dict[str, Counter[str]] = {}
    for passage in program.passages:
        if passage.function in program.reasons:
            calls.setdefault(passage.function, Counter())[passage.caller] += passage.calls
    return {
        name: {"why": program.reasons[name], "calls": callers.total(), "called_from": dict(callers.most_common())}
        for name, callers in sorted(calls.items(), key=lambda each: -each[1].total())
    }


def _crossings(program: Program) -> list[Found]:
    """From module to module, what would cross if these two were apart."""
    calls: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for passage in program.passages:
        calls[passage.caller, passage.callee] += passage.calls
        sizes[passage.caller, passage.callee] += passage.total_bytes
    return [
        {"caller": caller, "callee": callee, "calls": count, "bytes": sizes[caller, callee]}
        for (caller, callee), count in calls.most_common()
    ]
