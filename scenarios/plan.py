"""How long a scenario will take, before it is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from scenarios.cells import Cell
from scenarios.measure import WARMUP_SHARE
from scenarios.scenario import Scenario
from scenarios.units import size

START_S = 0.45
"""Starting and ending a cell's two processes: 0.3 to 0.6 s on two cores of 2.5 GHz, most of it Python's
imports."""
TYPICAL_US = dict(
    [("noop", 0.1), ("direct", 0.3), ("direct-codec", 3), ("shm", 8), ("shm-spin", 8), ("iceoryx2", 20)]
    + [("mp-pipe", 60), ("iceoryx2-event", 80), ("shm-block", 100), ("pyro5", 150), ("process-pool", 300)]
    + [(name, 200) for name in ("zmq-ipc", "zmq-poll", "zmq-dealer", "pynng", "asyncio-uds")]
    + [("rpyc", 350)]
)
"""µs per small call, an order of magnitude each; 800, gRPC's, for what is not listed."""
OTHER_US = 800
US_PER_KB = {"bytes": 0.5, "json": 15, "native": 3}
"""µs per 1000 bytes of payload that are copied, or encoded and decoded twice."""


def upper_bound_s(cell: Cell) -> float:
    """The most seconds the calls of a cell take, unless a single one takes longer."""
    return cell.seconds * (1 + WARMUP_SHARE)


def expected_s(cell: Cell) -> float:
    """About how many seconds a cell takes: its processes, and its calls at typical speed or at their
    limit."""
    calls = cell.calls + cell.warmup_calls
    moved = 0.0 if cell.contender in ("noop", "direct") else US_PER_KB.get(cell.lane, 10) * cell.payload_bytes / 1000
    typical_us = TYPICAL_US.get(cell.contender, OTHER_US) + moved
    return START_S + min(upper_bound_s(cell), calls * typical_us / 1e6)


def show(scenario: Scenario, cells: Sequence[Cell], console: Console) -> None:
    """Print the cells of a scenario and the expected time."""
    table = Table("scenario", "lane", "contender", "payload", "calls", "repeats", title=scenario.name)
    # Insertion order would be the shuffled order of measuring.
    groups = Counter(
        (str(cell.axes["scenario"]), cell.lane, cell.payload_bytes, cell.calls, cell.contender) for cell in cells
    )
    lines: dict[tuple[str, str, str, int], list[tuple[int, int]]] = {}
    for (name, lane, payload_bytes, calls, contender), repeats in sorted(groups.items()):
        lines.setdefault((name, lane, contender, repeats), []).append((payload_bytes, calls))
    for (name, lane, contender, repeats), sized in lines.items():
        sizes = ", ".join(size(payload_bytes) for payload_bytes, _ in sized)
        calls_of = ", ".join(f"{calls:,}" for calls in dict.fromkeys(calls for _, calls in sized))
        table.add_row(name, lane, contender, sizes, f"up to {calls_of}", str(repeats))
    console.print(table)
    for line in scenario.left_out:
        console.print(f"left out: {line}", highlight=False)
    likely = sum(expected_s(cell) for cell in cells)
    most = sum(START_S + upper_bound_s(cell) for cell in cells)
    console.print(
        f"{len(cells)} cells; about {likely / 60:.1f} minutes, at most about {most / 60:.1f}", highlight=False
    )
