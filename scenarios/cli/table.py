"""The table at the end of a run: what each contender takes, what it costs, and how it compares with shm."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from scenarios.cli import clients_and_rates, layout
from scenarios.common.errors import RunError
from scenarios.common.units import factor, least_micros, micros, pair, size
from scenarios.plan.cells import GROUP
from scenarios.records import environment
from scenarios.records.store import Run
from scenarios.statistics import caveats, figures
from scenarios.statistics.figures import BASE, FLOOR


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
    tables: list[RenderableType] = []
    lines = figures.summary(cells)
    single = figures.headline(lines)
    if len(single):
        ratio = figures.ratios(figures.headline(cells), BASE, samples=run.samples_of).set_index(list(GROUP))
        of_line = _columns(ratio)
        for (name, lane), each in single.groupby(["scenario", "lane"], sort=True):
            tables += _tables(f"{name}, lane {lane}", each, of_line, console)
    tables += clients_and_rates.tables(cells, console)
    return Group(*tables, *_footer(run, lines))


Column = Callable[["pd.Series[Any]"], str]


def _columns(ratio: pd.DataFrame) -> dict[str, Column]:
    """Headings, and how a line's field is made."""
    return {
        "p50": lambda line: micros(line["p50_us"]),
        "interval": lambda line: _interval(line["p50_low"], line["p50_high"]),
        "p99": lambda line: least_micros(line["p99_us"], line["p99_of_all"]),
        f"p50 against {BASE}": lambda line: _against(line, ratio),
        "waits": lambda line: str(line["wait"]),
        "calls/s": lambda line: f"{line['calls_per_s']:,.0f}",
        "CPU µs": lambda line: pair(line["client_cpu_us_per_call"], line["server_cpu_us_per_call"]),
        "switches": lambda line: pair(
            line["voluntary_switches_per_call"], line["involuntary_switches_per_call"], digits=2
        ),
        "RSS MiB": lambda line: pair(line["client_rss_mib"], line["server_rss_mib"], digits=0),
        "cold ms": lambda line: f"{line['cold_start_ms']:.1f}",
        "noisy": lambda line: f"{line['noisy']}/{line['repeats']}" if line["noisy"] else "",
    }


def _tables(title: str, lines: pd.DataFrame, columns: Mapping[str, Column], console: Console) -> list[Table]:
    found = []
    for payload_bytes, each in lines.groupby("payload_bytes", sort=True):
        for number, (_, line) in enumerate(each.sort_values("p50_us").iterrows(), 1):
            fields = [
                size(float(str(payload_bytes))) if number == 1 else "",
                str(line["contender"]),
                *(field(line) for field in columns.values()),
            ]
            found.append(layout.Line(fields, "bold" if line["contender"] == BASE else None, number == len(each)))
    return layout.tables(console, ("payload", "contender", *columns), found, keys=2, title=title, box=box.SIMPLE_HEAD)


def _interval(low: float, high: float) -> str:
    if math.isnan(low):
        return ""
    # One unit for both ends reads better than two.
    low_text, high_text = micros(low), micros(high)
    if low_text[-2:] == high_text[-2:]:
        low_text = low_text[:-3]
    return f"{low_text} to {high_text}"


def _against(line: pd.Series[Any], ratio: pd.DataFrame) -> str:
    group = tuple(line[axis] for axis in GROUP)
    if line["contender"] in (BASE, FLOOR) or group not in ratio.index:
        return ""
    found = ratio.loc[group]
    return factor(found["ratio"], found["low"], found["high"])


def _footer(run: Run, lines: pd.DataFrame) -> list[Text]:
    """The machine, the harness' own floor, where the files are."""
    about = run.environment()
    timer = about.get("timer", {}).get("cost_ns", math.nan)
    floor = figures.headline(lines[lines["contender"] == FLOOR])["p50_us"]
    own = f"noop, the harness' own part of every latency: {micros(floor.min())}; " if len(floor) else ""
    sureness = figures.sureness(lines["repeats"])
    sure = f", with bootstrap intervals that are {sureness}" if sureness else ""
    texts = [
        environment.in_one_line(about),
        f"{own}two clock readings: {timer:.0f} ns; neither is subtracted",
        f"medians over repeats, each a fresh process{sure}; p99 only with 1,000 calls or more per repeat, "
        "≥ where slower repeats had fewer",
        "CPU and RSS: client + server; switches: voluntary + involuntary, both processes; CPU and switches per call; "
        "cold: connecting and the first call",
    ]
    if lines["noisy"].sum():
        words = ", ".join(sorted(set(";".join(lines["flags"]).split(";")) - {""}))
        texts.append(f"noisy: repeats that were disturbed, by {words}; see noise_flags in cells.csv")
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
