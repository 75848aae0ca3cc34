"""What circumstances do to a figure is found, and named: each is made behind the harness's back, in a cell that says
nothing of it.

``burner``       processes that compute beside a cell raise its flag `others` or `queue`
``pinned pair``  a cell whose processes share a CPU says on which both ran, and what that makes of the figure is named
``worn heap``    the page faults that a fresh heap costs, and a worn one does not, are named where they decide
``phase``        a block of a run in which the machine is made to look slower is marked, and the run warns of it
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from rich.console import Console

from contenders.interface import Contender
from contenders.registry import Registered, load
from scenarios.common.quotas import pinned
from scenarios.common.units import figure
from scenarios.plan.cells import Cell
from scenarios.plan.circumstances import APART, FRESH, WORN, Circumstances
from scenarios.plan.scenario import Block, Scenario
from scenarios.records.environment import page_fault_us
from scenarios.running import runner, session, surroundings
from scenarios.running.combine import Measurement
from scenarios.running.yardsticks import Reading, Yardsticks, codec
from scenarios.selftest.outcome import SEED, TIME_LIMIT_S, Outcome, cell
from scenarios.statistics import caveats, disturbed, figures, phases, where

SECONDS = 0.5
BLOCKS, SLOWED, TIMES = 5, 3, 10
"""Blocks of a run, which of them is slowed, from 0, and how many times."""


def burner() -> Outcome:
    """As many processes as there are CPUs compute beside a cell that is said to have nothing beside it."""
    alone, _ = _measured(load("shm-block"))
    with surroundings.around(Circumstances(beside=f"{os.cpu_count() or 1}-burners")):
        found, _ = _measured(load("shm-block"))
    named = {"others", "queue"} & set(found.noise_flags)
    said = ", ".join(found.noise_flags) or "no flag"
    if named & set(alone.noise_flags):
        said += ", but the same without them: this machine is busy, and tells nothing"
    return Outcome("burner", bool(named), said, "a flag: others or queue")


def pinned_pair() -> Outcome:
    """Both processes are started on one CPU, in a cell that is said to be free."""
    cpu = min(os.sched_getaffinity(0))
    with pinned({cpu}):
        found, together = _measured(load("shm-block"))
    client, server = found.client.on_cpu, found.server.on_cpu if found.server else None
    is_found, wanted = client == server == cpu, f"both on {cpu}"
    said = [f"client on {client}, server on {server}"]
    if (os.cpu_count() or 1) > 1:
        _, apart = _measured(load("shm-block"), placement=APART)
        one, two = float(together["p50_us"]), float(apart["p50_us"])
        named = [text for kind, text, _ in where.caveats([together, apart], None) if kind == "placement"]
        decides = max(one, two) > (1 + where.TENTH) * min(one, two)
        is_found, wanted = is_found and bool(named) == decides, f"{wanted}, and named where it is a tenth of the call"
        said += [*named, *([] if named else [f"not named: p50 {figure(one)} µs, apart {figure(two)}"])]
    return Outcome("pinned pair", is_found, "; ".join(said), wanted)


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


def phase() -> Outcome:
    """A run of one cell a block; in one of the blocks the codec alone takes :data:`TIMES` as long."""
    block = Block(
        name="",
        contenders={"native": ("noop",)},
        method="echo",
        payloads={"native": "ascii"},
        payload_sizes=(100,),
        calls=(1000,),
        warmup_calls=10,
        seconds=1.0,
        clients=(1,),
        load=("closed",),
    )
    scenario = Scenario("phase", "one block is slowed", (block,), BLOCKS, SEED, TIME_LIMIT_S, reruns=0)
    with tempfile.TemporaryDirectory() as folder:
        run = runner.begin(scenario, Registered(), Path(folder))
        runner.measure(run, scenario, Registered(), Console(quiet=True), _OneSlowed())
        cells = figures.frame(run.rows())
        said = [each for each in caveats.find(run) if each.kind == disturbed.PHASE and not each.group]
    slowest = cells.iloc[int(cells["yardstick_codec_us"].argmax())]
    # A machine that others use has phases of its own; none in which a codec takes so long.
    found = slowest["repeat"] == SLOWED and slowest["phase"] == phases.SLOWER
    named = any(SLOWED in each.figures["repeats"] for each in said)
    return Outcome(
        "phase",
        bool(found and named),
        said[0].message if said else "no warning",
        f"a warning that names repeat {SLOWED}, in which the codec was slowed {TIMES} times",
    )


class _OneSlowed(Yardsticks):
    """Yardsticks read before every cell, in one block of which the codec has :data:`TIMES` the work."""

    def __init__(self) -> None:
        super().__init__(every_s=0)
        self._blocks = 0

    def of_block(self) -> Reading:
        slowed = self._blocks == SLOWED
        self._blocks += 1
        self.work = _slowed if slowed else codec
        return super().of_block()


def _slowed() -> None:
    for _ in range(TIMES):
        codec()


def _measured(kind: type[Contender], **axes: str | int) -> tuple[Measurement, dict[str, str]]:
    asked: Cell = cell(kind, "native", calls=100_000, seconds=SECONDS, **axes)
    found = session.run_cell(asked, kind, SEED, TIME_LIMIT_S)
    return found, runner.to_row("selftest", asked, kind.wait, found)
