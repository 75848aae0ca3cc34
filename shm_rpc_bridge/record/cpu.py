"""CPU time of this process and of its children, living ones as well: between two readings, what they took meanwhile."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> tuple[float, float]:
    """Of all threads of this process; and of its children: those it has waited for, and those that live."""
    used = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    own, ended = (each.ru_utime + each.ru_stime for each in used)
    return own, ended + sum(map(_of_process, _children()))


def _children() -> list[str]:
    """Numbers of processes. None where the kernel does not tell: then only those that have ended are counted."""
    found = []
    for task in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # of a thread that has just ended
            found += task.read_text().split()
    return found


def _of_process(number: str) -> float:
    """And of its own children that it has waited for; 0 for one that has ended meanwhile."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS_PER_S
