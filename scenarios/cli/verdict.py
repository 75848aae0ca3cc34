"""The last lines of a run: what is fastest here for what, where the pictures are, and whether to believe it."""

from __future__ import annotations

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from scenarios.cli import layout
from scenarios.common.units import micros, size
from scenarios.records.store import Run
from scenarios.statistics import figures
from scenarios.statistics.figures import TIE, tied

MOST_DISTURBED = 0.5
"""With more of its measurements disturbed a run is not to be trusted."""


def show(run: Run, console: Console) -> None:
    """Print the medians of a run in one table, then what they come to. Needs a finished cell."""
    cells = figures.frame(run.rows())
    lines = figures.headline(figures.summary(cells))
    if len(lines) and lines["p50_us"].isna().all():
        console.print(f"No medians: a cell needs {2 * figures.SAMPLES_BEYOND} calls for one; give more `calls`.")
    elif len(lines):
        for table in _medians(lines, console):
            console.print(table)
        console.print(
            "p50: the median time of a call and its answer, one client calling back to back; "
            "python -m scenarios table has the rest",
            style="dim",
        )
        console.print(f"\n[bold]Fastest here between processes[/] (what is within {TIE - 1:.0%} of it beside it):")
        for sentence in fastest(lines):
            console.print(f"  {sentence}", highlight=False)
    console.print(f"\npictures: {run.plots_folder}", highlight=False, soft_wrap=True)
    console.print(f"report:   {run.folder / 'report.html'}", highlight=False, soft_wrap=True)
    if said := trust(cells):
        console.print(f"\n[yellow]{said}[/]", highlight=False)


def fastest(lines: pd.DataFrame) -> list[str]:
    """A sentence per scenario, payload and lane: who has the lowest median, without those that call no other process.

    `lines` are those of :func:`scenarios.statistics.figures.summary` for one client in a closed loop.
    """
    said = []
    several = lines["scenario"].nunique() > 1
    for (scenario, payload_bytes, lane), each in lines.groupby(["scenario", "payload_bytes", "lane"], sort=True):
        remote = each[each["server_cpu_us_per_call"].notna() & each["p50_us"].notna()].sort_values("p50_us")
        if remote.empty:
            continue
        p50 = dict(zip(remote["contender"], remote["p50_us"], strict=True))
        first = [f"{name} {micros(p50[name])}" for name in tied(p50)]
        behind = remote.iloc[len(first) :]
        then = ""
        if len(behind):
            following = behind.iloc[0]
            then = f"; then {following['contender']} {micros(following['p50_us'])}"
        of = f"{scenario}, " if several else ""
        said.append(f"{of}{size(float(str(payload_bytes)))}, lane {lane}: {', '.join(first)}{then}")
    return said


def trust(cells: pd.DataFrame) -> str:
    """What the disturbances mean for the figures, and what to do; empty when there was none."""
    flags = cells["noise_flags"].fillna("")
    disturbed = int((flags != "").sum())
    if not disturbed:
        return ""
    words = ", ".join(sorted(set(";".join(flags).split(";")) - {""}))
    counted = f"{disturbed} of {len(cells)} measurements were disturbed ({words})"
    if disturbed <= MOST_DISTURBED * len(cells):
        return f"{counted}: those figures are marked in the table and the report."
    return (
        f"These figures can't be trusted: {counted}. The machine was busy with something else. Stop other programs "
        "(top shows them; steal means that the host of this virtual machine was busy), then measure again: make bench"
    )


def _medians(lines: pd.DataFrame, console: Console) -> list[Table]:
    """A line per contender, the fastest first; a column per lane and payload."""
    wide = lines.pivot_table(index="contender", columns=["scenario", "lane", "payload_bytes"], values="p50_us")
    several = len(set(wide.columns.get_level_values(0))) > 1
    wide = wide.loc[wide.rank().mean(axis=1).sort_values().index]
    headings = []
    for column in wide.columns:
        name, lane, payload_bytes = map(str, tuple(column))
        headings.append("\n".join([*([name] if several else []), lane, size(float(payload_bytes))]))
    rows = [
        layout.Line([str(name), *map(micros, values)]) for name, values in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    return layout.tables(console, ["contender", *headings], rows, title="p50 by lane and payload", box=box.SIMPLE_HEAD)
