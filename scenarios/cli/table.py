"""The table at the end of a run: what each contender takes, what it costs, and how it compares with shm."""

from __future__ import annotations

import math

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.text import Text

from scenarios.cli import layout
from scenarios.common.errors import RunError
from scenarios.common.units import micros
from scenarios.plan.cells import GROUP
from scenarios.records import environment
from scenarios.records.store import Run
from scenarios.statistics import caveats, figures
from scenarios.statistics.disturbed import FACTOR, OUTLYING
from scenarios.statistics.figures import BASE, FLOOR
from scenarios.tables import columns, of_run

INTERVALS = (columns.P50.heading, columns.RATIO.heading)
"""Columns whose interval is shown."""


def show(run: Run, console: Console) -> None:
    """Print the table of a run. Raises :class:`RunError` when it has no finished cell."""
    console.print(render(run, console))


def render(run: Run, console: Console) -> Group:
    """The table of a run as something rich can print: one per scenario and lane, its columns over several where the
    console is narrow; then those of several clients and of offered rates.
    """
    rows = run.rows()
    if not rows:
        raise RunError(f"{run.folder} has no finished cell")
    cells = figures.frame(rows)
    lines = figures.summary(cells)
    ratios = figures.ratios(figures.headline(cells), BASE)
    tables: list[RenderableType] = []
    for name, lane, each in of_run.lanes(figures.headline(lines)):
        shown = of_run.of_one(each, ratios)
        tables += layout.of_frame(console, shown, INTERVALS, title=f"{name}, lane {lane}")
    for table in of_run.of_load(cells):
        shown = table.frame.drop(columns=["disturbed"], level=0)  # the footer names by what, and the report where
        tables += layout.of_frame(console, shown, title=table.title, caption=table.caption)
    return Group(*tables, *_footer(run, lines))


def _footer(run: Run, lines: pd.DataFrame) -> list[Text]:
    """The machine, the harness' own floor, where the files are."""
    about = run.environment()
    timer = about.get("timer", {}).get("cost_ns", math.nan)
    floor = figures.headline(lines[lines["contender"] == FLOOR])["p50_us"]
    own = f"noop, the harness' own part of every latency: {micros(floor.min())}; " if len(floor) else ""
    sureness = figures.sureness(lines["repeats"])
    sure = f", with intervals that are {sureness}" if sureness else ""
    texts = [
        environment.in_one_line(about),
        f"{own}two clock readings: {timer:.0f} ns; neither is subtracted",
        f"medians over repeats, each a fresh process{sure}; p99 only with 1,000 calls or more per repeat, "
        "≥ where slower repeats had fewer",
        f"x {BASE}: paired within repeats; longest: of all calls of all repeats; CPU and RSS: client + server; "
        "switches: voluntary + involuntary, both processes; cold start: connecting and the first call",
    ]
    if lines["noisy"].sum():
        words = ", ".join(sorted(set(";".join(lines["flags"]).split(";")) - {""}))
        outlying = f"; {OUTLYING}: {FACTOR} times off the median of its repeats" if OUTLYING in words else ""
        texts.append(f"disturbed: by {words}; see noise_flags in cells.csv{outlying}")
    texts += [f"left out: {line}" for line in run.about()["scenario"].get("left_out", [])]
    texts += _warnings(run, lines)
    return [Text(text, style="dim") for text in [*texts, f"files: {run.folder}"]]


def _warnings(run: Run, lines: pd.DataFrame) -> list[str]:
    """A line per kind, with the first few of it; those of groups that are shown."""
    shown = {tuple(map(str, group)) for group in lines[list(GROUP)].itertuples(index=False)}
    kinds: dict[str, list[str]] = {}
    for each in caveats.of(run):
        if not each.group or tuple(each.group.values()) in shown:
            kinds.setdefault(each.kind, []).append(str(each))
    more = {kind: f"; and {len(of) - 2} more, see warnings.json" if len(of) > 2 else "" for kind, of in kinds.items()}
    return [f"warning: {'; '.join(of[:2])}{more[kind]}" for kind, of in kinds.items() if kind != "disturbed"]
