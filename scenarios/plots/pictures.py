"""The pictures of a run, each as PNG and SVG in its ``plots`` folder; nothing is measured and no display
needed.

Drawn from cells.csv alone, but for the distributions, which need the samples.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from rich.console import Console

from scenarios.common.errors import RunError
from scenarios.common.units import size
from scenarios.plan.cells import key_of
from scenarios.plots import clients_and_rates, drift, panels, style
from scenarios.plots.panels import Sheet
from scenarios.records import environment
from scenarios.records.store import Run, replace_file
from scenarios.statistics import figures
from scenarios.statistics.clients_and_rates import plain
from scenarios.statistics.figures import SamplesOf

matplotlib.use("Agg")

GRPC = "grpc-uds"
FLOOR = "noop"
CURVE_POINTS = 400
"""Points of one distribution curve: quantiles, evenly spaced up to the last 1%, which has a quarter of
them."""


def draw(run: Run, console: Console) -> list[Path]:
    """Draw all pictures a run has the data for; returns the PNG files. Says which were skipped, and why."""
    rows = run.rows()
    if not rows:
        raise RunError(f"{run.folder} has no finished cell to draw")
    cells = figures.frame(rows)
    run.plots_folder.mkdir(exist_ok=True)
    single = plain(cells)
    with style.applied():
        sheets = {"latency": _latency(single), "cost": _cost(single)} if len(single) else {}
        sheets["drift"] = drift.sheet(figures.frame(rows, every_attempt=True))
        sheets |= clients_and_rates.sheets(cells)
        if GRPC in set(single["contender"]):
            sheets["speedup"] = _speedup(single, run.samples_of)
        elif len(single):
            console.print(f"speedup skipped: {GRPC} is not in this run", highlight=False)
        if run.has_samples():
            sheets |= _distributions(run, single)
        else:
            console.print("distributions skipped: this run has no samples beside it", highlight=False)
        footer = environment.in_one_line(run.environment())
        drawn = [_save(sheet, run, name, footer) for name, sheet in sheets.items()]
    console.print(f"{len(drawn)} plots in {run.plots_folder}", highlight=False)
    return drawn


def _save(sheet: Sheet, run: Run, name: str, footer: str) -> Path:
    sheet.footer(f"{footer}\nrun {run.id}")
    png = run.plots_folder / f"{name}.png"
    # Without a date, drawing twice gives the same file.
    for path in (png, png.with_suffix(".svg")):
        drawn = io.BytesIO()
        sheet.figure.savefig(drawn, format=path.suffix[1:], metadata={"Date": None} if path != png else None)
        replace_file(path, drawn.getvalue())
    return png


def _latency(cells: pd.DataFrame) -> Sheet:
    """p50 and p99 against payload size, the interval over repeats as a ribbon."""
    lines = figures.summary(cells)
    title = "Round-trip latency (p99 where a repeat has 1,000 calls or more)"
    return panels.grid(
        lines,
        title,
        [
            panels.Row("p50 [µs]", "p50_us", "p50_low", "p50_high"),
            panels.Row("p99 [µs]", "p99_us", "p99_low", "p99_high"),
        ],
    )


def _cost(cells: pd.DataFrame) -> Sheet:
    """Latency, and beside it what it costs: CPU time of both processes per call."""
    return panels.grid(
        figures.summary(cells),
        "Latency and what it costs: CPU time per call, client and server together",
        [
            panels.Row("p50 [µs]", "p50_us", "p50_low", "p50_high"),
            panels.Row("CPU per call [µs]", "cpu_us"),
        ],
        same_scale=True,
    )


def _speedup(cells: pd.DataFrame, samples: SamplesOf) -> Sheet:
    """How many times faster than gRPC over a Unix socket, paired within repeats."""
    ratios = figures.ratios(cells[cells["contender"] != FLOOR], GRPC, samples=samples)
    # Upside down: a ratio of latencies says how much slower, the picture how much faster.
    lines = ratios.assign(times=1 / ratios["ratio"], times_low=1 / ratios["high"], times_high=1 / ratios["low"])
    return panels.grid(
        lines,
        f"Speed-up over {GRPC} (ratio of p50 within each repeat)",
        [panels.Row(f"times faster than {GRPC}", "times", "times_low", "times_high")],
        reference=1.0,
    )


def _distributions(run: Run, cells: pd.DataFrame) -> dict[str, Sheet]:
    """One picture per scenario and payload size: the share of calls that were at most so slow, all
    repeats."""
    sheets = {}
    for (scenario, payload_bytes), each in cells.groupby(["scenario", "payload_bytes"], sort=True):
        lanes = sorted(set(each["lane"]))
        title = f"{scenario}: every call of {size(float(str(payload_bytes)))}, all repeats"

        def fill(axes: Axes, lane: str, part: pd.DataFrame = each) -> None:
            _distribution(run, axes, part[part["lane"] == lane])

        name = f"ecdf_{str(scenario).replace('/', '-')}_{size(float(str(payload_bytes))).replace(' ', '')}"
        sheets[name] = _row_of_lanes(title, lanes, style.ordered(each["contender"]), fill)
    return sheets


def _row_of_lanes(title: str, lanes: list[str], contenders: list[str], fill: Callable[[Axes, str], None]) -> Sheet:
    sheet = Sheet(len(lanes), 1)
    drawn = sheet.panels.subplots(1, len(lanes), sharex=True, sharey=True, squeeze=False)[0]
    for axes, lane in zip(drawn, lanes, strict=True):
        fill(axes, lane)
        axes.set_title(f"lane {lane}")
    drawn[0].set_ylabel("share of calls [%]")
    sheet.finish(title, contenders)
    return sheet


def _distribution(run: Run, axes: Axes, cells: pd.DataFrame) -> None:
    shares = np.concatenate(
        [np.linspace(0, 0.99, CURVE_POINTS * 3 // 4), 1 - np.geomspace(0.01, 1e-5, CURVE_POINTS // 4)]
    )
    for contender in style.ordered(cells["contender"]):
        mine = cells[cells["contender"] == contender].to_dict("records")
        found = [run.samples(key_of({str(k): v for k, v in row.items()})) for row in mine]
        kept = [samples for samples in found if samples is not None]
        if not kept:
            continue
        latencies = np.concatenate(kept) / 1000
        look = style.of(contender)
        axes.plot(np.quantile(latencies, shares), shares * 100, markevery=0.13, **look)
    axes.set_xscale("log")
    panels.plain_numbers(axes.xaxis)
    axes.set_xlabel("latency [µs]")
    axes.set_ylim(-2, 102)
