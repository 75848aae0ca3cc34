"""From latencies to what one call of a function costs behind each contender. Pure numbers; µs unless said.

A *cost* is what is added: of each round, the contender's figure less that of ``direct``, which made the same calls in
the same round. Given is the median of the rounds' differences and its interval
(:mod:`scenarios.statistics.intervals`).
The median over calls (p50) says what one call is like, the mean what all of them add up to.

A *part per call and a part per byte*: the line through each call's own cost (its median over passes and rounds) against
its bytes, by Theil and Sen, whose slope is the median of the slopes of all pairs. Where the sizes hardly differ, the
calls are few, or the slope's 95% interval (by Sen) holds zero, there is no such line: all counts as a part per call.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scenarios.replay.tasks import Compared, Kept, Timed
from scenarios.statistics import intervals

Floats = np.ndarray[Any, np.dtype[np.float64]]

FEWEST_FOR_LINE, SPREAD_FOR_LINE = 20, 2.0
"""Calls, and the factor between their p10 and p90 in bytes, that a line needs."""
MOST_FOR_LINE = 400
"""Calls: it looks at all pairs."""
LATE_US = 1000.0
"""A call in its rhythm that begins later than this is late."""
FEWEST_FOR_P99 = 1000


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A median of rounds and the ends of its interval; NaN where there is none."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def of(cls, rounds: Sequence[float]) -> Estimate:
        if not rounds:
            return cls(math.nan)
        return cls(float(np.median(rounds)), *(intervals.of_median(rounds) or (math.nan, math.nan)))


@dataclasses.dataclass(frozen=True)
class Cost:
    """Of one function behind one contender."""

    function: str
    contender: str
    carrier: str
    rounds: int
    calls: int
    """Timed calls, all rounds together."""
    p50_us: Estimate
    """The whole call, nothing taken off."""
    added_us: Estimate
    """The median call's cost."""
    added_mean_us: Estimate
    """What calls add up to, by their number."""
    client_cpu_us: float
    """Per call, in the process that calls."""
    server_cpu_us: float
    """NaN where that is the same process."""
    per_call_us: float
    """Of the cost, what a call costs however small it is."""
    per_byte_ns: float
    """And each of its bytes. NaN where it cannot be told apart."""
    bytes_per_call: float
    compared: Compared


def latencies(timed: Timed) -> Floats:
    """µs, a line per pass over the calls."""
    return np.frombuffer(timed.latency_ns, np.int64).reshape(timed.passes, -1) / 1000


def cost(
    key: tuple[str, str], carrier: str, rounds: Mapping[int, Timed], direct: Mapping[int, Timed], sizes: Sequence[int]
) -> Cost:
    """`sizes`: bytes of each call of a pass, in the contender's codec. Rounds without ``direct`` are taken as they
    are where there is none at all, else left out."""
    own = {number: latencies(timed) for number, timed in rounds.items()}
    base = {number: latencies(direct[number]) for number in own if number in direct}
    pairs = [(own[number], base[number]) for number in base] or [(each, np.zeros_like(each)) for each in own.values()]
    made = sum(each.size for each in own.values())
    per_call = np.median(np.vstack([one for one, _ in pairs]), axis=0)
    per_call = per_call - np.median(np.vstack([other for _, other in pairs]), axis=0)
    constant, slope = line(np.asarray(sizes, float), per_call)
    servers = [timed.server_cpu_ns for timed in rounds.values()]
    server = sum(each for each in servers if each is not None) / made / 1000 if None not in servers else math.nan
    return Cost(
        function=key[0],
        contender=key[1],
        carrier=carrier,
        rounds=len(pairs),
        calls=made,
        p50_us=Estimate.of([float(np.median(one)) for one, _ in pairs]),
        added_us=Estimate.of([float(np.median(one) - np.median(other)) for one, other in pairs]),
        added_mean_us=Estimate.of([float(one.mean() - other.mean()) for one, other in pairs]),
        client_cpu_us=sum(timed.client_cpu_ns for timed in rounds.values()) / made / 1000,
        server_cpu_us=server,
        per_call_us=constant,
        per_byte_ns=slope,
        bytes_per_call=float(np.mean(sizes)) if len(sizes) else math.nan,
        compared=functools.reduce(Compared.and_also, (timed.compared for timed in rounds.values())),
    )


def line(sizes: Floats, costs: Floats) -> tuple[float, float]:
    """µs of a call of no bytes, and ns per byte; the median cost and NaN where the two cannot be told apart."""
    low, high = np.percentile(sizes, [10, 90]) if sizes.size else (0, 0)
    if sizes.size < FEWEST_FOR_LINE or low <= 0 or high < SPREAD_FOR_LINE * low:
        return float(np.median(costs)), math.nan
    from scipy import stats  # a second to import, and of use here alone

    some = np.linspace(0, sizes.size - 1, min(sizes.size, MOST_FOR_LINE)).astype(int)
    slope, _, least, _ = stats.theilslopes(costs[some], sizes[some], alpha=0.95)
    if least <= 0:
        return float(np.median(costs)), math.nan
    return max(0.0, float(np.median(costs[some] - slope * sizes[some]))), float(slope) * 1000


@dataclasses.dataclass(frozen=True)
class InRhythm:
    """One function's calls, or all functions' (""), in the recorded rhythm behind one contender."""

    contender: str
    function: str
    calls: int
    callers: int
    p50_us: float
    """From just before a call was made, as a program that calls sees it."""
    mean_us: float
    p99_us: float
    """NaN from fewer than :data:`FEWEST_FOR_P99` calls."""
    due_p50_us: float
    """From when a call was due: with what it has waited for a free caller, as a client of that program sees it."""
    due_p99_us: float
    late: int
    """Calls that began more than 1 ms after they were due."""
    latest_us: float
    unmade: int
    client_cpu_us: float
    """Per call: of a function, of the calling thread; of all together, of all threads, or of the calling ones where
    some calls were made in the client's own process."""
    server_cpu_us: float
    """Per call: of a function, of its own server; NaN where all have the same, or none."""
    own_p50_us: float = math.nan
    """Of the calls that were made in the client's own process, burst by burst in turn with the others."""
    own_mean_us: float = math.nan
    own_cpu_us: float = math.nan
    compared: Compared | None = None
    """Results beside the recorded ones, the first of each call; of all functions together."""


def in_rhythm(contender: str, kept: Kept, function_of: Sequence[str], apart: Sequence[str] = ()) -> list[InRhythm]:
    """All functions together first. `function_of` each case; those `apart` have a server each."""
    took, late, cpu = (np.frombuffer(each, np.int64) / 1000 for each in (kept.latency_ns, kept.late_ns, kept.cpu_ns))
    if not took.size:
        return []
    since_due, own = took + np.maximum(late, 0), np.frombuffer(kept.own, np.int8) != 0
    names = np.array([function_of[number] for number in np.frombuffer(kept.number, np.int64)])
    servers_us = [] if kept.servers_cpu_ns is None else [each / 1000 for each in kept.servers_cpu_ns]
    of_server = dict(zip(apart, servers_us, strict=True)) if apart and servers_us else {}
    found = []
    for name in ("", *sorted(set(names.tolist()))):
        all_of_it = names == name if name else np.ones(took.size, bool)
        some, itself = all_of_it & ~own, all_of_it & own
        calls = int(some.sum())
        if not calls:
            continue
        of_process = not name and not own.any()
        server = of_server.get(name, math.nan) if name else sum(servers_us) if servers_us else math.nan
        found.append(
            InRhythm(
                contender=contender,
                function=name,
                calls=calls,
                callers=kept.callers,
                p50_us=float(np.median(took[some])),
                mean_us=float(took[some].mean()),
                p99_us=_p99(took[some]),
                due_p50_us=float(np.median(since_due[some])),
                due_p99_us=_p99(since_due[some]),
                late=int((late[some] > LATE_US).sum()),
                latest_us=float(late[some].max()),
                unmade=0 if name else kept.unmade,
                client_cpu_us=kept.client_cpu_ns / calls / 1000 if of_process else float(cpu[some].mean()),
                server_cpu_us=server / calls,
                own_p50_us=float(np.median(took[itself])) if itself.any() else math.nan,
                own_mean_us=float(took[itself].mean()) if itself.any() else math.nan,
                own_cpu_us=float(cpu[itself].mean()) if itself.any() else math.nan,
                compared=None if name else kept.compared,
            )
        )
    return found


def _p99(took_us: Any) -> float:
    """Of one call, as every percentile: none is interpolated."""
    return float(np.percentile(took_us, 99, method="inverted_cdf")) if len(took_us) >= FEWEST_FOR_P99 else math.nan
