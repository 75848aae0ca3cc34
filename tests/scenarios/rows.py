"""Rows of cells.csv and whole runs, made up for the tests of what is computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.plan.cells import key_of
from scenarios.plan.circumstances import DEFAULTS
from scenarios.plan.scenario import Block, Scenario
from scenarios.records import store
from scenarios.records.store import COLUMNS, Run

AXES = {
    "scenario": "s",
    "lane": "json",
    "payload_bytes": "100",
    "clients": "1",
    "load": "closed",
    "repeat": "0",
    **{axis: str(of) for axis, of in DEFAULTS.items()},
}


def row(contender: str = "shm", **values: object) -> dict[str, str]:
    """A row, empty but for its axes and what is given."""
    return dict.fromkeys(COLUMNS, "") | AXES | {"contender": contender} | {name: str(of) for name, of in values.items()}


def repeats(contender: str, p50: Iterable[float], **values: object) -> list[dict[str, str]]:
    """A row for each p50."""
    return [row(contender, repeat=i, p50_us=each, **values) for i, each in enumerate(p50)]


def run_of(
    folder: Path,
    rows: list[dict[str, str]],
    environment: Mapping[str, Any] | None = None,
    samples: Mapping[int, np.ndarray] | None = None,
    **block: Any,
) -> Run:
    """A finished run of scenario `s` with these rows; `samples` by number of the row, `block` fields as given."""
    defaults: dict[str, Any] = {
        "name": "",
        "contenders": {"json": ("shm",)},
        "method": "echo",
        "payloads": {"json": "document"},
        "payload_sizes": (100,),
        "calls": (10,),
        "warmup_calls": 0,
        "seconds": 1.0,
        "clients": (1,),
        "load": ("closed",),
    }
    scenario = Scenario("s", "", (Block(**defaults | block),), 1, 1, 1.0)
    folder.mkdir(parents=True)
    run = Run(folder)
    run.write_json("run.json", {"run_id": run.id, "state": store.FINISHED, "scenario": scenario.resolved()})
    run.write_json("environment.json", environment or {"cpu": "one", "packages": {"orjson": "3"}})
    run.rewrite_rows([])
    for number, each in enumerate(rows):
        if samples and number in samples:
            run.append(key_of(each), each, samples[number].astype(np.int64))
    run.rewrite_rows(rows)
    return run
