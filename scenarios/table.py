"""The table at the end of a run: what each contender takes, what it costs, and how it compares with shm."""

from __future__ import annotations

import math

import pandas as pd
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from scenarios import caveats, environment, statistics
from scenarios.cells import GROUP
from scenarios.errors import RunError
from scenarios.store import Run
from scenarios.units import factor, micros, size

BASE = "shm"
FLOOR = "noop"


def show(run: Run, console: Console) -> None:
    """Print the table of a run. Raises :class:`RunError` when it has no finished cell."""
    console.print(render(run))


def render(run: Run) -> Group:
    """The table of a run as something rich can print."""
    rows = run.rows()
    if not rows:
        raise RunError(f"{run.folder} has no finished cell")
    cells = statistics.frame(rows)
    lines = statistics.summary(cells)
    ratio = statistics.ratios(cells, BASE, samples=run.samples_of).set_index(list(GROUP))
    tables = [
        _table(str(name), str(lane), each, ratio)
        for (name, lane), each in lines.groupby(["scenario", "lane"], sort=True)
    ]
    return Group(*tables, *_footer(run, lines))


def _table(name: str, lane: str, lines: pd.DataFrame, ratio: pd.DataFrame) -> Table:
    table = Table(title=f"{name}, lane {lane}", title_justify="left", pad_edge=False)
    table.add_column("payload", justify="right")
    table.add_column("contender", no_wrap=True)
    for heading in ("p50", "95% interval", "p99", "calls/s", "CPU client + server", f"p50 against {BASE}"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("noisy", justify="right")
    for payload_bytes, each in lines.groupby("payload_bytes", sort=True):
        for first, (_, line) in zip(
            [True, *[False] * (len(each) - 1)], each.sort_values("p50_us").iterrows(), strict=True
        ):
            table.add_row(
                size(float(str(payload_bytes))) if first else "",
                str(line["contender"]),
                micros(line["p50_us"]),
                _interval(line["p50_low"], line["p50_high"]),
                micros(line["p99_us"]),
                f"{line['calls_per_s']:,.0f}",
                _cpu(line["client_cpu_us"], line["server_cpu_us"]),
                _against(line, ratio),
                f"{line['noisy']}/{line['repeats']}" if line["noisy"] else "",
                style="bold" if line["contender"] == BASE else None,
            )
        table.add_section()
    return table


def _interval(low: float, high: float) -> str:
    if math.isnan(low):
        return ""
    # One unit for both ends reads better than two.
    low_text, high_text = micros(low), micros(high)
    if low_text[-2:] == high_text[-2:]:
        low_text = low_text[:-3]
    return f"{low_text} to {high_text}"


def _cpu(client: float, server: float) -> str:
    return micros(client) if math.isnan(server) else f"{micros(client)} + {micros(server)}"


def _against(line: pd.Series, ratio: pd.DataFrame) -> str:
    group = tuple(line[axis] for axis in GROUP)
    if line["contender"] in (BASE, FLOOR) or group not in ratio.index:
        return ""
    found = ratio.loc[group]
    return factor(found["ratio"], found["low"], found["high"])


def _footer(run: Run, lines: pd.DataFrame) -> list[Text]:
    """The machine, the harness' own floor, where the files are."""
    about = run.environment()
    timer = about.get("timer", {}).get("cost_ns", math.nan)
    floor = lines[lines["contender"] == FLOOR]["p50_us"]
    own = f"noop, the harness' own part of every latency: {micros(floor.min())}; " if len(floor) else ""
    texts = [
        environment.in_one_line(about),
        f"{own}two clock readings: {timer:.0f} ns; neither is subtracted",
        "medians over repeats, each a fresh process; p99 only with 1,000 calls or more per repeat; "
        "CPU per call is the operating system's, both processes",
    ]
    if lines["noisy"].sum():
        words = ", ".join(sorted(set(";".join(lines["flags"]).split(";")) - {""}))
        texts.append(f"noisy: repeats that were disturbed, by {words}; see noise_flags in cells.csv")
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
