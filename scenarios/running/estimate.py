"""How long a scenario will take, before it is run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding

from scenarios.common.units import size
from scenarios.measuring.client import FEWEST_CALLS, WARMUP_SHARE
from scenarios.measuring.dispatcher import DRAIN_NS
from scenarios.plan.cells import RERUN_SHARE, Cell
from scenarios.plan.load import Load
from scenarios.plan.scenario import Scenario

START_S = 0.225
"""CPU time of starting and ending one process of a cell, on a core of 2.5 GHz: most of it Python's imports, two at a
time on two cores."""
TYPICAL_US = dict(
    [
        ("noop", 0.1),
        ("direct", 0.3),
        ("copy", 1),
        ("direct-codec", 3),
        ("thread-pool", 40),
        ("shm", 8),
        ("shm-spin", 8),
        ("shm-loan", 30),
        ("shm-msgpack", 8),
        ("shm-async", 60),
        ("shm-threads", 60),
        ("iceoryx2", 20),
    ]
    + [
        ("mp-pipe", 60),
        ("iceoryx2-event", 80),
        ("shm-block", 100),
        ("pyro5", 150),
        ("mp-manager", 150),
        ("shared-memory", 60),
        ("callserver", 150),
        ("interpreters", 150),
        ("interpreters-event", 40),
        ("process-pool", 300),
        ("http-uds-stdlib", 400),
    ]
    + [
        (name, 200)
        for name in ("zmq-ipc", "zmq-poll", "zmq-dealer", "zmq-push", "pynng", "asyncio-uds", "asyncio-uds-tuned")
    ]
    + [("pyro5-tuned", 100), ("rpyc", 350), ("rpyc-tuned", 350)]
)
"""µs per small call, an order of magnitude each; 800, gRPC's, for what is not listed."""
OTHER_US = 800
ITEMS_IN_A_CALL = 4
"""So many items of a stream take about as long as a call."""
US_PER_KB = {"bytes": 0.5, "json": 15, "native": 3, "pickle": 30, "arrays": 1}
"""µs per 1000 bytes of payload that are copied, or encoded and decoded twice."""


def start_s(cell: Cell) -> float:
    """Seconds of starting and ending a cell's processes: two at once, as on two cores."""
    return START_S * (cell.clients + 1)


def upper_bound_s(cell: Cell) -> float:
    """The most seconds the calls of a cell take, unless a single one takes longer."""
    drain_s = DRAIN_NS / 1e9 if Load.parse(cell.load).is_open else 0
    return cell.seconds * (1 + WARMUP_SHARE) + drain_s


def expected_s(cell: Cell) -> float:
    """About how many seconds a cell takes: its processes, and its calls at typical speed or at their
    limit."""
    load = Load.parse(cell.load)
    if load.is_open:  # as long as its schedule is; the warm-up is a few calls more
        return start_s(cell) + cell.seconds * (1 + WARMUP_SHARE / 2)
    calls = (cell.calls + cell.warmup_calls) * cell.clients
    by_reference = cell.contender in ("noop", "direct", "thread-pool")
    moved = 0.0 if by_reference else US_PER_KB.get(cell.lane, 10) * cell.payload_bytes / 1000
    typical_us = TYPICAL_US.get(cell.contender, OTHER_US) + moved
    if items := cell.circumstances.items:
        stream_s = items * typical_us / ITEMS_IN_A_CALL / 1e6
        return start_s(cell) + max(min(upper_bound_s(cell), calls * stream_s), FEWEST_CALLS * stream_s)
    return start_s(cell) + min(upper_bound_s(cell), calls * typical_us / 1e6)


def show(scenario: Scenario, cells: Sequence[Cell], console: Console) -> None:
    """Print the cells of a scenario and the expected time."""
    of_contender: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        of_contender.setdefault((str(cell.axes["scenario"]), cell.lane, cell.contender), []).append(cell)
    alike: dict[tuple[str, ...], list[str]] = {}
    for (name, lane, contender), each in sorted(of_contender.items()):
        alike.setdefault((name, lane, *_asked(each)), []).append(contender)
    for (name, lane, *asked), contenders in alike.items():
        console.print(f"[bold]{name}, lane {lane}[/]: {'; '.join(asked)}", highlight=False)
        console.print(Padding(", ".join(contenders), (0, 0, 1, 4)), highlight=False)
    for line in scenario.left_out:
        console.print(f"left out: {line}", highlight=False)
    likely = sum(expected_s(cell) for cell in cells)
    most = sum(start_s(cell) + upper_bound_s(cell) for cell in cells)
    if scenario.reruns:
        most *= 1 + RERUN_SHARE
    console.print(
        f"{len(cells)} cells; about {likely / 60:.1f} minutes, at most about {most / 60:.1f}"
        f"{', disturbed cells measured again' if scenario.reruns else ''}"
        f"{f', less where p50 is known within {scenario.precision:.3g}' if scenario.precision else ''}",
        highlight=False,
    )


def _asked(cells: Sequence[Cell]) -> tuple[str, ...]:
    """What is asked of one contender: payloads, clients, load, calls and repeats as text."""
    told = [dataclasses.replace(cell.circumstances, in_flight=1, items=0).in_words() for cell in cells]
    around = {words: words or "ideal" for words in told}
    in_flight = {cell.circumstances.in_flight: str(cell.circumstances.in_flight) for cell in cells}
    items = {cell.circumstances.items: str(cell.circumstances.items) for cell in cells}
    return (
        f"payload {_listed({cell.payload_bytes: size(cell.payload_bytes) for cell in cells})}",
        f"clients {_listed({cell.clients: str(cell.clients) for cell in cells})}",
        f"load {_listed({(Load.parse(cell.load).rate or 0, cell.load): cell.load for cell in cells})}",
        *([f"circumstances {_listed(around)}"] if any(around) else []),
        *([f"in flight {_listed(in_flight)}"] if max(in_flight) > 1 else []),
        *([f"items {_listed(items)}"] if any(items) else []),
        f"up to {_listed({-cell.calls: f'{cell.calls:,}' for cell in cells})} calls",
        f"repeats {len({cell.axes['repeat'] for cell in cells})}",
    )


def _listed(values: Mapping[Any, str]) -> str:
    """The words, in the order of their keys."""
    return ", ".join(word for _, word in sorted(values.items()))
