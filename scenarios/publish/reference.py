"""The committed run: how one becomes ``results/reference``, and its tables as Markdown."""

from __future__ import annotations

import csv
import math
import re
import shutil
from pathlib import Path

import pandas as pd

from scenarios.common.errors import RunError
from scenarios.common.units import pair, size
from scenarios.plan.cells import GROUP
from scenarios.publish import reliability
from scenarios.records import environment
from scenarios.records.store import FINISHED, Run
from scenarios.statistics import figures
from scenarios.statistics.figures import BASE

KEPT = ("cells.csv", "environment.json", "run.json", "failures.json", "warnings.json", "plots", "report.html")
"""What of a run is committed: all but the samples, which are a hundred times as large."""
FOOTPRINT = "library.csv"
"""What ``make footprint`` has measured of the library beside its calls."""
OF_OTHER_TOOLS = (FOOTPRINT, reliability.FIGURES, "split_tests.csv")
"""They stay in the reference when a run takes it over."""
HEADINGS = {
    "native": "Text, as a user of each sends it (lane `native`): JSON for shm, protobuf for gRPC, frames for ZeroMQ",
    "pickle": "Python objects (dataclass, datetime, tuple, nested lists), pickled by everybody (lane `pickle`)",
    "json": "The same nested document through orjson for everybody (lane `json`)",
    "bytes": "Raw bytes, no codec (lane `bytes`): the transport alone, for shm `SharedMemoryTransport`",
}


def publish(run: Run, results: Path) -> Path:
    """Make a finished run the reference, without its samples; returns its folder.

    Raises :class:`RunError` for a run that is unfinished, or has failed cells, or a part of which was made of
    uncommitted code.
    """
    if run.about().get("state") != FINISHED:
        raise RunError(f"{run.folder} is not finished")
    if run.failures():
        raise RunError(f"{run.folder} has failed cells: {', '.join(run.failures())}")
    about = run.environment()
    if any(part.get("git_dirty") for part in (about, *about.get("resumed", []))):
        raise RunError(f"{run.folder} was made with uncommitted changes: nobody could repeat it")
    target, fresh = results / "reference", results / ".reference"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name in KEPT:
        source = run.folder / name
        if source.is_dir():
            shutil.copytree(source, fresh / name)
        elif source.exists():
            shutil.copy2(source, fresh / name)
    for name in OF_OTHER_TOOLS:
        if (target / name).exists():
            shutil.copy2(target / name, fresh / name)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target


def section(run: Run) -> str:
    """The reference run as Markdown for a page in ``docs``: a table per lane and the picture."""
    cells = figures.headline(figures.frame(run.rows()))
    lines = figures.summary(cells)
    ratio = figures.ratios(cells, BASE, samples=run.samples_of).set_index(list(GROUP))["ratio"]
    parts = [
        "Median round trip in µs, by payload; the rest for the smallest one. CPU (µs) and context switches are per "
        "call; CPU and resident memory (MiB) client + server, switches voluntary + involuntary of both; *cold* is "
        "connecting and the first call, in ms. "
        f"*x shm* is paired in each of {lines['repeats'].max()} repeats.",
        "",
    ]
    (first, title), *others = [(lane, title) for lane, title in HEADINGS.items() if lane in set(lines["lane"])]
    parts += [f"**{title}**", "", *_table(lines[lines["lane"] == first], ratio), ""]
    for lane, title in others:
        summary = re.sub("`(.*?)`", r"<code>\1</code>", title)
        table = _table(lines[lines["lane"] == lane], ratio)
        parts += [f"<details><summary>{summary}</summary>", "", *table, "", "</details>", ""]
    parts += [
        "![round trip of well-known ways to call another process](../results/reference/plots/first.png)",
        "",
        f"Measured on {environment.in_one_line(run.environment())}, by "
        f"`{run.environment()['command']}`; all but the single latencies is in `results/reference`.",
        "",
        *_footprint(run.folder / FOOTPRINT),
    ]
    return "\n".join(parts)


def _footprint(file: Path) -> list[str]:
    if not file.exists():
        return []
    with file.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    head = [
        "What the library costs beside its calls (`make footprint`):",
        "",
        "| | median | worst |",
        "|---|---:|---:|",
    ]
    each = "| {figure} | {median} {unit} | {worst} {unit} of {repeats} |"
    return [*head, *(each.format(**row) for row in rows), ""]


def _table(lines: pd.DataFrame, ratio: pd.Series[float]) -> list[str]:
    sizes = sorted(lines["payload_bytes"].unique())
    smallest = sizes[0]
    heads = [*(size(each) for each in sizes), f"p99 at {size(smallest)}", "CPU", "switches", "RSS", "cold", "x shm"]
    rows = ["| contender | " + " | ".join(heads) + " |", "|---|" + "---:|" * len(heads)]
    at_smallest = lines[lines["payload_bytes"] == smallest].set_index("contender")
    for contender in at_smallest.sort_values("p50_us").index:
        own = lines[lines["contender"] == contender].set_index("payload_bytes")
        line = at_smallest.loc[contender]
        group = tuple(line[axis] if axis != "contender" else contender for axis in GROUP)
        times = [figure(own["p50_us"].get(each, math.nan)) for each in sizes]
        rest = [
            _least(line["p99_us"], line["p99_of_all"]),
            pair(line["client_cpu_us_per_call"], line["server_cpu_us_per_call"]),
            pair(line["voluntary_switches_per_call"], line["involuntary_switches_per_call"], digits=1),
            pair(line["client_rss_mib"], line["server_rss_mib"], digits=0),
            figure(line["cold_start_ms"]),
            figure(ratio.get(group, math.nan)),
        ]
        name = f"**{contender}**" if contender == BASE else contender
        rows.append(f"| {name} | " + " | ".join([*times, *rest]) + " |")
    return rows


def _least(value: float, of_all: bool | None) -> str:
    """A percentile; marked where it is not of all repeats, empty where it says nothing."""
    return "" if of_all is None else f"{'' if of_all else '≥ '}{figure(value)}"


def figure(value: float) -> str:
    """A number for a table: three digits that matter, empty for NaN."""
    if math.isnan(value):
        return ""
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return re.sub(r"^0\.0+$", "0", text)
