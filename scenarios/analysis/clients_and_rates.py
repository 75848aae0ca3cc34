"""Notebook 03: many clients at once, many calls of one, slow ones among them, and calls that come at a rate of their
own."""

from __future__ import annotations

import pandas as pd

from scenarios.analysis.cores import at_work, explained
from scenarios.analysis.notebook import OpenedRun, Picture, Prose, markdown_table, not_measured
from scenarios.common.units import micros, size, three
from scenarios.plots import clients_and_rates as plots
from scenarios.plots import style
from scenarios.statistics import clients_and_rates
from scenarios.statistics.figures import FLOOR

REMEDY = "make bench SCENARIO=load"
CLIENTS_REMEDY = "make bench SCENARIO=clients"
IN_FLIGHT_REMEDY, SLOW_CALLS_REMEDY = "make bench SCENARIO=async", "make bench SCENARIO=workers"


def one_client(opened: OpenedRun, lane: str) -> Prose:
    """What one client that never pauses gets out of one server at the smallest payload, and what that burns."""
    curves = opened.curves(lane)
    found = []
    for name in curves.ipc:
        at = min(curves.sizes(name), default=0)
        if rate := curves.at(name, "calls_per_s", at):
            client, server, _ = at_work(curves, name, at, opened.cpus).words()
            found.append((-rate.value, [name, size(at), f"{rate.value:,.0f}", client, server]))
    heads = [f"lane {lane}", "payload", "calls/s", "client cores", "server cores"]
    table = markdown_table(heads, [row for _, row in sorted(found, key=lambda each: each[0])])
    return Prose(explained(table.text, opened.cpus))


def of_clients(opened: OpenedRun) -> pd.DataFrame:
    """The lines of the blocks that have more than one number of clients, calls back to back."""
    lines = clients_and_rates.by_clients(opened.cells)
    return lines[lines["contender"] != FLOOR]


def of_rates(opened: OpenedRun) -> pd.DataFrame:
    """The lines whose calls were offered at a rate."""
    return clients_and_rates.by_rate(opened.cells)


def throughput(opened: OpenedRun) -> list[Picture] | list[Prose]:
    """Calls per second of all clients together against their number, how evenly they got them, and how long each
    waited."""
    return _pictures(opened, "clients") or [not_measured("more than one client at a time", CLIENTS_REMEDY)]


def fairness(opened: OpenedRun) -> Prose:
    """The calls of the client that got most over those of the one that got least."""
    lines = of_clients(opened)
    if lines.empty or not lines["fairness"].notna().any():
        return not_measured("how evenly a server treats its clients", CLIENTS_REMEDY)
    medians = lines.pivot(index="contender", columns="clients", values="fairness").dropna(axis=1, how="all")
    heads = ["most over least calls", *(f"{clients} clients" for clients in medians.columns)]
    rows = [
        [str(name), *("" if pd.isna(value) else three(value) for value in line)]
        for name, line in zip(medians.index, medians.to_numpy(), strict=True)
    ]
    return markdown_table(heads, rows)


def best_number(opened: OpenedRun) -> Prose:
    """With how many clients each contender gives the most calls, in a table."""
    lines = of_clients(opened)
    if lines.empty:
        return not_measured("more than one client at a time", CLIENTS_REMEDY)
    medians = lines.pivot(index="contender", columns="clients", values="calls_per_s")
    rows = []
    for name, line in medians.iterrows():
        known = line.dropna()
        first, most = known.index[0], known.idxmax()
        rows.append(
            [
                str(name),
                f"{known.loc[first]:,.0f}",
                f"{known.max():,.0f}",
                str(most),
                f"{three(known.max() / known.loc[first])}x",
            ]
        )
    return markdown_table(["contender", "fewest clients, calls/s", "most calls/s", "with clients", "gain"], rows)


def in_flight(opened: OpenedRun) -> list[Picture] | list[Prose]:
    """Calls per second, cost and latency of one client against how many calls it has under way; in event loops how late
    another task of the loop runs."""
    return _pictures(opened, "in_flight") or [not_measured("several calls in flight", IN_FLIGHT_REMEDY)]


def slow_calls(opened: OpenedRun) -> list[Picture] | list[Prose]:
    """p50 and p99 of quick calls, with and without other clients' slow ones, against the number of quick clients."""
    return _pictures(opened, "slow_calls") or [not_measured("quick calls beside slow ones", SLOW_CALLS_REMEDY)]


def offered(opened: OpenedRun) -> list[Picture] | list[Prose]:
    """p50 and p99 from the moment a call was due, calls answered and their cost, against the rate they were offered
    at."""
    return _pictures(opened, "load") or [not_measured("calls at a rate of their own", REMEDY)]


def highest_served(opened: OpenedRun) -> Prose:
    """The highest offered rate that a contender served without skipping a call, what it answered there, its p99, and
    what its dispatcher was late by."""
    lines = of_rates(opened)
    if lines.empty:
        return not_measured("calls at a rate of their own", REMEDY)
    rows = []
    for name in style.ordered(lines["contender"]):
        kept = lines[(lines["contender"] == name) & lines["served"] & (lines["skipped_most"] == 0)].sort_values("rate")
        if kept.empty:
            rows.append([name, "none", "", "", "", ""])
            continue
        best = kept.iloc[-1]
        columns = ("p99_us", "lateness_p50_us", "lateness_p99_us")
        answered = f"{best['calls_per_s']:,.0f}/s"
        rows.append([name, f"{best['rate']:,.10g}/s", answered, *(micros(best[column]) for column in columns)])
    heads = [
        "contender",
        "highest rate served, no call skipped",
        "answered there",
        "p99",
        "dispatcher late by, p50",
        "p99",
    ]
    return markdown_table(heads, rows)


@style.applied()
def _pictures(opened: OpenedRun, kind: str) -> list[Picture]:
    return [opened.picture(sheet) for name, sheet in plots.sheets(opened.cells).items() if name.startswith(kind)]
