"""Warnings about a run's figures: what a careful reader would want to know before quoting one.

Found from the rows and, where they were kept, the samples; written into the run as ``warnings.json`` (a list of
objects with `kind`, `group`, `message` and the figures behind it), which is what the table and the report read.

=============  ========================================================================================
kind           when
=============  ========================================================================================
few-repeats    fewer than 6: the range of so few repeats cannot hold the true median 95% of the time
outlying       repeats are far above their group's median: how many, and how many of them the system flagged
phase          cells were measured in another phase of the machine, or in another than what they are compared with, see
               :mod:`scenarios.statistics.phases`
few-calls      a repeat had too few calls for a p99 (1,000)
repeats-differ the slowest repeat's p50 is more than twice the fastest's
several-modes  calls come in several speeds: Hartigan's dip, see :func:`modes`
stall          one call of a closed loop took a twentieth of its cell's time, and ten times the median
arrivals       calls of an open loop did not come as was asked, see :mod:`scenarios.statistics.arrivals`
disturbed      every repeat of the group has noise flags
placement      repeats with both processes on one CPU differ from those on two, see :mod:`scenarios.statistics.where`
page-faults    memory that the kernel had to find is a tenth of a call, see there
=============  ========================================================================================
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from scenarios.common.units import micros, size
from scenarios.plan import circumstances
from scenarios.plan.cells import GROUP
from scenarios.plan.load import CLOSED
from scenarios.records.store import Row, Run
from scenarios.statistics import arrivals, disturbed, intervals, phases, where
from scenarios.statistics.disturbed import disturbance
from scenarios.statistics.figures import SAMPLES_BEYOND, Samples, chosen, frame

FILE = "warnings.json"

TWOFOLD = 2.0
"""Repeats that differ more are reported. On shared virtual machines a quarter of all groups does, on a quiet
machine next to none."""
DIP = 0.05
"""The distance of the samples' distribution from the nearest one with a single mode, at least; a second mode that
holds the share s of all calls, clear of the first, makes it s/2 at most: below, it holds less than a tenth."""
DIP_P = 0.01
"""... and as unlikely as this by chance."""
MOST_FOR_DIP = 50_000
"""Calls that are looked at, evenly spread over the cell; diptest knows p-values up to 72,000."""
SPREAD = 1.3
"""... and the slow calls (p95) take so many times as long as the fast ones (p5): modes that are closer mislead
nobody."""
TICK_NS = 10.0
"""Clocks of virtual machines tick in steps of up to so many ns, which are modes to a test of modes: smoothed over."""


STALL_SHARE, STALL_FOLD = 0.05, 10.0
"""Of the cell's time, and times the median: no percentile shows a call that stands alone."""


@dataclasses.dataclass(frozen=True)
class Caveat:
    """One warning; `group` is empty when it is about the whole run."""

    kind: str
    group: Mapping[str, str]
    message: str
    figures: Mapping[str, Any]

    def __str__(self) -> str:
        if not self.group:
            return self.message
        where = f"{self.group['contender']}, lane {self.group['lane']}, {size(float(self.group['payload_bytes']))}"
        words = [self.group["scenario"], where, *circumstances.of(self.group).words()]
        return f"{', '.join(words)}: {self.message}"


def of(run: Run) -> list[Caveat]:
    """A run's warnings, as they were written when it was finished; else found now."""
    try:
        listed = json.loads((run.folder / FILE).read_bytes())
        return [Caveat(**each) for each in listed["warnings"]]
    except FileNotFoundError:
        return find(run)


def write(run: Run) -> None:
    """Find a run's warnings and store them."""
    run.write_json(FILE, {"warnings": [dataclasses.asdict(each) for each in find(run)]})


def find(run: Run) -> list[Caveat]:
    """A run's warnings, the general ones first."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    rows = run.rows()
    for row in chosen(rows):
        groups.setdefault(tuple(row[axis] for axis in GROUP), []).append(row)
    found: list[Caveat] = []
    few = min(map(len, groups.values()), default=0)
    if groups and (sure := intervals.coverage(few)) < intervals.CONFIDENCE:
        what = f"intervals are their range, {sure:.0%} sure" if few >= intervals.FEWEST else "no intervals"
        message = f"few repeats ({few}): {what}; 95% needs 6"
        found.append(Caveat("few-repeats", {}, message, {"repeats": few, "coverage": sure}))
    cells = frame(rows)
    slow = disturbed.slow(cells)
    if slow.cells:
        found.append(Caveat("outlying", {}, str(slow), slow._asdict()))
    if of_another := phases.caveat(cells):
        found.append(Caveat(disturbed.PHASE, {}, *of_another))
    for axes, text, about in phases.mixed(cells):
        found.append(Caveat(disturbed.PHASE, dict(zip(GROUP, axes, strict=True)), text, about))
    fault_us = run.environment().get("page_fault_us")
    for group, each in groups.items():
        named = dict(zip(GROUP, group, strict=True))
        found += [Caveat(kind, named, text, about) for kind, text, about in where.caveats(each, fault_us)]
        found += [Caveat(kind, named, text, about) for kind, text, about in arrivals.caveats(each)]
        found += [Caveat(kind, named, text, figures) for kind, text, figures in _of_group(each, run)]
    return found


def modes(latencies_ns: Samples) -> dict[str, float] | None:
    """What speaks for calls of several speeds in one process; None when nothing does.

    Hartigan and Hartigan's dip (The Dip Test of Unimodality, Annals of Statistics 13, 1985; the package diptest) of
    the logarithms, clock steps smoothed over. Its p-value alone would cry wolf: with 10,000 calls, which moreover
    come in bursts, every ripple is significant. So the dip must be large, and the speeds far apart.
    """
    import diptest  # with scipy a second to import, and not needed before a run is over

    latencies_ns = latencies_ns[:: -(-latencies_ns.size // MOST_FOR_DIP)]
    smooth = np.random.default_rng(0).uniform(-TICK_NS, TICK_NS, latencies_ns.size)
    shares = [0.05, 0.1, 0.5, 0.9, 0.95]
    p5, p10, p50, p90, p95 = np.quantile(latencies_ns, shares, method="inverted_cdf") / 1000
    if latencies_ns.size < 100 or p95 < SPREAD * max(p5, 0.001):
        return None
    dip, p = diptest.diptest(np.log(np.maximum(latencies_ns + smooth, 1.0)))
    if dip < DIP or p > DIP_P:
        return None
    return {"dip": round(float(dip), 3), "p10_us": float(p10), "p50_us": float(p50), "p90_us": float(p90)}


def _of_group(rows: list[Row], run: Run) -> list[tuple[str, str, dict[str, Any]]]:
    found: list[tuple[str, str, dict[str, Any]]] = []
    p50 = [float(row["p50_us"]) for row in rows if row["p50_us"]]
    # Where calls were skipped it is they that leave the percentile undefined: cells.csv says how many.
    if few := [row for row in rows if not row["p99_us"] and row["skipped"] in ("", "0")]:
        calls = min(int(row["calls"]) for row in few)
        what, needed = ("a median", 2 * SAMPLES_BEYOND) if calls < 2 * SAMPLES_BEYOND else ("a p99", 1000)
        found.append(("few-calls", f"too few calls for {what} ({calls:,}; {needed:,} are needed)", {"calls": calls}))
    if len(p50) > 1 and max(p50) > TWOFOLD * min(p50):
        text = f"repeats differ {max(p50) / min(p50):.1f}-fold (p50 {micros(min(p50))} to {micros(max(p50))})"
        found.append(("repeats-differ", text, {"lowest_us": min(p50), "highest_us": max(p50)}))
    if stalls := [stall for row in rows if (stall := _stall(row))]:
        longest_us, share = max(stalls, key=lambda each: each[1])
        text = f"one call took {micros(longest_us)}, {share:.0%} of its cell, in {len(stalls)} of {len(rows)} repeats"
        found.append(("stall", text, {"max_us": longest_us, "share": share, "repeats": len(stalls)}))
    seen = [modes(samples) for row in rows if (samples := run.samples_of(row)) is not None]
    several = [each for each in seen if each]
    # In a minority of the repeats it was the moment and not the contender.
    if several and 2 * len(several) >= len(seen):
        worst = max(several, key=lambda each: each["dip"])
        text = (
            f"calls come in several speeds in {len(several)} of {len(seen)} repeats "
            f"(p10 {micros(worst['p10_us'])}, p50 {micros(worst['p50_us'])}, p90 {micros(worst['p90_us'])}): "
            "a median alone misleads"
        )
        found.append(("several-modes", text, worst))
    if all(disturbance(row) for row in rows):
        flags = ", ".join(sorted(set(";".join(row["noise_flags"] for row in rows).split(";"))))
        found.append(("disturbed", f"every repeat was disturbed ({flags})", {"repeats": len(rows)}))
    return found


def _stall(row: Row) -> tuple[float, float] | None:
    """The longest call in µs and its share of the time that the calls of all clients took, where that is a stall."""
    if row["load"] != CLOSED or not (row["max_us"] and row["p50_us"] and row["mean_us"]):
        return None
    longest_us = float(row["max_us"])
    at_once = int(row["clients"]) * circumstances.of(row).in_flight
    share = longest_us * at_once / (float(row["mean_us"]) * int(row["calls"]))
    return (longest_us, share) if share >= STALL_SHARE and longest_us >= STALL_FOLD * float(row["p50_us"]) else None
