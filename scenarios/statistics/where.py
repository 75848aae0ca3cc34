"""What a figure owes to where it was taken: both processes on one CPU, memory that the kernel had to find.

Told where it is more than a tenth of the figure: :data:`TENTH`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from scenarios.common.units import micros
from scenarios.records.store import Row

TENTH = 0.1
Found = list[tuple[str, str, dict[str, Any]]]
"""Kind, words and figures of each, as :mod:`scenarios.statistics.caveats` has them."""


def caveats(rows: Sequence[Row], page_fault_us: float | None) -> Found:
    """Of the repeats of one group. `page_fault_us`: what finding a page costs on that machine; None: not known."""
    return _one_cpu(rows) + (_page_faults(rows, page_fault_us) if page_fault_us else [])


def _one_cpu(rows: Sequence[Row]) -> Found:
    """Where some repeats had both processes on one CPU for all of their time, and others never moved off two."""
    placed = [row for row in rows if row["client_on_cpu"] and row["server_on_cpu"] and row["p50_us"]]
    together = [float(row["p50_us"]) for row in placed if row["client_on_cpu"] == row["server_on_cpu"]]
    apart = [float(row["p50_us"]) for row in placed if row["client_on_cpu"] != row["server_on_cpu"]]
    if not together or not apart:
        return []
    one, two = float(np.median(together)), float(np.median(apart))
    if max(one, two) <= (1 + TENTH) * min(one, two):
        return []
    text = (
        f"both processes ran on one CPU in {len(together)} of {len(rows)} repeats (p50 {micros(one)}), on two in "
        f"{len(apart)} ({micros(two)}): where the scheduler puts them decides"
    )
    return [("placement", text, {"one_cpu_us": one, "two_cpus_us": two, "repeats_on_one": len(together)})]


def _page_faults(rows: Sequence[Row], page_fault_us: float) -> Found:
    found = []
    for row in rows:
        faults = sum(float(row[f"{side}_page_faults_per_call"] or 0) for side in ("client", "server"))
        if row["p50_us"] and faults * page_fault_us > TENTH * float(row["p50_us"]):
            found.append((faults, faults * page_fault_us / float(row["p50_us"])))
    if not found:
        return []
    faults, share = max(found)
    text = (
        f"{faults:.0f} page faults a call are about {min(share, 1.0):.0%} of it in {len(found)} of {len(rows)} "
        "repeats: memory is given back and taken again, which a process that has run for a while may not do"
    )
    return [("page-faults", text, {"page_faults_per_call": faults, "share": share, "repeats": len(found)})]
