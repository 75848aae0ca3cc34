"""What a replay leaves: ``results/replay-<time>/`` beside the runs of scenarios, which it is none of.

replay.json      every figure, and where and with what it was measured
latencies.npz    every latency, ns: one array per function, contender and round, which replay.json names
replay.png, .svg the picture
report.html      all of it as a page that needs no other file
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from scenarios.pages import page as pages
from scenarios.plots import splitting
from scenarios.records import environment
from scenarios.records.store import replace_file
from scenarios.replay import document, page
from scenarios.replay.study import Study

KIND, FILE = "replay", "replay.json"
"""Of its folder's name; in it."""


def write(study: Study, folder: Path, command: str) -> dict[str, Any]:
    """Everything. Returns what is in replay.json."""
    replay = study.prepared.replay
    instances = [replay.contenders[work.carrier.contender](work.carrier.lane) for work in replay.works]
    about = environment.describe(instances, replay.seed, command)
    arrays, names = _latencies(study)
    saved = io.BytesIO()
    np.savez_compressed(saved, **arrays)
    replace_file(folder / "latencies.npz", saved.getvalue())
    found = {**document.of_study(study), "environment": about, "latencies": names}
    replace_file(folder / FILE, json.dumps(found, indent=2).encode() + b"\n")
    drawn = splitting.sheet(found["functions"], environment.in_one_line(about))
    png = drawn.png() if drawn else None
    if drawn and png:
        replace_file(folder / "replay.png", png)
        replace_file(folder / "replay.svg", drawn.svg())
    replace_file(folder / pages.FILE, page.render(study, png, environment.in_one_line(about)).encode())
    return found


def _latencies(study: Study) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The arrays by the names they have in the file, and what each is of."""
    arrays: dict[str, Any] = {}
    names: dict[str, dict[str, Any]] = {}

    def add(latency_ns: bytes, passes: int, **of: Any) -> None:
        key = f"{len(arrays):04}"
        arrays[key] = np.frombuffer(latency_ns, np.int64).reshape(passes, -1)
        names[key] = of

    for (function, contender), rounds in study.measured.timed.items():
        for number, timed in rounds.items():
            add(
                timed.latency_ns,
                timed.passes,
                load="back to back",
                function=function,
                contender=contender,
                round=number,
            )
    for contender, kept in study.measured.kept.items():
        add(kept.latency_ns, 1, load="recorded rhythm", contender=contender)
        add(kept.late_ns, 1, load="recorded rhythm, late", contender=contender)
    return arrays, names
