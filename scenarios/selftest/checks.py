"""The harness measured by itself: what it must find, and whether it does. Each check is a real cell, or several.

``floor``            an empty call, noop, stays below :data:`FLOOR_US`
``known delay``      a handler known to take longer than another is measured as taking longer by that much, within
                     :data:`DELAY_SHARE`, see :mod:`scenarios.selftest.known_delays`
``stopped server``   a server stopped for 100 ms in an open loop is charged with every call it kept waiting
``A/A``              no contender differs from itself, see :mod:`scenarios.selftest.aa`
"""

from __future__ import annotations

import dataclasses
import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from contenders.interface import Contender
from contenders.registry import Registered, load
from scenarios.measuring.client import Server
from scenarios.plan.cells import Cell
from scenarios.running import session
from scenarios.running.combine import Measurement
from scenarios.selftest import aa
from scenarios.selftest.known_delays import DELAY_US, Slow, Slower, Undelayed

SEED = 1
TIME_LIMIT_S = 60.0
FLOOR_US = 0.3
DELAY_SHARE = 0.05
DELAY_CALLS, DELAY_ROUNDS = 200, 3
STOP_MS, STOP_RATE = 100, 500
STOP_AFTER_MS = 200
"""Into the timed part: the cell is under way by then."""
LATE_SHARE = 0.9
"""Of the calls due in the first half of the stop, so many must be late by the other half: all but those next to its
edges, which the kernel places."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one check found."""

    check: str
    passed: bool
    found: str
    """The figures, in a few words."""
    wanted: str


def cell(contender: type[Contender], lane: str, **values: int | float | str) -> Cell:
    """One cell of a small echo: `calls`, `seconds` and `load` as given."""
    axes: dict[str, str | int] = {
        "scenario": "selftest",
        "contender": contender.name,
        "lane": lane,
        "payload_bytes": 100,
        "clients": 1,
        "load": str(values.get("load", "closed")),
        "repeat": 0,
    }
    calls, seconds = int(values.get("calls", 1000)), float(values.get("seconds", 5.0))
    return Cell(axes=axes, method="echo", payload="ascii", calls=calls, warmup_calls=100, seconds=seconds)


def floor() -> Outcome:
    """What the harness adds to every latency."""
    kind = load("noop")
    found = session.run_cell(cell(kind, "native", calls=100_000), kind, SEED, TIME_LIMIT_S)
    p50 = latency_us(found)
    return Outcome("floor", p50 < FLOOR_US, f"{p50:.3f} µs", f"below {FLOOR_US} µs")


def known_delay(quantile: float = 0.5) -> Outcome:
    """The difference between two delays at `quantile` of their calls; the median of some rounds in fresh processes.

    The quickest calls (0) are those that nothing else on the machine has disturbed.
    """
    differences = []
    for _ in range(DELAY_ROUNDS):
        longer, shorter = (
            latency_us(session.run_cell(cell(kind, "native", calls=DELAY_CALLS), kind, SEED, TIME_LIMIT_S), quantile)
            for kind in (Slower, Slow)
        )
        differences.append(longer - shorter)
    difference = float(np.median(differences))
    return Outcome(
        "known delay",
        abs(difference - DELAY_US) <= DELAY_SHARE * DELAY_US,
        f"{difference:,.0f} µs",
        f"{DELAY_US:,} µs ± {DELAY_SHARE:.0%}",
    )


def stopped_server() -> Outcome:
    """An open loop at an even pace over a server that is stopped for a while."""
    found = stopped(Undelayed, f"{STOP_RATE}/s-constant")
    late = late_calls(found)
    wanted = LATE_SHARE * STOP_RATE * STOP_MS / 2 / 1000
    assert found.service_ns is not None
    slow = int((found.service_ns > STOP_MS / 2 * 1e6).sum())
    slowest_ms = float(found.latency_ns.max()) / 1e6
    return Outcome(
        "stopped server",
        late >= wanted and slowest_ms >= LATE_SHARE * STOP_MS,
        f"{late} calls late by {STOP_MS / 2:g} ms or more, the latest by {slowest_ms:.0f} ms; "
        f"a closed loop would have seen {slow}",
        f"{wanted:g} or more, the latest by {LATE_SHARE * STOP_MS:g} ms or more",
    )


def stopped(kind: type[Contender], offered: str, seconds: float = 0.6) -> Measurement:
    """An open loop whose server is stopped (SIGSTOP) for :data:`STOP_MS`, :data:`STOP_AFTER_MS` after it began."""

    def stop(server: Server | None, moment_ns: int) -> None:
        assert server is not None
        _sleep_until(moment_ns + STOP_AFTER_MS * 1_000_000)
        os.kill(server.pid, signal.SIGSTOP)
        _sleep_until(time.perf_counter_ns() + STOP_MS * 1_000_000)
        os.kill(server.pid, signal.SIGCONT)

    asked = cell(kind, "native", load=offered, seconds=seconds, calls=100_000)
    return session.run_cell(asked, kind, SEED, TIME_LIMIT_S, on_begin=stop)


def late_calls(found: Measurement) -> int:
    """How many calls were answered later than half the stop after they were meant to be sent."""
    return int((found.latency_ns >= STOP_MS / 2 * 1e6).sum())


def latency_us(found: Measurement, quantile: float = 0.5) -> float:
    """The latency that `quantile` of the calls stayed below; of the quickest call for 0."""
    return float(np.quantile(found.latency_ns, quantile)) / 1000


def same_twice(results: Path) -> Outcome:
    """Contenders against themselves. The run stays in `results`, to be looked at."""
    quiet = Console(quiet=True)
    found = aa.a_a(aa.Twins(Registered()), results, quiet)
    differing = len(found.differing())
    return Outcome(
        "A/A",
        not differing,
        f"{differing} of {len(found.groups)} contenders differ from themselves",
        f"none, at a level of {aa.LEVEL:.0%}",
    )


CHECKS: Sequence[Callable[[], Outcome]] = (floor, known_delay, stopped_server)
"""Without the A/A run, which is one: it needs a place for its results."""


def run(results: Path, console: Console) -> bool:
    """Make every check and print what it found; whether all passed."""
    outcomes = []
    table = Table("check", "", "found", "wanted", title="self-test")
    checks: list[Callable[[], Outcome]] = [*CHECKS, partial(same_twice, results)]
    for check in checks:
        outcome = check()
        outcomes.append(outcome)
        word = "[green]passed[/]" if outcome.passed else "[red]failed[/]"
        table.add_row(outcome.check, word, outcome.found, outcome.wanted)
    console.print(table)
    return all(outcome.passed for outcome in outcomes)


def _sleep_until(moment_ns: int) -> None:
    while (left := moment_ns - time.perf_counter_ns()) > 0:
        time.sleep(left / 1e9)
