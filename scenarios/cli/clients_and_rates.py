"""The tables of several clients and of offered rates: a line per contender and number."""

from __future__ import annotations

import math

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from scenarios.cli import layout
from scenarios.common.units import least_micros, micros, pair, size
from scenarios.plan.load import CLOSED
from scenarios.statistics import clients_and_rates


def tables(cells: pd.DataFrame, console: Console) -> list[Table]:
    """Those a run has the data for."""
    found: list[Table] = []
    if cells[cells["load"] == CLOSED]["clients"].nunique() > 1:
        for title, lines in _split(clients_and_rates.by_clients(cells)):
            found += _clients(title, lines, console)
    if (cells["load"] != CLOSED).any():
        for title, lines in _split(clients_and_rates.by_rate(cells)):
            found += _rates(title, lines, console)
    return found


def _split(lines: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    axes = ["scenario", "lane", "payload_bytes"]
    return [
        (f"{scenario}, lane {lane}, {size(float(str(payload_bytes)))}", each)
        for (scenario, lane, payload_bytes), each in lines.groupby(axes, sort=True)
    ]


def _clients(title: str, lines: pd.DataFrame, console: Console) -> list[Table]:
    headings = ("contender", "clients", "calls/s", "p50", "slowest client's", "p99", "fairness", "CPU µs", "switches")
    rows = []
    for contender, each in lines.groupby("contender", sort=False):
        for number, (_, line) in enumerate(each.sort_values("clients").iterrows(), 1):
            fields = [
                str(contender) if number == 1 else "",
                f"{line['clients']:.0f}",
                f"{line['calls_per_s']:,.0f}",
                micros(line["p50_us"]),
                micros(line["slowest_client_p50_us"]),
                least_micros(line["p99_us"], line["p99_of_all"]),
                "" if math.isnan(line["fairness"]) else f"{line['fairness']:.2f}",
                *_costs(line),
            ]
            rows.append(layout.Line(fields, None, number == len(each)))
    caption = (
        "p50: of all calls, so mostly of the clients that make the most; fairness: most calls of a client over fewest; "
        "CPU: clients + server"
    )
    title = f"{title}: several clients, closed loop"
    return layout.tables(console, headings, rows, keys=2, title=title, caption=caption, box=box.SIMPLE_HEAD)


def _rates(title: str, lines: pd.DataFrame, console: Console) -> list[Table]:
    several = lines["clients"].nunique() > 1
    headings = ["contender", "offered", "answered/s", "skipped", "p50", "p99"]
    headings += ["late p50", "late p99", "CPU µs", "switches"]
    rows = []
    for (contender, clients), each in lines.groupby(["contender", "clients"], sort=False):
        name = f"{contender}, {clients} clients" if several else str(contender)
        for number, (_, line) in enumerate(each.iterrows(), 1):
            fields = [
                name if number == 1 else "",
                f"{line['rate']:,.0f}{' even' if line['constant'] else ''}",
                f"{line['calls_per_s']:,.0f}",
                f"{line['skipped_share']:.0%}" if line["skipped_share"] else "",
                micros(line["p50_us"]),
                least_micros(line["p99_us"], line["p99_of_all"]),
                micros(line["lateness_p50_us"]),
                micros(line["lateness_p99_us"]),
                *_costs(line),
            ]
            rows.append(layout.Line(fields, None if line["served"] else "dim", number == len(each)))
    caption = (
        "latency from the intended send, skipped calls taken for slower than any, ∞ where they decide; late: how late "
        "the dispatcher sent calls though the caller was free; dim: more was offered than was answered"
    )
    return layout.tables(
        console, headings, rows, keys=2, title=f"{title}: open loop", caption=caption, box=box.SIMPLE_HEAD
    )


def _costs(line: pd.Series[float]) -> tuple[str, str]:
    switches = pair(line["voluntary_switches_per_call"], line["involuntary_switches_per_call"], digits=2)
    return pair(line["client_cpu_us_per_call"], line["server_cpu_us_per_call"]), switches
