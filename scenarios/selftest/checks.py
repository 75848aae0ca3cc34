"""The harness measured by itself: what it must find, and whether it does. Each check is a real cell, or several.

``floor``            an empty call, noop, stays below :data:`FLOOR_READS`
``known delay``      calls that are made to take 2 ms longer are measured as taking what they took, within
                     :data:`DELAY_SHARE`, see :mod:`scenarios.selftest.known_delays`
``stopped server``   a server stopped for 100 ms in an open loop is charged with every call it kept waiting
``burner``, ``pinned pair``, ``worn heap``, ``phase``
                     what circumstances do to a figure is found and named, see :mod:`scenarios.selftest.mechanisms`
``A/A``              no contender differs from itself, see :mod:`scenarios.selftest.aa`
"""

from __future__ import annotations

import os
import signal
import tempfile
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
from scenarios.running import session
from scenarios.running.combine import Measurement
from scenarios.selftest import aa, mechanisms
from scenarios.selftest.known_delays import DELAY_US, TAKEN, Slow, Undelayed
from scenarios.selftest.outcome import SEED, TIME_LIMIT_S, Outcome, cell

FLOOR_READS = 6
"""Times what reading the clock takes, which a latency does twice: the rest is a call of nothing, and the harness."""
DELAY_SHARE = 0.05
DELAY_CALLS = 200
STOP_MS, STOP_RATE = 100, 500
STOP_AFTER_MS = 200
"""Into the timed part: the cell is under way by then."""
LATE_SHARE = 0.9
"""Of the calls due in the first half of the stop, so many must be late by the other half: all but those next to its
edges, which the kernel places."""


def floor() -> Outcome:
    """What the harness adds to every latency."""
    kind = load("noop")
    found = session.run_cell(cell(kind, "native", calls=100_000), kind, SEED, TIME_LIMIT_S)
    p50, most = latency_us(found), FLOOR_READS * _reading_us()
    return Outcome("floor", p50 < most, f"{p50:.3f} µs", f"below {most:.3f} µs, {FLOOR_READS} readings of the clock")


def _reading_us() -> float:
    """What reading the clock takes here."""
    moments = np.array([time.perf_counter_ns() for _ in range(10_000)])
    return float(np.median(np.diff(moments))) / 1000


def known_delay() -> Outcome:
    """What the harness measured of calls that take a known time, against what each took by the caller's own clock."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "taken"
        os.environ[TAKEN] = str(file)
        try:
            found = session.run_cell(cell(Slow, "native", calls=DELAY_CALLS), Slow, SEED, TIME_LIMIT_S)
        finally:
            del os.environ[TAKEN]
        taken = np.frombuffer(file.read_bytes(), np.int64)
    # The last call is made after the timed part, to learn what checking an answer costs.
    taken = taken[-DELAY_CALLS - 1 : -1]
    beyond = np.median(found.latency_ns - taken) / np.median(taken)
    return Outcome(
        "known delay",
        bool(0 <= beyond <= DELAY_SHARE and taken.min() >= DELAY_US * 1000),
        f"{latency_us(found):,.0f} µs of {np.median(taken) / 1000:,.0f} as taken",
        f"{DELAY_US:,} µs and what a call takes, measured as taken, at most {DELAY_SHARE:.0%} more",
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


def latency_us(found: Measurement) -> float:
    """The median latency."""
    return float(np.median(found.latency_ns)) / 1000


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


CHECKS: Sequence[Callable[[], Outcome]] = (
    *(floor, known_delay, stopped_server),
    *(mechanisms.burner, mechanisms.pinned_pair, mechanisms.worn_heap, mechanisms.phase),
)
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
