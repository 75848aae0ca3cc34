"""The committed run: how one becomes ``results/reference``, and its tables as Markdown."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pandas as pd

from scenarios.common.errors import RunError
from scenarios.common.units import counts
from scenarios.publish import reliability
from scenarios.records import environment
from scenarios.records.store import DATA, FINISHED, REFERENCE, Run
from scenarios.statistics import figures
from scenarios.statistics.figures import BASE
from scenarios.tables import columns, of_run
from scenarios.tables.columns import Field
from scenarios.tables.markdown import markdown, of_frame

KEPT = ("cells.csv", "environment.json", "run.json", "failures.json", "warnings.json", "plots", "report.html")
"""What of a run is committed: all but the samples, which are a hundred times as large."""
FOOTPRINT = "library.csv"
"""What ``make footprint`` has measured of the library beside single calls."""
MONOLITH = "monolith"
"""What ``make monolith`` has found of ``examples/monolith``: a folder."""
OF_OTHER_TOOLS = (FOOTPRINT, reliability.FIGURES, "split_tests.csv", MONOLITH, DATA)
"""They stay in the reference when a run takes it over; so does the run of arrays and streams."""
BESIDE = (columns.P99, columns.LONGEST, columns.CPU, columns.SWITCHES, columns.RSS, columns.COLD, columns.RATIO)
AT_SMALLEST = [(each.heading, each.unit) for each in BESIDE]
"""Figures of the documents beside the medians, and the names of their columns."""


def publish(run: Run, results: Path) -> Path:
    """Make a finished run the reference, or that of its arrays and streams, without its samples; returns its folder.

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
    is_data = run.about()["scenario"]["name"] == DATA
    target, fresh = results / REFERENCE / (DATA if is_data else ""), results / ".reference"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    for name in KEPT:
        source = run.folder / name
        if source.is_dir():
            shutil.copytree(source, fresh / name)
        elif source.exists():
            shutil.copy2(source, fresh / name)
    for name in () if is_data else OF_OTHER_TOOLS:
        if (target / name).is_dir():
            shutil.copytree(target / name, fresh / name)
        elif (target / name).exists():
            shutil.copy2(target / name, fresh / name)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target


def section(run: Run) -> str:
    """The reference run as Markdown for a page in ``docs``: a table per lane and the picture."""
    cells = figures.headline(figures.frame(run.rows()))
    lines = figures.summary(cells)
    ratios = figures.ratios(cells, BASE)
    parts = [
        "Median round trip in µs, by payload; the rest for the smallest one. CPU and resident memory are client + "
        "server, switches voluntary + involuntary of both; *cold start* is connecting and the first call; *longest* is "
        f"of all calls of all repeats. *x {BASE}* is paired within repeats, {counts(lines['repeats'])} of them.",
        "",
    ]
    for place, (_, lane, each) in enumerate(of_run.lanes(lines)):
        title, table = f"Lane {lane}: {of_run.LANE_WORDS.get(lane, 'not known')}", _table(each, ratios)
        if place:
            parts += [f"<details><summary>{title}</summary>", "", table, "", "</details>", ""]
        else:
            parts += [f"**{title}**", "", table, ""]
    parts += [
        "![round trip of well-known ways to call another process](../results/reference/plots/first.png)",
        "",
        f"Measured on {environment.in_one_line(run.environment())}, by "
        f"`{run.environment()['command']}`; all but the single latencies is in `results/reference`.",
        "",
        *_footprint(run.folder / FOOTPRINT),
    ]
    return "\n".join(parts)


def _table(lines: pd.DataFrame, ratios: pd.DataFrame) -> str:
    """The medians by payload, and beside them what else there is of the smallest one."""
    smallest = lines[lines["payload_bytes"] == lines["payload_bytes"].min()]
    medians, rest = of_run.by_payload(lines), of_run.of_one(smallest, ratios)
    names = [[field.text for field in each["contender", ""]] for each in (medians, rest)]
    rest = rest.set_axis(names[1])[[head for head in AT_SMALLEST if head in rest.columns]]
    return of_frame(medians.set_axis(names[0]).join(rest.reindex(names[0], fill_value=Field())))  # type: ignore[arg-type]


def _footprint(file: Path) -> list[str]:
    if not file.exists():
        return []
    with file.open(newline="") as lines:
        rows = [
            [each["figure"], "{median} {unit}".format(**each), "{worst} {unit} of {repeats}".format(**each)]
            for each in csv.DictReader(lines)
        ]
    title = "What the library costs beside single calls (`make footprint`):"
    return [title, "", markdown(["", "median", "worst"], rows), ""]
