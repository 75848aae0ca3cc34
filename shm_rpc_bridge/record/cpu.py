"""CPU time of this process and of its children, living ones as well: between two readings, what they took meanwhile."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> tuple[float, float]:
    """Of all threads of this process; and of its children: those it has waited for, and those that live."""
    used = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    own, ended = (each.ru_utime + each.ru_stime for each in used)
    return own, ended + sum(children().values())


def children() -> dict[str, float]:
    """By command line, of each child that lives, and of its own children that it has waited for. None where the kernel
    does not tell: then only those that have ended are counted.
    """
    found: dict[str, float] = {}
    for number in _numbers():
        with contextlib.suppress(OSError):  # of one that has just ended
            command = Path(f"/proc/{number}/cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
            name = command.decode("utf-8", "backslashreplace")
            found[name] = found.get(name, 0.0) + _of_process(int(number))
    return found


def _numbers() -> list[str]:
    found = []
    for task in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # of a thread that has just ended
            found += task.read_text().split()
    return found


def _of_process(number: int) -> float:
    """Its own to the nanosecond, that of its children in hundredths of a second."""
    own = time.clock_gettime((~number << 3) | 2)  # the clock of a process, as clock_getcpuclockid(3) makes it
    fields = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return own + sum(map(int, fields[13:15])) / _TICKS_PER_S
