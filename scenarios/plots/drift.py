"""The picture of a run's own drift: each cell against the moment it was measured.

A p50 is shown relative to the median of its group, so all contenders share one scale: a machine that gets slower
lifts everything that follows, and a disturbed moment lifts its neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from scenarios.plan.cells import GROUP
from scenarios.plots import style
from scenarios.plots.sheet import Sheet, ticks_at

WINDOW = 15
"""Cells in the running median: about half a minute of a run."""
REACH = 2.0
"""The scale ends at this factor; what is beyond stands at its edge. One cell of a hundred times would flatten all."""
CELL: dict[str, Any] = {"color": "#7A9CC6", "marker": "o", "markersize": 2.2, "linestyle": "none"}
DISTURBED: dict[str, Any] = {"color": "#87230D", "marker": "x", "markersize": 4, "linestyle": "none"}
RUNNING: dict[str, Any] = {"color": "#000000", "linewidth": 1.6}


def relative(every_attempt: pd.DataFrame) -> pd.DataFrame:
    """Every attempt in the order it was made, with `relative`: its p50 by the median of its group's cells."""
    known: pd.DataFrame = every_attempt[np.isfinite(every_attempt["p50_us"])]
    ordered = known.sort_values("order_index", kind="stable")
    return ordered.assign(relative=ordered["p50_us"] / ordered.groupby(list(GROUP))["p50_us"].transform("median"))


def sheet(every_attempt: pd.DataFrame) -> Sheet:
    """`every_attempt` as :func:`scenarios.statistics.figures.frame` gives it."""
    cells = relative(every_attempt)
    drawn = Sheet("Drift: every cell's p50 relative to the median of its group", 2.9)
    axes = drawn.panels.subplots()
    axes.axhline(1, color=style.SOFT, linewidth=0.8)
    within = cells["relative"].clip(1 / REACH, REACH)
    flagged = cells["noise_flags"].fillna("") != ""
    for some, look in ((~flagged, CELL), (flagged, DISTURBED)):
        (marks,) = axes.plot(cells.loc[some, "order_index"], within[some], clip_on=False, **look)
        marks.set_in_layout(False)  # without a cell, they would be taken to reach to the corner of the sheet
    running = cells["relative"].rolling(WINDOW, center=True, min_periods=WINDOW // 2).median()
    axes.plot(cells["order_index"], running, **RUNNING)
    _repeats(axes, cells)
    axes.set_yscale("log")
    axes.set_ylim(1 / REACH, REACH)
    ticks_at(axes.yaxis, (1 / REACH, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, REACH), lambda value: f"{value:g}x")
    drawn.legend(
        [
            Line2D([], [], label="a cell", **CELL),
            Line2D([], [], label=f"disturbed ({flagged.sum()})", **DISTURBED),
            Line2D([], [], label=f"running median of {WINDOW}", **RUNNING),
        ],
    )
    beyond = cells[within != cells["relative"]]
    if len(beyond):
        counts = beyond["contender"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
        most = ", ".join(f"{name} ({count})" for name, count in counts.head(5).items())
        more = ", ..." if len(counts) > 5 else ""
        drawn.note(f"{len(beyond)} of {len(cells)} cells are beyond the edges: {most}{more}.")
    if again := measured_again(every_attempt):
        drawn.note(f"{again}; all attempts are shown.")
    return drawn


def measured_again(every_attempt: pd.DataFrame) -> str:
    """How often a disturbed cell was, in words; empty where none was."""
    count = int((every_attempt["attempt"] > 0).sum())
    return f"{count} disturbed cells were measured again" if count else ""


def _repeats(axes: Axes, cells: pd.DataFrame) -> None:
    """A line where one repeat ends and the next begins."""
    for at in cells.groupby("repeat")["order_index"].min():
        axes.axvline(at - 0.5, color=style.SOFT, linewidth=0.8, linestyle=":")
    axes.set_xlabel("order of measuring (dotted: a repeat begins)")
    axes.margins(x=0.01)
