"""Whether the calls of an open loop came as the load asks: intended against actual arrivals. Pure numbers.

A call arrives when it is sent, if the caller was free when it was due, and else when it was due, for there it began to
wait in the caller's queue and its latency counts from. So what is found is the dispatcher's doing (it was late, or
refused calls), not that the server was slow, which is what is measured.

*Distribution.* At random moments: the distance of Kolmogorov and Smirnov between the gaps and the exponential
distribution of the rate that was asked for, so a wrong rate is found too. At an even pace, where that distribution is a
single value and any jitter a distance of a half: the share of gaps that are more than :data:`TENTH` off.

*Independence.* At random moments: the autocorrelation of successive gaps. An even pace has none to be lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from scenarios.plan.load import Load
from scenarios.records.store import Row

TENTH = 0.1
"""A load is not as asked where the distance or the autocorrelation is more, as a tenth decides everywhere, ..."""
DISTANCE_BY_CHANCE, CORRELATION_BY_CHANCE = 1.63, 2.58
"""... and more than chance makes of it once in a hundred cells: so many times the root of 1/n, of n gaps (Kolmogorov's
distribution, and the normal one)."""
FEWEST = 20
"""Gaps. Fewer tell nothing."""


class Arrivals(NamedTuple):
    """How far the arrivals are from what was asked for; None where it does not apply."""

    distance: float | None = None
    autocorrelation: float | None = None


NO_ARRIVALS = Arrivals()


def of(arrived_ns: np.ndarray[Any, np.dtype[np.int64]], load: Load) -> Arrivals:
    """Of all clients' arrivals together, in any order."""
    gaps = np.diff(np.sort(arrived_ns)).astype(float)
    if load.rate is None or gaps.size < FEWEST:
        return NO_ARRIVALS
    mean_ns = 1e9 / load.rate
    if load.constant:
        return Arrivals(float(np.mean(np.abs(gaps - mean_ns) > TENTH * mean_ns)))
    return Arrivals(_from_exponential(gaps / mean_ns), _autocorrelation(gaps))


def caveats(rows: Sequence[Row]) -> list[tuple[str, str, dict[str, Any]]]:
    """Of the repeats of one group: kind, words and figures, as :mod:`scenarios.statistics.caveats` has them."""
    failed = [row for row in rows if row["arrival_distance"] and not _as_asked(row)]
    if not failed:
        return []
    worst = max(failed, key=lambda row: float(row["arrival_distance"]))
    distance, correlation = float(worst["arrival_distance"]), float(worst["arrival_autocorrelation"] or "nan")
    load = Load.parse(worst["load"])
    asked = (
        f"{distance:.0%} of the gaps are more than {TENTH:.0%} off"
        if load.constant
        else f"gaps are {distance:.2f} from the exponential distribution (Kolmogorov and Smirnov), their "
        f"autocorrelation is {correlation:.2f}"
    )
    text = (
        f"the load was not as asked in {len(failed)} of {len(rows)} repeats: {asked}; {load.rate:,.0f} calls/s "
        f"offered, {float(worst['calls_per_s']):,.0f} answered"
    )
    return [("arrivals", text, {"distance": distance, "autocorrelation": correlation, "repeats": len(failed)})]


def _as_asked(row: Row) -> bool:
    by_chance = 1 / math.sqrt(int(row["calls"]))
    distance, correlation = float(row["arrival_distance"]), float(row["arrival_autocorrelation"] or 0)
    return distance <= max(TENTH, DISTANCE_BY_CHANCE * by_chance) and abs(correlation) <= max(
        TENTH, CORRELATION_BY_CHANCE * by_chance
    )


def _from_exponential(gaps: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """The largest distance between their distribution and the exponential one with a mean of 1."""
    expected = -np.expm1(-np.sort(gaps))
    steps = np.arange(gaps.size + 1) / gaps.size
    return float(max(np.max(steps[1:] - expected), np.max(expected - steps[:-1])))


def _autocorrelation(gaps: np.ndarray[Any, np.dtype[np.float64]]) -> float | None:
    """Of each gap and the next."""
    off = gaps - gaps.mean()
    spread = float(off @ off)
    return float(off[:-1] @ off[1:]) / spread if spread else None
