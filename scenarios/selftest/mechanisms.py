"""What circumstances do to a figure is found, and named: each is made behind the harness's back, in a cell that says
nothing of it.

``burner``       processes that compute beside a cell raise its flag `others` or `queue`
``pinned pair``  a cell whose processes share a CPU says on which both ran
``worn heap``    the page faults that a fresh heap costs, and a worn one does not, are named where they decide
"""

from __future__ import annotations

import os

from contenders.interface import Contender
from contenders.registry import load
from scenarios.common.quotas import pinned
from scenarios.common.units import figure
from scenarios.plan.cells import Cell
from scenarios.plan.circumstances import FRESH, WORN, Circumstances
from scenarios.records.environment import page_fault_us
from scenarios.running import runner, session, surroundings
from scenarios.running.combine import Measurement
from scenarios.selftest.outcome import SEED, TIME_LIMIT_S, Outcome, cell
from scenarios.statistics import where

SECONDS = 0.5


def burner() -> Outcome:
    """As many processes as there are CPUs compute beside a cell that is said to have nothing beside it."""
    with surroundings.around(Circumstances(beside=f"{os.cpu_count() or 1}-burners")):
        found, _ = _measured(load("shm-block"))
    named = {"others", "queue"} & set(found.noise_flags)
    return Outcome("burner", bool(named), ", ".join(found.noise_flags) or "no flag", "a flag: others or queue")


def pinned_pair() -> Outcome:
    """Both processes are started on one CPU, in a cell that is said to be free."""
    cpu = min(os.sched_getaffinity(0))
    with pinned({cpu}):
        found, _ = _measured(load("shm-block"))
    client, server = found.client.on_cpu, found.server.on_cpu if found.server else None
    return Outcome("pinned pair", client == server == cpu, f"client on {client}, server on {server}", f"both on {cpu}")


def worn_heap() -> Outcome:
    """Text of 100 KB through a codec, in a fresh process and in one that has used its heap."""
    fault_us = page_fault_us()
    told, faults = {}, {}
    for heap in (FRESH, WORN):
        _, row = _measured(load("direct-codec"), heap=heap, payload_bytes=100_000)
        told[heap] = [kind for kind, _, _ in where.caveats([row], fault_us)]
        faults[heap] = float(row["client_page_faults_per_call"])
    named = "page-faults" in told[FRESH]
    # Where the allocator keeps what is freed from the start, there is nothing to be named.
    passed = (named and faults[WORN] < faults[FRESH] / 2) or (not named and faults[FRESH] < 1)
    said = "named" if named else "not named"
    return Outcome(
        "worn heap",
        passed,
        f"{figure(faults[FRESH])} page faults a call when fresh, {said}; {figure(faults[WORN])} when worn",
        "named where they are a tenth of the call, and fewer when worn",
    )


def _measured(kind: type[Contender], **axes: str | int) -> tuple[Measurement, dict[str, str]]:
    asked: Cell = cell(kind, "native", calls=100_000, seconds=SECONDS, **axes)
    found = session.run_cell(asked, kind, SEED, TIME_LIMIT_S)
    return found, runner.to_row("selftest", asked, kind.wait, found)
