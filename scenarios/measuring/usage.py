"""What a process cost so far, from the operating system: CPU time, context switches, resident memory. Linux.

Readings are differences waiting to be taken: read before and after, subtract with :meth:`Usage.since`.
"""

from __future__ import annotations

import dataclasses
import os
import resource
import time
from pathlib import Path

COMPUTING = "computing"
"""The name of a thread that computes beside the calls, see :mod:`scenarios.measuring.programs`."""
_NAMED_COMPUTING = f"Name:\t{COMPUTING}\n"


@dataclasses.dataclass(frozen=True)
class Usage:
    """One process's costs since it started, all its threads together."""

    cpu_ns: int
    """User and system CPU time, in ns."""
    voluntary: int
    """Context switches because it waited."""
    involuntary: int
    """Context switches because the scheduler took the CPU from it."""
    rss_mib: float
    """Resident memory at this moment, shared memory it has touched included."""
    faults: int = 0
    """Pages the kernel had to find memory for: of a heap that grows, or was given back and is taken again."""
    migrations: int = 0
    """How often the scheduler has moved one of its threads to another CPU."""
    on_cpu: int | None = None
    """The CPU that its main thread ran on last."""

    def __add__(self, other: Usage) -> Usage:
        """The costs of two processes together."""
        return Usage(
            self.cpu_ns + other.cpu_ns,
            self.voluntary + other.voluntary,
            self.involuntary + other.involuntary,
            self.rss_mib + other.rss_mib,
            self.faults + other.faults,
            self.migrations + other.migrations,
        )

    def since(self, before: Usage) -> Usage:
        """The costs between two readings; the memory is that of the later one, the CPU that of both."""
        return Usage(
            self.cpu_ns - before.cpu_ns,
            self.voluntary - before.voluntary,
            self.involuntary - before.involuntary,
            self.rss_mib,
            self.faults - before.faults,
            self.migrations - before.migrations,
            self.on_cpu if self.on_cpu == before.on_cpu else None,
        )


def of_self() -> Usage:
    """This process. Two system calls and some small files, about 100 µs."""
    own = os.getpid()
    rss_mib = _rss_mib(Path("/proc/self/status").read_text())
    moved = _migrations(Path(f"/proc/self/task/{own}"))
    on_cpu = _on_cpu(own)
    computing = _computing(own)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    voluntary, involuntary = spent.ru_nvcsw - computing.voluntary, spent.ru_nivcsw - computing.involuntary
    # Last, so that reading the rest is not charged to what follows.
    cpu_ns = time.process_time_ns() - computing.cpu_ns
    return Usage(cpu_ns, voluntary, involuntary, rss_mib, spent.ru_minflt, moved, on_cpu)


def of_process(pid: int) -> Usage:
    """Another process of this user, with the processes it has started, if any: a server's workers. Raises
    :class:`ProcessLookupError` when it is gone."""
    total = _of_one(pid)
    for child in _children(pid):
        try:
            total += of_process(child)
        except ProcessLookupError:
            continue  # it ended between the listing and the reading
    return total


def _children(pid: int) -> list[int]:
    """Of all its threads; none where the kernel does not say."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except OSError:
            continue
    return found


def _of_one(pid: int) -> Usage:
    """Of one process.

    CPU time is its POSIX CPU clock: ns, threads that have ended included. Switches are summed over the
    threads alive now, as Linux gives no total for another process; a thread that ends between two readings
    takes its switches with it. A thread named :data:`COMPUTING` is none of the contender's and is left out.
    """
    voluntary = involuntary = moved = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            try:
                status = (task / "status").read_text()
            except FileNotFoundError:
                continue  # the thread ended between the listing and the reading
            if status.startswith(_NAMED_COMPUTING):
                continue
            moved += _migrations(task)
            voluntary += _number(status, "voluntary_ctxt_switches:")
            involuntary += _number(status, "nonvoluntary_ctxt_switches:")
        rss_mib = _rss_mib(Path(f"/proc/{pid}/status").read_text())
        faults, on_cpu = _faults(pid), _on_cpu(pid)
        computing = _computing(pid)
        # clock_getcpuclockid(3) for a process, which Python only has for threads: ~pid << 3 | CPUCLOCK_SCHED.
        cpu_ns = time.clock_gettime_ns((~pid << 3) | 2) - computing.cpu_ns
    except OSError as error:
        raise ProcessLookupError(f"process {pid} is gone") from error
    return Usage(cpu_ns, voluntary, involuntary, rss_mib, faults, moved, on_cpu)


def _number(status: str, field: str) -> int:
    start = status.index("\n" + field) + len(field) + 1
    return int(status[start : status.index("\n", start)].split()[0])


def _computing(pid: int) -> Usage:
    """What the threads of that name have cost, which are there because a program has some."""
    found = Usage(0, 0, 0, 0.0)
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            if (task / "comm").read_text().strip() != COMPUTING:
                continue
            status, cpu_ns = (task / "status").read_text(), int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            continue
        voluntary, involuntary = (_number(status, f"{kind}voluntary_ctxt_switches:") for kind in ("", "non"))
        found += Usage(cpu_ns, voluntary, involuntary, 0.0)
    return found


def _migrations(task: Path) -> int:
    """Of one thread; 0 where the kernel does not say."""
    try:
        return _number((task / "sched").read_text().replace(" ", ""), "se.nr_migrations:")
    except OSError:
        return 0


def _faults(pid: int) -> int:
    return int(_stat(pid)[9])


def _on_cpu(pid: int) -> int:
    return int(_stat(pid)[38])


def _stat(pid: int) -> list[str]:
    """The fields of proc(5)'s stat, from 0; the name, which may hold anything, is one."""
    number, _, rest = Path(f"/proc/{pid}/stat").read_text().partition(" (")
    name, _, fields = rest.rpartition(") ")
    return [number, name, *fields.split()]


def _rss_mib(status: str) -> float:
    return _number(status, "VmRSS:") / 1024
