"""The picture of a program of one's own: what splitting each function off would cost, against the time it takes today.

One point per function, that of the contender that costs least, both in percent of the program's time and both axes
logarithmic; a line goes up to the dearest. Below one guide it costs under 5% of the function's own time, above the
other as much as the function takes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from scenarios.common.verdicts import CHEAP_SHARE
from scenarios.plots import names, style
from scenarios.plots.names import Name
from scenarios.plots.sheet import Sheet, handles

LEAST = 1e-4
"""Percent of the program's time: less, and what is not to be measured, stands at the edge."""
HEIGHT_INCHES = 4.4
MARGIN = 3.0
"""A factor around the points, for their names."""


def sheet(functions: Sequence[Mapping[str, Any]], about: str = "") -> Sheet | None:
    """Of the functions of a ``replay.json``; None where none of them can be split off."""
    lines = [each for each in functions if each["verdict"]["contender"] and (each["share"] or 0) > 0]
    if not lines:
        return None
    with style.applied():
        drawn = Sheet("What splitting each function off would cost", HEIGHT_INCHES)
        axes = drawn.panels.subplots()
        short = _short([line["function"] for line in lines])
        labels, used, dearest = [], [], []
        for line, name in zip(lines, short, strict=True):
            costs = {each["cost"]["contender"]: _percent(each["of_program"]) for each in line["contenders"]}
            best = line["verdict"]["contender"]
            x, y = _percent(line["share"]), costs[best]
            dearest.append(max(costs.values()))
            axes.plot([x, x], [y, dearest[-1]], color=style.QUIET, linewidth=1, zorder=1)
            look: dict[str, Any] = style.of(best) | {"linestyle": "", "markersize": 6.5}
            axes.plot([x], [y], **look)
            labels.append(Name(name, x, y, look["color"]))
            used.append(best)
        _scales(axes, [each.x for each in labels], [*(each.y for each in labels), *dearest])
        _guides(axes)
        axes.set_xlabel("time it takes today, % of the program's")
        axes.set_ylabel("added by all its calls, % of the program's")
        names.around(drawn, axes, labels)
        drawn.legend(_handles(used))
        drawn.note(
            "One point per function: the contender that costs least; the line goes up to the dearest that was "
            "replayed. Both axes are logarithmic."
        )
        if hidden := sum(each.y <= LEAST for each in labels):
            drawn.note(f"{hidden} of {len(lines)} functions cost less than {LEAST:g}% and stand at the edge.")
        if left := [each["function"] for each in functions if each not in lines]:
            drawn.note(f"Impossible, or not replayed: {_named(left)}.")
        return drawn.finish(about)


def _percent(share: float | None) -> float:
    return max(LEAST, share * 100) if share is not None and math.isfinite(share) else LEAST


def _scales(axes: Axes, across: list[float], up: list[float]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(min(across) / MARGIN, max(across) * MARGIN)
    axes.set_ylim(min(up) / MARGIN, max(up) * MARGIN)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(10, numticks=10))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}%"))
        axis.set_minor_formatter(NullFormatter())


def _guides(axes: Axes) -> None:
    """Where it costs 5% of the function's own time, and all of it."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    for share, text in ((CHEAP_SHARE, "5% of its own time"), (1.0, "as much as it takes")):
        axes.plot(
            [left, right], [left * share, right * share], color=style.SOFT, linewidth=0.8, linestyle=":", zorder=0
        )
        at = 0.75 * min(right, high / share)
        if left < at and low < at * share:
            words = axes.text(at, at * share, text, fontsize=style.POINTS, color=style.SOFT, ha="right", va="bottom")
            words.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.8})
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)


def _handles(contenders: list[str]) -> list[Any]:
    found = handles(style.ordered(contenders))
    for each in found:
        each.set_linestyle("")
    return found


def _short(functions: list[str]) -> list[str]:
    """Without their modules, where that says which is meant."""
    ends = [name.partition(":")[2] or name for name in functions]
    often = Counter(ends)
    return [end if often[end] == 1 else name for end, name in zip(ends, functions, strict=True)]


def _named(functions: list[str], most: int = 6) -> str:
    more = f" and {len(functions) - most} more" if len(functions) > most else ""
    return ", ".join(functions[:most]) + more
