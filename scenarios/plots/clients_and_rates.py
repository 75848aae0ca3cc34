"""Pictures of several clients and of offered rates: throughput, fairness and latency against the number of clients;
latency and what was answered against the offered rate. Drawn from cells.csv alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from scenarios.common.units import size
from scenarios.plan.load import CLOSED
from scenarios.plots import style
from scenarios.plots.panels import Sheet, plain_numbers
from scenarios.records.store import OF_CLIENTS
from scenarios.statistics import clients_and_rates

Fill = Callable[[Axes, pd.DataFrame], None]


def sheets(cells: pd.DataFrame) -> dict[str, Sheet]:
    """Those a run has the data for, by name."""
    found = {}
    if cells[cells["load"] == CLOSED]["clients"].nunique() > 1:
        lines = clients_and_rates.by_clients(cells)
        if len(lines):
            found["clients"] = _sheet(lines, "Several clients, closed loop", "client processes", _CLIENTS)
    if (cells["load"] != CLOSED).any():
        lines = clients_and_rates.by_rate(cells)
        found["load"] = _sheet(lines, "Open loop (hollow: overloaded)", "offered calls/s", _RATES)
    return found


def _sheet(lines: pd.DataFrame, title: str, x_label: str, rows: dict[str, Fill]) -> Sheet:
    """A column per scenario, lane, size and whatever else does not lie along x, and a row per quantity; where there is
    one column, the quantities two by two.
    """
    beside = ["scenario", "lane", "payload_bytes", *(["clients", "constant"] if "rate" in lines else [])]
    parts = list(lines.groupby(beside, sort=True))
    names = [_name(each, lines) for each, _ in parts]
    height, width = (len(rows), len(parts)) if len(parts) > 1 else ((len(rows) + 1) // 2, 2)
    sheet = Sheet(width, height)
    axes = sheet.panels.subplots(height, width, squeeze=False, sharey="row" if len(parts) > 1 else False)
    for number, (label, fill) in enumerate(rows.items()):
        for column, (_, part) in enumerate(parts):
            each = axes[number, column] if len(parts) > 1 else axes.flat[number]
            fill(each, part)
            each.set_xlabel(x_label)
            each.set_title(label if len(parts) == 1 else f"{label}\n{names[column]}", fontsize=9.5)
    for unused in axes.flat[len(rows) * len(parts) :]:
        unused.set_axis_off()
    sheet.finish(title if len(parts) > 1 else f"{title}: {names[0]}", style.ordered(lines["contender"]))
    return sheet


def _name(names: tuple[object, ...], lines: pd.DataFrame) -> str:
    scenario, lane, payload_bytes, *load = names
    words = [f"lane {lane}", size(float(str(payload_bytes)))]
    if lines["scenario"].nunique() > 1:
        words.insert(0, str(scenario))
    if load:
        clients, constant = load
        words.append("1 client" if clients == 1 else f"{clients} clients")
        if constant:
            words.append("evenly")
    return ", ".join(words)


def _throughput(axes: Axes, part: pd.DataFrame) -> None:
    _lines(axes, part, "clients", "calls_per_s", ribbon=True)
    _plain(axes)
    _clients_along_x(axes, part)


def _client_latency(column: str) -> Fill:
    """Of all calls; around the p50 a band from that of the fastest client to that of the slowest."""

    def fill(axes: Axes, part: pd.DataFrame) -> None:
        if column == "p50_us":
            low, high = OF_CLIENTS
            alone = part[column]
            part = part.assign(low=part[low].fillna(alone), high=part[high].fillna(alone))
        _lines(axes, part, "clients", column, ribbon=column == "p50_us")
        _times_upwards(axes)
        _clients_along_x(axes, part)

    return fill


def _fairness(axes: Axes, part: pd.DataFrame) -> None:
    _clients_along_x(axes, part)
    _lines(axes, part[part["clients"] > 1], "clients", "fairness")
    axes.axhline(1, color="#555555", linewidth=0.8)
    highest = part["fairness"].replace(np.inf, np.nan).max()
    if highest > 5:
        _plain(axes)
    else:
        axes.set_ylim(0.9, None)


def _clients_along_x(axes: Axes, part: pd.DataFrame) -> None:
    counts = sorted(set(part["clients"]))
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(counts))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))


def _rate_latency(column: str) -> Fill:
    def fill(axes: Axes, part: pd.DataFrame) -> None:
        endless = {}
        for contender in style.ordered(part["contender"]):
            mine = part[part["contender"] == contender].sort_values("rate")
            look = style.of(contender)
            hollow = {"color": look["color"], "marker": look["marker"], "linestyle": "", "mfc": "white"}
            x, y = mine["rate"].to_numpy(), mine[column].replace(np.inf, np.nan).to_numpy()
            served = mine["served"].to_numpy()
            # The line goes on, thin and hollow, to where the queue only grows: a figure there depends on how long
            # the run was, and says no more than "too much".
            axes.plot(x, y, color=look["color"], linewidth=0.8, linestyle=":")
            axes.plot(x[~served], y[~served], **hollow)
            axes.plot(x, np.where(served, y, np.nan), **look)
            endless[contender] = x[np.isinf(mine[column].to_numpy())], hollow
        _rates_along_x(axes, part)
        _times_upwards(axes)
        # At the upper edge, wherever the axis ends: so many calls were skipped that the figure has no limit.
        for x, hollow in endless.values():
            (marks,) = axes.plot(x, np.ones(x.size), transform=axes.get_xaxis_transform(), clip_on=False, **hollow)
            marks.set_in_layout(False)

    return fill


def _answered(axes: Axes, part: pd.DataFrame) -> None:
    rates = np.array(sorted(set(part["rate"])))
    axes.plot(rates, rates, color="#555555", linewidth=0.8)
    label = axes.annotate("all of it", (rates[-1], rates[-1]), (-12, -2), textcoords="offset points", fontsize=7.5)
    label.set(ha="right", in_layout=False)
    _lines(axes, part, "rate", "calls_per_s")
    _rates_along_x(axes, part)
    _plain(axes)


def _cpu(axes: Axes, part: pd.DataFrame) -> None:
    _lines(axes, part, "rate", "cpu_us")
    _rates_along_x(axes, part)
    _times_upwards(axes)


def _rates_along_x(axes: Axes, part: pd.DataFrame) -> None:
    axes.set_xscale("log")
    rates = sorted(set(part["rate"]))
    axes.xaxis.set_major_locator(FixedLocator(rates))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value / 1000:g}k" if value >= 1000 else f"{value:g}")
    )


def _times_upwards(axes: Axes) -> None:
    """1 µs to 10 s: a saturated queue is as long as the run."""
    if not _log_upwards(axes):
        return
    axes.yaxis.set_major_locator(LogLocator(10, numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda us, _: _time(us)))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _log_upwards(axes: Axes) -> bool:
    """A logarithmic axis, if there is anything to show on one."""
    if not any(np.nanmax(np.asarray(line.get_ydata(), float), initial=0) > 0 for line in axes.lines):
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color="#555555")
        return False
    axes.set_yscale("log")
    return True


def _time(us: float) -> str:
    for unit, of_us in (("s", 1e6), ("ms", 1e3)):
        if us >= of_us:
            return f"{us / of_us:g} {unit}"
    return f"{us:g} µs"


def _plain(axes: Axes) -> None:
    if not _log_upwards(axes):
        return
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
    "calls/s of all clients": _throughput,
    "fairness: most calls of a client over fewest": _fairness,
    "p50 (band: the fastest client's to the slowest's)": _client_latency("p50_us"),
    "p99": _client_latency("p99_us"),
}
_RATES: dict[str, Fill] = {
    "p50 from the intended send": _rate_latency("p50_us"),
    "p99 from the intended send": _rate_latency("p99_us"),
    "answered calls/s": _answered,
    "CPU per call, client and server": _cpu,
}
