"""The picture of a run's own drift: each cell against the moment it was measured.

A p50 is shown relative to the median of its group, so all contenders share one scale: a machine that gets slower
lifts everything that follows, a disturbed moment lifts its neighbours, a contender that is erratic scatters alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from scenarios.plan.cells import AXES, GROUP
from scenarios.plots import style
from scenarios.plots.panels import Sheet

COLUMNS = 3
"""Panels of width the sheet has: time needs room."""
WINDOW = 15
"""Cells in the running median: about half a minute of a run."""
FLAGGED: dict[str, Any] = {
    "markeredgecolor": "#D55E00",
    "markerfacecolor": "none",
    "marker": "o",
    "markersize": 9,
    "linestyle": "none",
}
RUNNING: dict[str, Any] = {"color": "#000000", "linewidth": 1.6}


def relative(every_attempt: pd.DataFrame) -> pd.DataFrame:
    """Every attempt in the order it was made, with `relative`: its p50 by the median of its group's cells."""
    known: pd.DataFrame = every_attempt[np.isfinite(every_attempt["p50_us"])]
    ordered = known.sort_values("order_index", kind="stable")
    return ordered.assign(relative=ordered["p50_us"] / ordered.groupby(list(GROUP))["p50_us"].transform("median"))


def sheet(every_attempt: pd.DataFrame) -> Sheet:
    """`every_attempt` as :func:`scenarios.statistics.figures.frame` gives it."""
    cells = relative(every_attempt)
    drawn = Sheet(COLUMNS, 1)
    axes = drawn.panels.subplots()
    axes.axhline(1, color="#555555", linewidth=0.8)
    for contender in style.ordered(cells["contender"]):
        mine = cells[cells["contender"] == contender]
        axes.plot(mine["order_index"], mine["relative"], **style.of(contender) | {"linestyle": "none", "alpha": 0.85})
    flagged = cells[cells["noise_flags"].fillna("") != ""]
    axes.plot(flagged["order_index"], flagged["relative"], **FLAGGED)
    running = cells["relative"].rolling(WINDOW, center=True, min_periods=WINDOW // 2).median()
    axes.plot(cells["order_index"], running, **RUNNING)
    _repeats(axes, cells)
    _scale(axes, cells["relative"])
    drawn.finish("Order and drift: every cell's p50 relative to the median of its group", [], legend=False)
    _legend(drawn, style.ordered(cells["contender"]), len(flagged), len(cells) - len(cells.drop_duplicates(list(AXES))))
    return drawn


def _repeats(axes: Axes, cells: pd.DataFrame) -> None:
    """A line where one repeat ends and the next begins."""
    first = cells.groupby("repeat")["order_index"].min()
    for repeat, at in first.items():
        axes.axvline(at - 0.5, color="#999999", linewidth=0.8, linestyle=":")
        above: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
        axes.annotate(f"repeat {repeat}", (at, 1.0), (2, 3), fontsize=7.5, color="#555555", **above)
    axes.set_xlabel("order of measuring")
    axes.set_ylabel("p50 / median of its group")
    axes.margins(x=0.01)


def _scale(axes: Axes, values: pd.Series[float]) -> None:
    """Logarithmic and the same up as down; at least a factor of 1.25, or noise would look like drift."""
    reach = max(1.25, float(np.exp(np.abs(np.log(values)).max())) * 1.08)
    steps = [step for step in (1.05, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50, 100) if step < reach]
    chosen = steps[-3:] if len(steps) > 3 else steps
    axes.set_yscale("log")
    axes.set_ylim(1 / reach, reach)
    axes.set_yticks([1 / step for step in reversed(chosen)] + [1.0] + list(chosen))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{float(f'{value:.2g}'):g}x"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())


def _legend(drawn: Sheet, contenders: list[str], flagged: int, again: int) -> None:
    handles = [Line2D([], [], label=name, **style.of(name) | {"linestyle": "none"}) for name in contenders]
    more = f", {again} measured again" if again else ""
    handles += [
        Line2D([], [], label=f"disturbed ({flagged}{more})", **FLAGGED),
        Line2D([], [], label=f"running median of {WINDOW} cells", **RUNNING),
    ]
    columns = min(len(handles), int(drawn.figure.get_figwidth() / 2))  # "disturbed ..." is the widest
    drawn.panels.legend(handles=handles, loc="outside lower center", ncols=columns)
