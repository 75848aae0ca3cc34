"""Runs one suite in one way and reads what its tests came to."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from . import environment
from .catalogue import Package

Outcomes = dict[str, dict[str, Any]]
"""By test: what :mod:`.plugin` has written about it."""

SUITE_SECONDS = 1800.0


def run(package: Package, over: str) -> Outcomes:
    """Raises RuntimeError when no test could be run, or pytest itself has failed."""
    file = environment.OUTCOMES / f"{package.name}-{over}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    ini = str(environment.ROOT / "split_tests" / "pytest.ini")
    own = ["-p", "split_tests.plugin", "--split", package.name, "--over", over, "--outcomes", str(file)]
    command = [
        str(environment.PYTHON),
        "-m",
        "pytest",
        "-c",
        ini,
        "--rootdir",
        ".",
        *own,
        *package.pytest,
        *package.tests,
    ]
    log = file.with_suffix(".log")
    with log.open("w") as output:
        done = subprocess.run(
            command,
            cwd=environment.suite(package),
            env=environment.variables(),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=SUITE_SECONDS,
            check=False,
        )
    if done.returncode not in (0, 1) or not file.exists():  # 1: tests have failed
        raise RuntimeError(f"{package.name} over {over}: pytest ended with {done.returncode}, see {log}")
    return recorded(package, over)


def recorded(package: Package, over: str) -> Outcomes:
    """Of the last run."""
    file = environment.OUTCOMES / f"{package.name}-{over}.jsonl"
    return {entry["test"]: entry for entry in map(json.loads, file.read_text().splitlines())}
