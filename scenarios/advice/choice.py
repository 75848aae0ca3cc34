"""Of the answers of all contenders, the one to take: the order they are listed in, who is equal, who burns less."""

from __future__ import annotations

import dataclasses
import math

from scenarios.advice.curves import Curves, Estimate
from scenarios.advice.question import SPIN, Advice
from scenarios.statistics import figures

BURNS = 0.5
"""Cores: beside a recommended contender that burns more, the next that does not is named."""


def recommended(rows: list[Advice]) -> Advice | None:
    """Of the :func:`tie` the one that burns the fewest cores. None when none was measured there."""
    return min(tie(rows), key=lambda row: math.inf if row.cores is None else row.cores, default=None)


def tie(rows: list[Advice]) -> list[Advice]:
    """The fastest of the :func:`candidates`, and those whose call, handler and all, takes hardly longer
    (:func:`scenarios.statistics.figures.tied`); fastest first. One that never sleeps, and so burns a core whatever the
    rate, only where there is no other."""
    able = candidates(rows)
    calls = {row.contender: row for row in [row for row in able if row.wait != SPIN] or able}
    return [calls[name] for name in figures.tied({name: row.p50_us.value for name, row in calls.items() if row.p50_us})]


def candidates(rows: list[Advice]) -> list[Advice]:
    """Those that are IPC and give the rate, or that come nearest to it where none does: it takes the fewest clients.
    Fastest first."""
    remote = [row for row in rows if row.measured and not row.in_process]
    fewest = min(map(_nearness, remote), default=(False, 0.0))
    return [row for row in remote if _nearness(row) == fewest]


def cheaper(rows: list[Advice]) -> Advice | None:
    """Where the recommended one burns :data:`BURNS` cores or more: the next that burns at most half of it."""
    best = recommended(rows)
    if best is None or best.cores is None or best.cores < BURNS:
        return None
    return next((row for row in candidates(rows) if row.cores is not None and row.cores <= best.cores / 2), None)


def rank(row: Advice) -> tuple[bool, bool, float, float, str]:
    """Sorts answers: those that give the rate first, then those that take the fewest clients, each by p50; what was not
    measured last."""
    return (not row.measured, *_nearness(row), row.p50_us.value if row.p50_us else math.inf, row.contender)


def _nearness(row: Advice) -> tuple[bool, float]:
    return not row.gives, 0.0 if row.gives else row.clients or math.inf


def against(curves: Curves, row: Advice, best: Advice, payload_bytes: float) -> Advice:
    """The row, and whether it is told apart from the recommended one."""
    if row.contender == best.contender or not row.measured:
        return row
    if row.figures_of == best.figures_of:
        return dataclasses.replace(row, told_apart=False)
    if row.rates_payloads or best.rates_payloads or row.crowd or best.crowd:
        return dataclasses.replace(row, told_apart=_apart(row.p50_us, best.p50_us))
    ratio = curves.ratio(row.figures_of, best.figures_of, payload_bytes)
    if ratio is None or ratio.low is None or ratio.high is None:
        return row
    return dataclasses.replace(row, told_apart=not ratio.low <= 1 <= ratio.high)


def _apart(one: Estimate | None, other: Estimate | None) -> bool | None:
    """Whether two intervals do not meet; None where there are not two."""
    if not one or not other or one.low is None or one.high is None or other.low is None or other.high is None:
        return None
    return one.low > other.high or other.low > one.high
