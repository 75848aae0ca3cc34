"""What a process may use of the machine's CPUs: which of them, and how much. Linux.

A share of their time is a cgroup's quota, as containers have it; making one takes root, or a cgroup that was delegated.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

PERIOD_US = 100_000
"""The kernel's default, and that of container runtimes."""
_PATIENCE_S = 5.0
V1, V2 = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup")


def why_no_quota(beside: str) -> str:
    """Why what is asked for beside the calls cannot be had here: of a quota; else empty."""
    if not beside.startswith("quota-"):
        return ""
    try:
        with limited(1.0):
            return ""
    except OSError as error:
        return f"for a CPU quota takes a cgroup, and none can be made here: {error}"


def why_no_placement(placement: str) -> str:
    """Why processes cannot be placed so here; empty when they can."""
    usable = len(os.sched_getaffinity(0))
    return f"for it takes two CPUs, and {usable} can be used" if placement == "apart" and usable < 2 else ""


@contextlib.contextmanager
def limited(cpus: float) -> Iterator[None]:
    """Whatever process is started meanwhile may use that many CPUs, together with all others started so.

    Raises OSError. This process itself is moved into the group and out again: children are where their parent is.
    """
    base = V2 if (V2 / "cgroup.controllers").exists() else V1
    before = _group_of_self(base)
    group = base / f"bench-{os.getpid()}"
    group.mkdir()
    try:
        _limit(group, base == V2, cpus)
        (group / "cgroup.procs").write_text(str(os.getpid()))
        yield
    finally:
        _remove(group, before)


@contextlib.contextmanager
def pinned(cpus: set[int] | None) -> Iterator[None]:
    """Whatever process is started meanwhile runs on these CPUs; None: on those it would."""
    before = os.sched_getaffinity(0)
    if cpus is not None:
        os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin(pid: int, cpus: set[int]) -> None:
    """Have every thread of a process run on these CPUs from now on."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # ended meanwhile
            os.sched_setaffinity(int(task.name), cpus)


def _limit(group: Path, is_v2: bool, cpus: float) -> None:
    quota = round(cpus * PERIOD_US)
    if is_v2:
        (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
    else:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(quota))


def _group_of_self(base: Path) -> Path:
    """Where this process is: of cgroup's version 2 line "0::/path", of version 1 that of the controller cpu."""
    pattern = r"^0::(.*)$" if base == V2 else r"^\d+:(?:[^:]*,)?cpu(?:,[^:]*)?:(.*)$"
    found = re.search(pattern, Path("/proc/self/cgroup").read_text(), re.MULTILINE)
    return base / found[1].lstrip("/") if found and (base / found[1].lstrip("/")).is_dir() else base


def _remove(group: Path, before: Path) -> None:
    """Once its last process is gone, which may take a moment after it was waited for; who lives on, as this one and
    multiprocessing's tracker, goes back."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (before / "cgroup.procs").write_text(pid)
        try:
            group.rmdir()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
