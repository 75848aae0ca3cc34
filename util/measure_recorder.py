#!/usr/bin/env python3
"""What recording takes of a call, in the thread that calls: with it and without it in turns, in a loop of nothing else.

    python util/measure_recorder.py [NAME ...]

Each figure is the difference of the quickest blocks of both, µs; about a minute, run nothing beside it. `cold`: four
calls at a time, with other work between, and the median of those.
"""

import asyncio
import importlib
import pickle
import statistics
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, List, Tuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from shm_rpc_bridge.record import record

PROGRAM = {
    "__init__": "",
    "called": """
def function(value): return value
async def coroutine(value): return value
class Kind:
    def method(self, value): return value
""",
    "calling": """
from measured.called import Kind, coroutine, function
from time import perf_counter_ns

def block(calls, value):
    start = perf_counter_ns()
    for _ in range(calls): function(value)
    return perf_counter_ns() - start

def methods(calls, value):
    call = Kind().method
    start = perf_counter_ns()
    for _ in range(calls): call(value)
    return perf_counter_ns() - start

async def coroutines(calls, value):
    start = perf_counter_ns()
    for _ in range(calls): await coroutine(value)
    return perf_counter_ns() - start
""",
}
"""The module that calls is no part of what is recorded; with ``--package`` both are."""
NAMES = ("measured.called:function", "measured.called:coroutine", "measured.called:Kind.method")
ROUNDS, BLOCKS, CALLS = 3, 100, 512
SMALL = {"id": 7, "name": "cup", "price": 4.5, "tags": ["a", "b"]}

Case = Tuple[str, Any, Dict[str, Any]]
CASES: Dict[str, Case] = {
    "an int": ("block", 1, {}),
    "a dict": ("block", SMALL, {}),
    "a Decimal": ("block", Decimal("1.5"), {}),
    "an array of 4 KB": ("block", np.zeros(1000, np.float32), {}),
    "1000 floats": ("block", [1.5] * 1000, {}),
    "a method": ("methods", 1, {}),
    "async": ("coroutines", 1, {}),
    "cold": ("cold", 1, {}),
    "sample of 0.5": ("block", 1, {"sample": 0.5}),
    "sample of 0.01": ("block", 1, {"sample": 0.01}),
    "redacted": ("block", 1, {"redact": ["value"]}),
    "redacted, async": ("coroutines", 1, {"redact": ["value"]}),
    "package": ("block", 1, {"package": "measured"}),
    "shapes of an int": ("block", 1, {"payloads": "shapes"}),
    "shapes of a dict": ("block", SMALL, {"payloads": "shapes"}),
    "values, an int": ("block", 1, {"payloads": "values"}),
}


def blocks(calling: ModuleType, kind: str, value: Any) -> List[float]:
    """µs of a call, for each block."""
    if kind == "cold":
        return [_cold(calling.block, value) for _ in range(BLOCKS)]
    one: Callable[[int, Any], Any] = getattr(calling, kind)
    if kind != "coroutines":
        return [one(CALLS, value) / CALLS / 1000 for _ in range(BLOCKS)]

    async def all_of_them() -> List[float]:
        return [await one(CALLS, value) / CALLS / 1000 for _ in range(BLOCKS)]

    return asyncio.run(all_of_them())


def _cold(block: Callable[[int, Any], int], value: Any) -> float:
    pickle.loads(pickle.dumps([{"a": number, "b": str(number)} for number in range(2000)]))
    time.sleep(0.0002)
    return block(4, value) / 4 / 1000


def measure(calling: ModuleType, output: Path, case: Case) -> float:
    """µs that recording takes of a call."""
    kind, value, settings = case
    typical = statistics.median if kind == "cold" else min
    names = () if "package" in settings else NAMES
    without, recorded = [], []
    for _ in range(ROUNDS):
        without += blocks(calling, kind, value)
        with record(*names, output=output, force=True, **{"payloads": "sizes", **settings}):
            recorded += blocks(calling, kind, value)
    return typical(recorded) - typical(without)


def main(asked: List[str]) -> int:
    if unknown := [name for name in asked if name not in CASES]:
        print(f"there is no {', '.join(unknown)}; there are: {', '.join(CASES)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "measured"
        package.mkdir()
        for name, text in PROGRAM.items():
            (package / f"{name}.py").write_text(text)
        sys.path.insert(0, folder)
        calling = importlib.import_module("measured.calling")
        for name in asked or CASES:
            print(f"{name:16s} {measure(calling, Path(folder) / 'calls.rec', CASES[name]):6.2f} µs", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
