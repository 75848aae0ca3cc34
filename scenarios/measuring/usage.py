"""What a process cost so far, from the operating system: CPU time, context switches, resident memory. Linux.

Readings are differences waiting to be taken: read before and after, subtract with :meth:`Usage.since`.
"""

from __future__ import annotations

import dataclasses
import resource
import time
from pathlib import Path


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

    def __add__(self, other: Usage) -> Usage:
        """The costs of two processes together."""
        return Usage(
            self.cpu_ns + other.cpu_ns,
            self.voluntary + other.voluntary,
            self.involuntary + other.involuntary,
            self.rss_mib + other.rss_mib,
        )

    def since(self, before: Usage) -> Usage:
        """The costs between two readings; the memory is that of the later one."""
        return Usage(
            self.cpu_ns - before.cpu_ns,
            self.voluntary - before.voluntary,
            self.involuntary - before.involuntary,
            self.rss_mib,
        )


def of_self() -> Usage:
    """This process. Two system calls and one small file, about 20 µs."""
    rss_mib = _rss_mib(Path("/proc/self/status").read_text())
    spent = resource.getrusage(resource.RUSAGE_SELF)
    # Last, so that reading the rest is not charged to what follows.
    return Usage(time.process_time_ns(), spent.ru_nvcsw, spent.ru_nivcsw, rss_mib)


def of_process(pid: int) -> Usage:
    """Another process of this user. Raises :class:`ProcessLookupError` when it is gone.

    CPU time is its POSIX CPU clock: ns, threads that have ended included. Switches are summed over the
    threads alive now, as Linux gives no total for another process; a thread that ends between two readings
    takes its switches with it.
    """
    voluntary = involuntary = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            try:
                status = (task / "status").read_text()
            except FileNotFoundError:
                continue  # the thread ended between the listing and the reading
            voluntary += _number(status, "voluntary_ctxt_switches:")
            involuntary += _number(status, "nonvoluntary_ctxt_switches:")
        rss_mib = _rss_mib(Path(f"/proc/{pid}/status").read_text())
        # clock_getcpuclockid(3) for a process, which Python only has for threads: ~pid << 3 | CPUCLOCK_SCHED.
        cpu_ns = time.clock_gettime_ns((~pid << 3) | 2)
    except OSError as error:
        raise ProcessLookupError(f"process {pid} is gone") from error
    return Usage(cpu_ns, voluntary, involuntary, rss_mib)


def _number(status: str, field: str) -> int:
    start = status.index("\n" + field) + len(field) + 1
    return int(status[start : status.index("\n", start)].split()[0])


def _rss_mib(status: str) -> float:
    return _number(status, "VmRSS:") / 1024
