"""Pictures of several clients, of several calls in flight and of offered rates: throughput, latency and fairness or
cost against their number; latency beside slow calls; latency and what was answered against the offered rate. Drawn from
cells.csv alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scenarios.common.units import size
from scenarios.plan.circumstances import NOTHING
from scenarios.plan.load import CLOSED
from scenarios.plots import style
from scenarios.plots.sheet import Sheet, handles, plain_numbers, thousands, ticks_at, times
from scenarios.records.store import OF_CLIENTS
from scenarios.statistics import clients_and_rates, figures

Fill = Callable[[Axes, pd.DataFrame], None]
PANEL_INCHES = 2.35


def sheets(cells: pd.DataFrame) -> dict[str, Sheet]:
    """Those a run has the data for, by name: one per scenario, lane, size and whatever else is not along x."""
    found = {}
    if figures.ideal(cells, cells["load"] == CLOSED)["clients"].nunique() > 1:
        for part, lines in _parts(clients_and_rates.by_clients(cells), ["scenario", "lane", "payload_bytes"]):
            found[f"clients{part}"] = _sheet(lines, f"Several clients, each as fast as it is answered, {_words(lines)}")
            _panels(found[f"clients{part}"], lines, "client processes", _CLIENTS)
    axes = ["scenario", "lane", "payload_bytes", "clients"]
    for part, lines in _parts(clients_and_rates.by_in_flight(cells), axes):
        shown = _IN_FLIGHT | (_TICKER if lines["ticker_p99_us"].notna().any() else {})
        words = f"Several calls in flight per client, {_words(lines)}"
        found[f"in_flight{part}"] = _sheet(lines, words, len(shown) // 2)
        _panels(found[f"in_flight{part}"], lines, "calls in flight", shown)
    for part, lines in _parts(clients_and_rates.beside_slow_calls(cells), ["scenario", "lane", "payload_bytes"]):
        shown = _beside(lines)
        words = f"Quick calls beside others that take 10 ms, {_words(lines)}"
        found[f"slow_calls{part}"] = _sheet(lines, words, len(shown) // 2)
        _panels(found[f"slow_calls{part}"], lines, "client processes with quick calls", shown)
    if len(clients_and_rates.offered(cells)):
        axes = ["scenario", "lane", "payload_bytes", "clients", "constant"]
        for part, lines in _parts(clients_and_rates.by_rate(cells), axes):
            found[f"load{part}"] = _sheet(lines, f"Calls that come at a rate of their own, {_words(lines)}")
            _panels(found[f"load{part}"], lines, "offered calls/s", _RATES)
    return found


def _parts(lines: pd.DataFrame, axes: list[str]) -> list[tuple[str, pd.DataFrame]]:
    """The lines of each picture, with what its file's name ends with where there are several."""
    varied = [axis for axis in axes if lines[axis].nunique() > 1]
    if not len(lines) or not varied:
        return [("", lines)] if len(lines) else []
    return [
        ("_" + "_".join(str(each).replace("/", "-") for each in values), part)
        for values, part in lines.groupby(varied, sort=True)
    ]


def _words(lines: pd.DataFrame) -> str:
    line = lines.iloc[0]
    return f"{size(line['payload_bytes'])} (lane {line['lane']})"


def _sheet(lines: pd.DataFrame, title: str, rows: int = 2) -> Sheet:
    sheet = Sheet(title, 0.55 + rows * PANEL_INCHES)
    sheet.legend(handles(style.ordered(lines["contender"])))
    if "rate" in lines:
        line = lines.iloc[0]
        clients = "1 client" if line["clients"] == 1 else f"{line['clients']:.0f} clients"
        sheet.note(
            f"{clients}{', calls evenly spaced' if line['constant'] else ''}. "
            "At the upper edge: overloaded, where the queue only grew."
        )
    return sheet


def _panels(sheet: Sheet, lines: pd.DataFrame, x_label: str, quantities: dict[str, Fill]) -> None:
    panels = sheet.panels.subplots(len(quantities) // 2, 2)
    for axes, (label, fill) in zip(panels.flat, quantities.items(), strict=True):
        fill(axes, lines)
        axes.set_title(label)
    for axes in sheet.panels.axes[-2:]:
        axes.set_xlabel(x_label)


def _throughput(x: str) -> Fill:
    def fill(axes: Axes, part: pd.DataFrame) -> None:
        _lines(axes, part, x, "calls_per_s", ribbon=True)
        if _log_upwards(axes):
            plain_numbers(axes.yaxis)
        _numbers_along_x(axes, part, x)

    return fill


def _in_flight(column: str) -> Fill:
    """A time against the calls in flight."""

    def fill(axes: Axes, part: pd.DataFrame) -> None:
        _lines(axes, part, "in_flight", column)
        if _log_upwards(axes):
            times(axes.yaxis)
        _numbers_along_x(axes, part, "in_flight")

    return fill


def _beside(lines: pd.DataFrame) -> dict[str, Fill]:
    """p50 and p99 against the number of clients, for each of what was beside them; one scale for each."""
    found: dict[str, Fill] = {}
    for beside in sorted(set(lines["beside"]), key=lambda each: (each != NOTHING, each)):
        words = "nothing beside" if beside == NOTHING else f"beside {beside.replace('-', ' ')}"
        for name in ("p50", "p99"):
            found[f"{name}, {words}"] = _of_those(beside, f"{name}_us")
    return found


def _of_those(beside: str, column: str) -> Fill:
    def fill(axes: Axes, part: pd.DataFrame) -> None:
        _lines(axes, part[part["beside"] == beside], "clients", column)
        known = part[column].replace(np.inf, np.nan)
        if _log_upwards(axes):
            axes.set_ylim(known.min() / 1.3, known.max() * 1.3)
            times(axes.yaxis)
        _numbers_along_x(axes, part, "clients")

    return fill


def _client_latency(column: str) -> Fill:
    """Of all calls; around the p50 a band from that of the fastest client to that of the slowest."""

    def fill(axes: Axes, part: pd.DataFrame) -> None:
        if column == "p50_us":
            low, high = OF_CLIENTS
            alone = part[column]
            part = part.assign(low=part[low].fillna(alone), high=part[high].fillna(alone))
        _lines(axes, part, "clients", column, ribbon=column == "p50_us")
        if _log_upwards(axes):
            times(axes.yaxis)
        _numbers_along_x(axes, part, "clients")

    return fill


def _fairness(axes: Axes, part: pd.DataFrame) -> None:
    _numbers_along_x(axes, part, "clients")
    _lines(axes, part[part["clients"] > 1], "clients", "fairness")
    axes.axhline(1, color=style.SOFT, linewidth=0.8)
    if part["fairness"].replace(np.inf, np.nan).max() > 5 and _log_upwards(axes):
        plain_numbers(axes.yaxis)
    else:
        axes.set_ylim(0.9, None)


def _numbers_along_x(axes: Axes, part: pd.DataFrame, x: str) -> None:
    axes.set_xscale("log", base=2)
    ticks_at(axes.xaxis, sorted(set(part[x])), lambda value: f"{value:.0f}")


def _rate_latency(column: str) -> Fill:
    """Of the rates that were served; the scale is theirs, and those that were not stand at its upper edge."""

    def fill(axes: Axes, part: pd.DataFrame) -> None:
        served = part[part["served"]].replace(np.inf, np.nan)
        _lines(axes, served, "rate", column)
        if _log_upwards(axes):
            times(axes.yaxis)
        _rates_along_x(axes, part)
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** 0.12 if low > 0 else high)
        # Beside each other, as they stand at the same height.
        overloaded = part[~part["served"]]
        for rate, each in overloaded.groupby("rate"):
            there = style.ordered(each["contender"])
            for place, contender in enumerate(there):
                look = style.of(contender) | {"linestyle": "", "clip_on": False}
                step = min(1.13, 1.6 ** (2 / max(1, len(there) - 1)))
                beside = float(str(rate)) * step ** (place - (len(there) - 1) / 2)
                (mark,) = axes.plot([beside], [1], transform=axes.get_xaxis_transform(), **look)
                mark.set_in_layout(False)

    return fill


def _answered(axes: Axes, part: pd.DataFrame) -> None:
    rates = np.array(sorted(set(part["rate"])))
    axes.plot(rates, rates, color=style.SOFT, linewidth=0.8)
    _lines(axes, part, "rate", "calls_per_s")
    _rates_along_x(axes, part)
    if _log_upwards(axes):
        plain_numbers(axes.yaxis)


def _cpu(axes: Axes, part: pd.DataFrame) -> None:
    _lines(axes, part, "rate", "cpu_us")
    _rates_along_x(axes, part)
    if _log_upwards(axes):
        times(axes.yaxis)


def _rates_along_x(axes: Axes, part: pd.DataFrame) -> None:
    axes.set_xscale("log")
    rates = sorted(set(part["rate"]))
    axes.set_xlim(rates[0] / 1.3, rates[-1] * 1.6)
    ticks_at(axes.xaxis, rates, thousands)


def _log_upwards(axes: Axes) -> bool:
    """A logarithmic axis, if there is anything to show on one."""
    if not any(np.nanmax(np.asarray(line.get_ydata(), float), initial=0) > 0 for line in axes.lines):
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center", color=style.SOFT)
        return False
    axes.set_yscale("log")
    return True


def _lines(axes: Axes, part: pd.DataFrame, x: str, y: str, *, ribbon: bool = False) -> None:
    for contender in style.ordered(part["contender"]):
        mine = part[part["contender"] == contender].sort_values(x)
        look = style.of(contender)
        along = mine[x].to_numpy(float)
        axes.plot(along, mine[y].replace(np.inf, np.nan).to_numpy(float), **look, label=contender)
        if ribbon:
            low, high = mine["low"].to_numpy(float), mine["high"].to_numpy(float)
            axes.fill_between(along, low, high, color=look["color"], alpha=0.15, linewidth=0)


_CLIENTS: dict[str, Fill] = {
    "calls/s of all clients": _throughput("clients"),
    "most calls of a client over fewest": _fairness,
    "p50 (band: fastest to slowest client)": _client_latency("p50_us"),
    "p99": _client_latency("p99_us"),
}
_IN_FLIGHT: dict[str, Fill] = {
    "calls/s": _throughput("in_flight"),
    "CPU of a call, client and server": _in_flight("cpu_us"),
    "p50": _in_flight("p50_us"),
    "p99": _in_flight("p99_us"),
}
_TICKER: dict[str, Fill] = {
    "a 1 ms ticker of the loop is late, p50": _in_flight("ticker_p50_us"),
    "a 1 ms ticker of the loop is late, p99": _in_flight("ticker_p99_us"),
}
_RATES: dict[str, Fill] = {
    "p50 since the call was due": _rate_latency("p50_us"),
    "p99 since the call was due": _rate_latency("p99_us"),
    "answered calls/s (grey: all of them)": _answered,
    "CPU of a call, client and server": _cpu,
}
