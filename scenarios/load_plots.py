"""Pictures of several clients and of offered rates: throughput, fairness and latency against the number of clients;
latency and what was answered against the offered rate. Drawn from cells.csv alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from scenarios import loading, style
from scenarios.load import CLOSED
from scenarios.panels import Sheet, plain_numbers
from scenarios.units import size

Fill = Callable[[Axes, pd.DataFrame], None]


def sheets(cells: pd.DataFrame) -> dict[str, Sheet]:
    """Those a run has the data for, by name."""
    found = {}
    if cells[cells["load"] == CLOSED]["clients"].nunique() > 1:
        lines = loading.by_clients(cells)
        if len(lines):
            found["clients"] = _sheet(
                lines, "Several clients, each calling as fast as it is answered", "clients", _CLIENTS
            )
    if (cells["load"] != CLOSED).any():
        lines = loading.by_rate(cells)
        title = "Open loop: latency from the intended send (dashed end: more was offered than was answered)"
        found["load"] = _sheet(lines, title, "offered calls/s", _RATES)
    return found


def _sheet(lines: pd.DataFrame, title: str, x_label: str, rows: dict[str, Fill]) -> Sheet:
    """A column per scenario, lane, size and whatever else does not lie along x; a row per quantity."""
    beside = ["scenario", "lane", "payload_bytes", *(["clients", "constant"] if "rate" in lines else [])]
    parts = list(lines.groupby(beside, sort=True))
    sheet = Sheet(max(len(parts), 2), len(rows))
    axes = sheet.panels.subplots(len(rows), len(parts), squeeze=False, sharex=True, sharey="row")
    for (label, fill), line_of_axes in zip(rows.items(), axes, strict=True):
        for (names, part), each in zip(parts, line_of_axes, strict=True):
            fill(each, part)
            if label == next(iter(rows)):
                each.set_title(_name(names, lines), fontsize=9.5)
            if label == list(rows)[-1]:
                each.set_xlabel(x_label)
        line_of_axes[0].set_ylabel(label)
    sheet.finish(title, style.ordered(lines["contender"]))
    return sheet


def _name(names: tuple[object, ...], lines: pd.DataFrame) -> str:
    scenario, lane, payload_bytes, *load = names
    words = [f"lane {lane}", size(float(str(payload_bytes)))]
    if lines["scenario"].nunique() > 1:
        words.insert(0, str(scenario))
    if load:
        clients, constant = load
        words.append("1 client" if clients == 1 else f"{clients} clients")
        words.append("evenly" if constant else "at random moments")
    return ", ".join(words)


def _throughput(axes: Axes, part: pd.DataFrame) -> None:
    _lines(axes, part, "clients", "calls_per_s", ribbon=True)
    axes.set_yscale("log")
    _clients_along_x(axes, part)


def _client_latency(column: str) -> Fill:
    def fill(axes: Axes, part: pd.DataFrame) -> None:
        _lines(axes, part, "clients", column)
        axes.set_yscale("log")
        _clients_along_x(axes, part)

    return fill


def _fairness(axes: Axes, part: pd.DataFrame) -> None:
    _lines(axes, part[part["clients"] > 1], "clients", "fairness")
    axes.axhline(1, color="#555555", linewidth=0.8)
    axes.set_yscale("log")
    _clients_along_x(axes, part)


def _clients_along_x(axes: Axes, part: pd.DataFrame) -> None:
    counts = sorted(set(part["clients"]))
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    _plain(axes)


def _rate_latency(column: str) -> Fill:
    def fill(axes: Axes, part: pd.DataFrame) -> None:
        for contender in style.ordered(part["contender"]):
            mine = part[part["contender"] == contender].sort_values("rate")
            look = style.of(contender)
            x, y = mine["rate"].to_numpy(), mine[column].replace(np.inf, np.nan).to_numpy()
            served = mine["served"].to_numpy()
            # The line goes on, thin and hollow, to where the queue only grows: a figure there depends on how long
            # the run was, and says no more than "too much".
            within = np.where(served, y, np.nan)
            axes.plot(x, y, color=look["color"], linewidth=0.8, linestyle=":")
            axes.plot(x[~served], y[~served], color=look["color"], marker=look["marker"], linestyle="", mfc="white")
            axes.plot(x, within, **look)
        _rates_along_x(axes, part)
        axes.set_yscale("log")
        _plain(axes)

    return fill


def _answered(axes: Axes, part: pd.DataFrame) -> None:
    rates = np.array(sorted(set(part["rate"])))
    axes.plot(rates, rates, color="#555555", linewidth=0.8)
    axes.annotate("all that is offered", (rates[0], rates[0]), (4, 12), textcoords="offset points", fontsize=7.5)
    _lines(axes, part, "rate", "calls_per_s")
    _rates_along_x(axes, part)
    axes.set_yscale("log")
    _plain(axes)


def _rates_along_x(axes: Axes, part: pd.DataFrame) -> None:
    axes.set_xscale("log")
    rates = sorted(set(part["rate"]))
    axes.xaxis.set_major_locator(FixedLocator(rates))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
    )


def _plain(axes: Axes) -> None:
    axes.yaxis.set_major_locator(LogLocator(10, numticks=12))
    plain_numbers(axes.yaxis)


def _lines(axes: Axes, part: pd.DataFrame, x: str, y: str, *, ribbon: bool = False) -> None:
    for contender in style.ordered(part["contender"]):
        mine = part[part["contender"] == contender].sort_values(x)
        look = style.of(contender)
        along = mine[x].to_numpy(float)
        axes.plot(along, mine[y].replace(np.inf, np.nan).to_numpy(float), **look)
        if ribbon:
            low, high = mine["low"].to_numpy(float), mine["high"].to_numpy(float)
            axes.fill_between(along, low, high, color=look["color"], alpha=0.18, linewidth=0)


_CLIENTS: dict[str, Fill] = {
    "calls/s, all clients": _throughput,
    "p50 [µs]": _client_latency("p50_us"),
    "p99 [µs]": _client_latency("p99_us"),
    "fairness (most / fewest calls)": _fairness,
}
_RATES: dict[str, Fill] = {
    "p50 [µs]": _rate_latency("p50_us"),
    "p99 [µs]": _rate_latency("p99_us"),
    "answered calls/s": _answered,
}
