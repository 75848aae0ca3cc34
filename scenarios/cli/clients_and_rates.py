"""The tables of several clients and of offered rates: a line per contender and number."""

from __future__ import annotations

import math

import pandas as pd
from rich import box
from rich.table import Table

from scenarios.common.units import least_micros, micros, pair, size
from scenarios.plan.load import CLOSED
from scenarios.statistics import clients_and_rates


def tables(cells: pd.DataFrame) -> list[Table]:
    """Those a run has the data for."""
    found = []
    if cells[cells["load"] == CLOSED]["clients"].nunique() > 1:
        found += [_clients(title, lines) for title, lines in _split(clients_and_rates.by_clients(cells))]
    if (cells["load"] != CLOSED).any():
        found += [_rates(title, lines) for title, lines in _split(clients_and_rates.by_rate(cells))]
    return found


def _split(lines: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    axes = ["scenario", "lane", "payload_bytes"]
    return [
        (f"{scenario}, lane {lane}, {size(float(str(payload_bytes)))}", each)
        for (scenario, lane, payload_bytes), each in lines.groupby(axes, sort=True)
    ]


def _clients(title: str, lines: pd.DataFrame) -> Table:
    headings = ("calls/s", "p50", "slowest client's", "p99", "fairness", "CPU µs", "switches")
    table = _table(f"{title}: several clients, closed loop", ("clients", *headings))
    for contender, each in lines.groupby("contender", sort=False):
        for number, (_, line) in enumerate(each.sort_values("clients").iterrows()):
            table.add_row(
                "" if number else str(contender),
                f"{line['clients']:.0f}",
                f"{line['calls_per_s']:,.0f}",
                micros(line["p50_us"]),
                micros(line["slowest_client_p50_us"]),
                least_micros(line["p99_us"], line["p99_of_all"]),
                "" if math.isnan(line["fairness"]) else f"{line['fairness']:.2f}",
                *_costs(line),
            )
        table.add_section()
    table.caption = (
        "p50: of all calls, so mostly of the clients that make the most; fairness: most calls of a client over fewest; "
        "CPU: clients + server"
    )
    return table


def _rates(title: str, lines: pd.DataFrame) -> Table:
    several = lines["clients"].nunique() > 1
    headings = ("answered/s", "skipped", "p50", "p99", "late p50", "late p99", "CPU µs", "switches")
    table = _table(f"{title}: open loop", ("offered", *headings))
    for (contender, clients), each in lines.groupby(["contender", "clients"], sort=False):
        name = f"{contender}, {clients} clients" if several else str(contender)
        for number, (_, line) in enumerate(each.iterrows()):
            table.add_row(
                "" if number else name,
                f"{line['rate']:,.0f}{' even' if line['constant'] else ''}",
                f"{line['calls_per_s']:,.0f}",
                f"{line['skipped_share']:.0%}" if line["skipped_share"] else "",
                micros(line["p50_us"]),
                least_micros(line["p99_us"], line["p99_of_all"]),
                micros(line["lateness_p50_us"]),
                micros(line["lateness_p99_us"]),
                *_costs(line),
                style=None if line["served"] else "dim",
            )
        table.add_section()
    table.caption = (
        "latency from the intended send, skipped calls taken for slower than any, ∞ where they decide; late: how late "
        "the dispatcher sent calls though the caller was free; dim: more was offered than was answered"
    )
    return table


def _costs(line: pd.Series[float]) -> tuple[str, str]:
    switches = pair(line["voluntary_switches_per_call"], line["involuntary_switches_per_call"], digits=2)
    return pair(line["client_cpu_us_per_call"], line["server_cpu_us_per_call"]), switches


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", pad_edge=False, box=box.SIMPLE_HEAD, caption_justify="left")
    table.add_column("contender", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    return table
