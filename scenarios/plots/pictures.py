"""The pictures of a run, each as PNG and SVG in its ``plots`` folder; nothing is measured and no display needed.

Drawn from cells.csv alone, so that a run without its samples is drawn like the day it was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from rich.console import Console

from scenarios.common.errors import RunError
from scenarios.plots import clients_and_rates, drift, latency, real, streams, style
from scenarios.plots.sheet import Sheet
from scenarios.records import environment
from scenarios.records.store import Run, replace_file
from scenarios.statistics import figures
from scenarios.statistics.real import by_case
from scenarios.statistics.streams import by_items

PREFERRED_LANE = "native"
"""Where one lane must do: what a user of each contender would write."""


def draw(run: Run, console: Console) -> list[Path]:
    """Draw all pictures a run has the data for; returns the PNG files."""
    drawn = []
    run.plots_folder.mkdir(exist_ok=True)
    for name, sheet in sheets(run).items():
        png = run.plots_folder / f"{name}.png"
        replace_file(png, sheet.png())
        replace_file(png.with_suffix(".svg"), sheet.svg())
        drawn.append(png)
    console.print(f"{len(drawn)} plots in {run.plots_folder}", highlight=False)
    return drawn


def sheets(run: Run) -> dict[str, Sheet]:
    """The pictures by name, finished. Raises :class:`RunError` for a run without a finished cell."""
    rows = run.rows()
    if not rows:
        raise RunError(f"{run.folder} has no finished cell to draw")
    cells = figures.frame(rows)
    with style.applied():
        found = of_latency(figures.headline(cells))
        found |= clients_and_rates.sheets(cells)
        found |= real.sheets(by_case(cells))
        found |= streams.sheets(by_items(cells))
        found["drift"] = drift.sheet(figures.frame(rows, every_attempt=True))
        return {name: sheet.finish(about(run)) for name, sheet in found.items()}


def about(run: Run) -> str:
    """The small print of all pictures: where and with what the data was taken."""
    return f"{environment.in_one_line(run.environment())} · run {run.about().get('run_id', run.id)}"


def of_latency(cells: pd.DataFrame) -> dict[str, Sheet]:
    """Those of one client back to back: `first`, `latency_LANE` for each lane, and `cost`."""
    cells = cells[cells["p50_us"].notna()]  # which of fewer than 20 calls is none
    if not len(cells):
        return {}
    parts = list(_parts(figures.summary(cells)))
    names = [name for name, _, _ in parts]
    found = {}
    _, lane, lines = parts[names.index(PREFERRED_LANE) if PREFERRED_LANE in names else 0]
    smallest = lines[lines["payload_bytes"] == lines["payload_bytes"].min()]
    found["first"] = latency.first(smallest, lane)
    for name, its_lane, part in parts:
        several = part["payload_bytes"].nunique() > 1
        found[f"latency_{name}"] = (latency.by_payload if several else latency.smallest)(part, its_lane)
    if smallest["server_cpu_us_per_call"].notna().any():
        found["cost"] = latency.cost(smallest, lane)
    return found


def _parts(lines: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """The lines of each scenario and lane with a name for a file, that of the lane, and, where a run has several
    scenarios, of the scenario; and with words for a title, the lane and the name of its table of cells."""
    several = lines["scenario"].nunique() > 1
    for scenario, part in lines.groupby("scenario", sort=True):
        _, _, block = str(scenario).partition("/")
        for lane in style.lanes(part["lane"]):
            name = f"{str(scenario).replace('/', '-')}_{lane}" if several else lane
            yield name, f"{lane}, {block}" if block else lane, part[part["lane"] == lane]
