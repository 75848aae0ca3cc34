"""Where and with what a run was made: everything a reader needs to say whether two runs may be compared."""

from __future__ import annotations

import mmap
import os
import platform
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from contenders import garbage
from contenders.interface import Contender

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = (
    *("shm-rpc-bridge", "posix-ipc", "orjson", "msgspec", "grpcio", "protobuf", "pyzmq", "iceoryx2", "callserver"),
    *("pynng", "Pyro5", "rpyc", "starlette", "uvicorn", "uvloop", "httptools", "httpx", "httpcore"),
    *("numpy", "scipy", "pandas", "matplotlib"),
)
CODE = ("git_commit", "git_dirty")
"""The state of the project's code that was measured."""
SAME = ("cpu", "cpus_usable", "kernel", "python", "packages", "virtualization", *CODE)
"""What must agree for cells to belong into one run."""

MATTERS = (
    *("architecture", "cpu", "cpus", "cpus_usable", "kernel", "virtualization", "governor", "clock_source", "python"),
)
"""What must agree for two runs to be compared, and the versions of all packages that can run inside a timed call."""
NOT_TIMED = ("shm-rpc-bridge", "numpy", "scipy", "pandas", "matplotlib")
"""Of the packages, those that do not: the harness' own. And the project, whose change is what one compares."""


def describe(contenders: Iterable[Contender], seed: int, command: str) -> dict[str, Any]:
    """environment.json of a run that begins now: JSON types, null where the machine does not say."""
    found = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "cpu": _cpu_model(),
        "architecture": platform.machine(),
        "cpus": os.cpu_count(),
        "cpus_usable": sorted(os.sched_getaffinity(0)),
        "memory_mib": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "kernel": platform.release(),
        "system": _os_name(),
        "virtualization": _virtualization(),
        "governor": _first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "clock_source": _first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "load_average": list(os.getloadavg()),
        "python": " ".join(
            (platform.python_implementation(), platform.python_version(), f"({platform.python_compiler()})")
        ),
        "packages": {name: _version(name) for name in PACKAGES},
        "git_commit": _git("rev-parse", "HEAD"),
        "git_dirty": None if (changes := _git("status", "--porcelain")) is None else bool(changes),
        "seed": seed,
        "timer": {
            "name": "time.perf_counter_ns",
            "resolution_ns": time.get_clock_info("perf_counter").resolution * 1e9,
            "cost_ns": timer_cost_ns(),
        },
        "page_fault_us": page_fault_us(),
        "gc": garbage.POLICY,
    }
    settings: dict[str, dict[str, dict[str, str]]] = {}
    for contender in contenders:
        settings.setdefault(contender.name, {})[contender.lane] = dict(contender.settings())
    return found | {"settings": settings}


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What of :data:`SAME` two environments disagree on, with both values."""
    one, other = (each.get("packages") or {} for each in (before, now)) if "packages" in SAME else ({}, {})
    found = _differing([name for name in SAME if name != "packages"], before, now, "now")
    return found + _differing(one | other, one, other, "now")


def incomparable(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What matters and differs between two environments, with both values."""
    one, other = (each.get("packages") or {} for each in (before, after))
    # A package that one of them does not have: what needs it was not measured there.
    both = [name for name in one if one[name] and other.get(name) and name not in NOT_TIMED]
    return _differing(MATTERS, before, after, "after") + _differing(both, one, other, "after")


def _differing(names: Iterable[str], before: dict[str, Any], after: dict[str, Any], when: str) -> list[str]:
    return [
        f"{name}: {before.get(name)} before, {after.get(name)} {when}"
        for name in names
        if before.get(name) != after.get(name)
    ]


def in_one_line(environment: dict[str, Any]) -> str:
    """The machine, for a footer."""
    cpus = len(environment.get("cpus_usable") or [])
    virtual = environment.get("virtualization")
    parts = [
        f"{environment.get('cpu')}, {cpus} CPU{'s' if cpus != 1 else ''}{f' ({virtual})' if virtual else ''}",
        f"Linux {environment.get('kernel')}",
        str(environment.get("python")).split(" (")[0],
        f"commit {str(environment.get('git_commit'))[:10]}{'+' if environment.get('git_dirty') else ''}",
        str(environment.get("taken"))[:10],
    ]
    return " · ".join(parts)


def timer_cost_ns(rounds: int = 20_000) -> float:
    """Median ns between two stamps with nothing between them: what is in every latency of the results."""
    clock = time.perf_counter_ns
    gaps = sorted(-(clock() - clock()) for _ in range(rounds))
    return float(gaps[rounds // 2])


def page_fault_us(pages: int = 2000) -> float:
    """µs that the first write to a page of fresh memory takes: the median of some rounds."""
    page = mmap.PAGESIZE
    rounds = []
    for _ in range(5):
        with mmap.mmap(-1, pages * page) as memory:
            memory.madvise(mmap.MADV_NOHUGEPAGE)
            start = time.perf_counter_ns()
            for at in range(0, pages * page, page):
                memory[at] = 1
            rounds.append(time.perf_counter_ns() - start)
    return sorted(rounds)[2] / pages / 1000


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.lower().startswith(("model name", "hardware")):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _os_name() -> str:
    with suppress(OSError):
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    return platform.system()


def _virtualization() -> str | None:
    """The hypervisor or container manager, by the first of the usual signs; None on bare metal."""
    if Path("/.dockerenv").exists():
        return "docker"
    with suppress(OSError):
        if " hypervisor" in Path("/proc/cpuinfo").read_text():
            return _first_line("/sys/class/dmi/id/sys_vendor") or "virtual machine"
    return None


def _first_line(path: str) -> str | None:
    with suppress(OSError):
        return Path(path).read_text().strip() or None
    return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    """git's answer about this project's checkout; None without git or outside of a checkout."""
    try:
        done = subprocess.run(
            ["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
