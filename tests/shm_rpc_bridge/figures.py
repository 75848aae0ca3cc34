"""What the soak measures: rows of a CSV file, each replaced when it is measured again."""

import contextlib
import csv
import os
import platform
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, TypeVar

COLUMNS = ("fault", "what", "value", "unit", "n", "scale", "when", "commit", "machine")
"""fault: id of the row in faults.toml; n: how many times it was tried; scale: 1 for the whole soak."""

Item = TypeVar("Item")


class Figures:
    """A test's figures and its progress. For one test, one thread."""

    def __init__(self, file: Optional[str], scale: float, capture: Any) -> None:
        """Without `file` nothing is kept; without `capture`, pytest's capture manager, nothing is shown."""
        self._file = Path(file) if file else None
        self._scale = scale
        self._capture = capture

    def scaled(self, number: int) -> int:
        """`number` shortened as asked for with --scale, at least 1."""
        return max(1, round(number * self._scale))

    def record(self, fault: str, what: str, value: float, unit: str, n: int) -> None:
        """Keep one figure, in place of an earlier one of that name."""
        shown = str(value) if isinstance(value, int) else f"{value:.4g}"
        self.show(f"{fault}: {what}: {shown} {unit} (n = {n:,})")
        if self._file is not None:
            row = {"fault": fault, "what": what, "value": shown, "unit": unit, "n": n, "scale": self._scale}
            _replace(self._file, {**row, **_about()})

    def progress(self, what: str, items: Iterable[Item], every: float = 5.0) -> Iterator[Item]:
        """The items, saying every so many seconds how many have been done."""
        total = len(items) if hasattr(items, "__len__") else None  # type: ignore[arg-type]
        start = last = time.monotonic()
        for number, item in enumerate(items):
            if time.monotonic() - last >= every:
                last = time.monotonic()
                of = f" of {total:,}" if total is not None else ""
                self.show(f"{what}: {number:,}{of}, {last - start:.0f} s")
            yield item

    def show(self, line: str) -> None:
        """Print it past pytest's capturing, when this is a soak."""
        if self._capture is not None:
            with self._capture.global_and_fixture_disabled():
                print(f"\n  {line}", end="", file=sys.stderr, flush=True)


def _about() -> Dict[str, str]:
    return {
        "when": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M"),
        "commit": _commit(),
        "machine": f"{_cpu()}, {os.cpu_count()} CPUs, Linux {platform.release()}, Python {platform.python_version()}",
    }


def _commit() -> str:
    """Of the code that was tested; its figures change while they are measured."""
    project = Path(__file__).parent.parent.parent
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        commit = _git(project, "rev-parse", "--short=10", "HEAD").strip()
        return commit + "-dirty" * bool(_git(project, "status", "--porcelain", "shm_rpc_bridge", "tests"))
    return "unknown"


def _git(project: Path, *arguments: str) -> str:
    command = ["git", "-C", str(project), *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _replace(file: Path, row: Dict[str, Any]) -> None:
    rows: List[Dict[str, Any]] = []
    if file.exists():
        with file.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
    key = row["fault"], row["what"]
    places = [place for place, old in enumerate(rows) if (old["fault"], old["what"]) == key]
    if places:
        rows[places[0]] = row
    else:
        rows.append(row)
    fresh = file.with_suffix(".new")
    with fresh.open("w", newline="") as lines:
        writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    fresh.replace(file)
