"""What disturbed a cell: readings of the machine around its timed part, and short words for what they mean.

A flag does not remove a cell; it says that its numbers were taken in bad company. Linux's /proc; what a
kernel does not offer (pressure before 4.20, steal outside of virtual machines) raises no flag. The frequency is
recorded and raises none: governors change it all the time, and many virtual machines show a constant.
"""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

from scenarios.measuring.usage import Usage

FIGURES = ("steal_pct", "others_pct", "pressure_pct", "run_queue", "load_1min", "cpu_mhz")
"""The columns of cells.csv that :func:`figures` fills."""

OWN_DOING = frozenset({"pressure", "preempted"})
"""What a cell with more processes than CPUs does to itself: no noise there."""

TICKS_PER_S = os.sysconf("SC_CLK_TCK")

STEAL_PCT = 1.0
"""`steal`: the host took more than this share of the machine's CPU time. 1%: one late wake-up in a
hundred."""
OTHERS_PCT = 5.0
"""`others`: processes that are not the cell's used more than this share of the machine's CPU time."""
OTHERS_TICKS = 3
"""... and at least this many ticks (of 10 ms): below, /proc/stat's counting cannot tell."""
FEWEST_TICKS = 10
"""Of a cell of fewer (50 ms on two CPUs) no shares of ticks are given: one tick is a tenth of it and more."""
PRESSURE_PCT = 35.0
"""`pressure`: some process waited for a CPU for more than this share of the time (PSI, cpu some). High, because
the kernel counts the cell's own threads too: gRPC's and ZeroMQ's wait for each other up to a quarter of the time
on two free CPUs."""
INVOLUNTARY_PER_S = 100.0
"""`preempted`: the scheduler took the CPU from client or server more often than this, and more often than they
gave it up, which threads that wake each other do all the time. Undisturbed, a spinning cell has 5 to 30."""
QUEUE_BEYOND = 1
"""`queue`: at both ends of the cell more tasks than this were runnable beyond the CPUs, or beyond the cell's own
processes where those are more. At one end it may be a thread of the cell that is about to sleep; at both, hardly."""


@dataclasses.dataclass(frozen=True)
class Reading:
    """The machine at one moment. Totals over all CPUs since boot."""

    at_ns: int
    busy_ticks: int
    """Neither idle nor stolen."""
    steal_ticks: int
    pressure_us: int
    """Time some process waited for a CPU; 0 where the kernel does not say."""
    load_1min: float
    """The system's load average. Raises no flag: for a minute it is what the run's own cells before have left."""
    running: int
    """Tasks that run or wait for a CPU, the reader among them."""
    cpu_mhz: float | None
    """Mean clock frequency of the CPUs; None where it was not asked for, or the kernel does not say, as on ARM
    without cpufreq."""


def read(*, frequency: bool = False) -> Reading:
    """A few small files, about 200 µs; with the CPUs' frequency 50 more per CPU."""
    stat = Path("/proc/stat").read_text()
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, stat.split("\n", 1)[0].split()[1:9])
    running = int(stat.rsplit("procs_running ", 1)[1].split()[0])
    try:
        pressure = int(Path("/proc/pressure/cpu").read_text().split("total=")[1].split()[0])
    except OSError:
        pressure = 0
    load = float(Path("/proc/loadavg").read_text().split()[0])
    busy = user + nice + system + irq + softirq
    return Reading(time.monotonic_ns(), busy, steal, pressure, load, running, _cpu_mhz() if frequency else None)


def figures(before: Reading, after: Reading, own: Usage) -> dict[str, float | None]:
    """How much of everything there was in one cell's timed part: columns of cells.csv. `own` is what its processes,
    clients and server, used in it together.

    None for what is counted in ticks where there were too few of them to be a share of.
    """
    found: dict[str, float | None] = {**_figures(before, after, own)}
    if _ticks(before, after) < FEWEST_TICKS:
        found |= {"steal_pct": None, "others_pct": None}
    return found


def flags(before: Reading, after: Reading, own: Usage, processes: int = 2) -> tuple[str, ...]:
    """The words for one cell's timed part; `processes` is how many are its own."""
    found = _figures(before, after, own)
    seconds = _seconds(before, after)
    cpus = os.cpu_count() or 1
    raised = {
        "steal": found["steal_pct"] > STEAL_PCT,
        "others": found["others_pct"] > max(OTHERS_PCT, 100 * OTHERS_TICKS / _ticks(before, after)),
        "pressure": found["pressure_pct"] > PRESSURE_PCT,
        "preempted": own.involuntary > max(INVOLUNTARY_PER_S * seconds, 10, own.voluntary),
        "queue": found["run_queue"] > max(cpus, processes) + QUEUE_BEYOND,
    }
    return tuple(word for word, is_so in raised.items() if is_so)


def _figures(before: Reading, after: Reading, own: Usage) -> dict[str, Any]:
    ticks = _ticks(before, after)
    others = after.busy_ticks - before.busy_ticks - own.cpu_ns / 1e9 * TICKS_PER_S
    pressure_us = (after.pressure_us - before.pressure_us) / _seconds(before, after)
    return {
        "steal_pct": 100 * (after.steal_ticks - before.steal_ticks) / ticks,
        "others_pct": 100 * max(0.0, others) / ticks,
        "pressure_pct": min(100.0, pressure_us / 1e4),  # reading takes time as well
        "run_queue": min(before.running, after.running),
        "load_1min": before.load_1min,
        "cpu_mhz": after.cpu_mhz,
    }


def _cpu_mhz() -> float | None:
    now = list(Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
    if now:
        return sum(int(each.read_text()) for each in now) / len(now) / 1000
    lines = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("cpu MHz")]
    return sum(float(line.partition(":")[2]) for line in lines) / len(lines) if lines else None


def _seconds(before: Reading, after: Reading) -> float:
    return max(after.at_ns - before.at_ns, 1) / 1e9


def _ticks(before: Reading, after: Reading) -> float:
    """Of all CPUs."""
    return _seconds(before, after) * TICKS_PER_S * (os.cpu_count() or 1)
