"""Notebook 03: many clients at once, and calls that come at a rate of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from scenarios.analysis.cores import at_work, explained
from scenarios.analysis.notebook import (
    OpenedRun,
    Picture,
    Prose,
    figure,
    legend_below,
    markdown_table,
    not_measured,
    ribbon,
)
from scenarios.common.units import micros, size, three
from scenarios.plots import panels, style
from scenarios.statistics import clients_and_rates
from scenarios.statistics.figures import FLOOR

REMEDY = "make bench SCENARIO=load"
CLIENTS_REMEDY = "make bench SCENARIO=clients"


def one_client(opened: OpenedRun, lane: str) -> Prose:
    """What one client that never pauses gets out of one server at the smallest payload, and what that burns."""
    curves = opened.curves(lane)
    found = []
    for name in curves.contenders:
        if not curves.sizes(name) or curves.in_process(name):
            continue
        at = curves.sizes(name)[0]
        rate = curves.at(name, "calls_per_s", at)
        if rate:
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


def throughput(opened: OpenedRun) -> Picture | Prose:
    """Calls per second of all clients together against their number, and what one of them still gets as p50 and
    p99."""
    lines = of_clients(opened)
    if lines.empty:
        return not_measured("more than one client at a time", CLIENTS_REMEDY)
    columns = {"calls_per_s": "calls/s, all clients", "p50_us": "p50 [µs]", "p99_us": "p99 [µs]"}
    return _against(
        lines, "clients", "clients at once", columns, "throughput and latency against the number of clients"
    )


def fairness(opened: OpenedRun) -> Prose:
    """The calls of the client that got most over those of the one that got least."""
    lines = of_clients(opened)
    if lines.empty or not lines["fairness"].notna().any():
        return not_measured("how evenly a server treats its clients", CLIENTS_REMEDY)
    medians = lines.pivot(index="contender", columns="clients", values="fairness").dropna(axis=1, how="all")
    heads = ["most over least calls", *(f"{clients} clients" for clients in medians.columns)]
    rows = [
        [str(name), *(_or_nothing(value) for value in line)]
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


def offered(opened: OpenedRun) -> Picture | Prose:
    """p50 and p99 from the moment a call was due, against the rate at which calls were offered."""
    lines = of_rates(opened)
    if lines.empty:
        return not_measured("calls at a rate of their own", REMEDY)
    columns = {"p50_us": "p50 since due [µs]", "p99_us": "p99 since due [µs]"}
    return _against(lines, "offered_rps", "offered calls/s", columns, "latency against the offered rate")


def nothing_skipped(opened: OpenedRun) -> Prose:
    """Up to which offered rate no call of a contender was skipped, and what its dispatcher was late by there."""
    lines = of_rates(opened)
    if lines.empty:
        return not_measured("calls at a rate of their own", REMEDY)
    rows = []
    for name in style.ordered(lines["contender"]):
        kept = lines[(lines["contender"] == name) & (lines["skipped_most"] == 0)].sort_values("rate")
        if kept.empty:
            rows.append([name, "none", "", "", ""])
            continue
        best = kept.iloc[-1]
        columns = ("p99_us", "lateness_p50_us", "lateness_p99_us")
        rows.append([name, f"{best['rate']:,.10g}/s", *(micros(best[column]) for column in columns)])
    heads = ["contender", "highest rate with no call skipped", "p99 there", "dispatcher late by, p50", "p99"]
    return markdown_table(heads, rows)


@style.applied()
def _against(lines: pd.DataFrame, axis: str, label: str, columns: dict[str, str], alt: str) -> Picture:
    """A row of panels per lane and payload, a panel per column; the interval of the medians where they have one."""
    groups = list(lines.groupby(["lane", "payload_bytes"], sort=True))
    drawn, axes = figure(len(groups), len(columns), 4.0 * len(columns) + 0.6, 3.6 * len(groups) + 0.8)
    for row, ((lane, payload_bytes), part) in zip(axes, groups, strict=True):
        for each, (column, heading) in zip(row, columns.items(), strict=True):
            _lines(each, part, axis, column)
            each.set_ylabel(heading)
            each.set_xlabel(label)
            each.set_title(f"lane {lane}, {size(float(str(payload_bytes)))}")
    legend_below(drawn, [each for row in axes for each in row])
    return Picture(drawn, alt)


def _lines(axes: Axes, part: pd.DataFrame, axis: str, column: str) -> None:
    """What is infinite is not drawn: there the line ends."""
    low, high = (
        ("low", "high") if column == "calls_per_s" else (column.replace("_us", end) for end in ("_low", "_high"))
    )
    for name in style.ordered(part["contender"]):
        look = style.of(name)
        found = part[part["contender"] == name].sort_values(axis)
        found = found[np.isfinite(found[column])]
        axes.plot(found[axis].to_numpy(float), found[column].to_numpy(float), label=name, **look)
        known = found[np.isfinite(found[low]) & np.isfinite(found[high])]
        ribbon(axes, known[[axis, low, high]].to_numpy(float).tolist(), look["color"])
    _number_axis(axes, sorted(part[axis].unique()))


def _number_axis(axes: Axes, numbers: Sequence[float]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator([float(each) for each in numbers]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
    )
    axes.yaxis.set_major_locator(LogLocator(10, numticks=12))
    axes.yaxis.set_minor_formatter(NullFormatter())
    panels.plain_numbers(axes.yaxis)


def _or_nothing(value: float) -> str:
    return "" if pd.isna(value) else three(value)
