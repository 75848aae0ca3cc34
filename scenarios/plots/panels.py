"""Figures made of panels: a column per lane, a row per quantity, payload size along x, the legend below.

Where nothing was measured at more than one size there is no line to draw: the panels then list the contenders
downwards and show one mark each.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from contenders.interface import LANES
from scenarios.common.units import size, three
from scenarios.plots import style

PANEL_INCHES = (3.6, 3.0)
LEGEND_COLUMN_INCHES = 1.75
LINE_INCHES = 0.21
ROOM_FOR = 9
"""Contenders that a panel of the usual height can list."""
FOOTER_INCHES = 0.3


@dataclasses.dataclass(frozen=True)
class Row:
    """One quantity: its axis label, and its columns in the data."""

    label: str
    column: str
    low: str = ""
    high: str = ""


class Sheet:
    """A figure in two parts: the panels with their title and legend, and below them a strip for the footer."""

    def __init__(self, columns: int, rows: int) -> None:
        width, height = PANEL_INCHES
        inches = height * rows + 1.0
        size_inches = (max(width * columns, 6.4) + 0.4, inches + FOOTER_INCHES)
        self.figure = Figure(figsize=size_inches, layout="constrained")
        parts = self.figure.subfigures(2, 1, squeeze=False, height_ratios=(inches, FOOTER_INCHES))
        self.panels, self._strip = parts[:, 0]
        self._rows = rows

    def finish(self, title: str, contenders: Sequence[str], *, legend: bool = True) -> None:
        """Title above; the legend below, outside of the data. The figure grows with the number of contenders."""
        self.panels.suptitle(title, fontsize=12, x=0.01, ha="left")
        more = (len(contenders) - ROOM_FOR) * self._rows  # without a legend the panels list them
        if legend:
            handles = [Line2D([], [], label=name, **style.of(name)) for name in contenders]
            columns = min(len(handles), int(self.figure.get_figwidth() / LEGEND_COLUMN_INCHES))
            self.panels.legend(
                handles=handles, loc="outside lower center", ncols=columns, handlelength=3.2, columnspacing=1.2
            )
            more = math.ceil(len(handles) / columns) - 2
        self.figure.set_figheight(self.figure.get_figheight() + max(0, more) * LINE_INCHES)

    def footer(self, text: str) -> None:
        """Small print: where and with what the data was taken."""
        self._strip.text(0.005, 0.1, text, fontsize=6.5, color="#555555", va="bottom", linespacing=1.3)


def grid(
    lines: pd.DataFrame,
    title: str,
    rows: Sequence[Row],
    *,
    same_scale: bool = False,
    reference: float | None = None,
) -> Sheet:
    """`lines` (a summary) as panels. `reference` draws a horizontal line; `same_scale` ties the rows' y
    axes."""
    columns = _columns(lines)
    rows = [row for row in rows if lines[row.column].notna().any()]
    single = all(part["payload_bytes"].nunique() == 1 for _, part in columns)
    sheet = Sheet(len(columns), len(rows))
    axes = sheet.panels.subplots(
        len(rows), len(columns), squeeze=False, sharey=False if single else "all" if same_scale else "row"
    )
    for row, line_of_axes in zip(rows, axes, strict=True):
        for (name, part), each in zip(columns, line_of_axes, strict=True):
            (_marks if single else _curves)(each, part, row)
            if reference is not None:
                (each.axvline if single else each.axhline)(reference, color="#555555", linewidth=0.8)
            if row is rows[0]:
                each.set_title(name)
            if row is rows[-1] and not single:
                each.set_xlabel("payload size")
        if not single:
            line_of_axes[0].set_ylabel(row.label)
    sheet.finish(title, style.ordered(lines["contender"]), legend=not single)
    return sheet


def plain_numbers(axis: Axis) -> None:
    """1, 10, 1,000, 10k in place of powers of ten: neighbours on an axis must not touch."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}" if value < 1e4 else f"{value / 1000:g}k"))
    axis.set_minor_formatter(NullFormatter())


def _columns(lines: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The panels side by side: scenario and lane, lanes in the order the project names them."""
    several = lines["scenario"].nunique() > 1
    found = []
    for scenario, part in lines.groupby("scenario", sort=True):
        for lane in sorted(set(part["lane"]), key=LANES.index):
            each = part[part["lane"] == lane]
            sizes = each["payload_bytes"].unique()
            of_size = f", {size(sizes[0])}" if len(sizes) == 1 else ""
            found.append((f"{f'{scenario}, ' if several else ''}lane {lane}{of_size}", each))
    return found


def _curves(axes: Axes, part: pd.DataFrame, row: Row) -> None:
    if not part[row.column].notna().any():
        axes.text(0.5, 0.5, "too few calls", transform=axes.transAxes, ha="center", color="#555555")
    sizes = sorted(set(part["payload_bytes"]))
    # Not autoscaled: a row whose numbers do not exist for all sizes is still to be read against the others. And
    # before there is data, which at a single size has no extent.
    margin = (sizes[-1] / sizes[0]) ** 0.08 if len(sizes) > 1 else 2
    axes.set_xscale("log")
    axes.set_xlim(sizes[0] / margin, sizes[-1] * margin)
    for contender in style.ordered(part["contender"]):
        mine = part[part["contender"] == contender].sort_values("payload_bytes")
        look = style.of(contender)
        x = mine["payload_bytes"].to_numpy(float)
        axes.plot(x, mine[row.column].to_numpy(float), **look)
        if row.low:
            low, high = mine[row.low].to_numpy(float), mine[row.high].to_numpy(float)
            axes.fill_between(x, low, high, color=look["color"], alpha=0.18, linewidth=0)
            axes.vlines(x, low, high, color=look["color"], linewidth=0.8, alpha=0.7)
    axes.set_yscale("log")
    axes.xaxis.set_major_locator(FixedLocator(_spread(sizes)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: size(value)))
    axes.yaxis.set_major_locator(LogLocator(10, numticks=12))
    plain_numbers(axes.yaxis)


def _marks(axes: Axes, part: pd.DataFrame, row: Row) -> None:
    names = style.ordered(part["contender"])[::-1]
    if not part[row.column].notna().any():
        axes.text(0.5, 0.5, "too few calls", transform=axes.transAxes, ha="center", color="#555555")
        axes.set_xticks([])
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel(row.label)
        return
    for place, contender in enumerate(names):
        mine = part[part["contender"] == contender].iloc[0]
        value = float(mine[row.column])
        look = style.of(contender)
        marker = "o" if look["marker"] in "._" else look["marker"]
        if row.low and not np.isnan(mine[row.low]):
            ends = [mine[row.low], mine[row.high]]
            axes.plot(ends, [place, place], color=look["color"], linewidth=3, alpha=0.4)
        axes.plot([value], [place], color=look["color"], marker=marker)
        axes.annotate(three(value), (value, place), (0, 7), textcoords="offset points", ha="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.2)
    axes.margins(x=0.18)
    axes.xaxis.set_major_locator(LogLocator(10, numticks=12))
    plain_numbers(axes.xaxis)
    axes.set_xlabel(row.label)


def _spread(sizes: list[float]) -> list[float]:
    """The sizes that have room for a label: at least a factor of 6 apart, the last always."""
    kept: list[float] = []
    for value in reversed(sizes):
        if not kept or kept[-1] / value >= 6:
            kept.append(value)
    return kept[::-1]
