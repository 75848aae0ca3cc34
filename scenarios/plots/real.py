"""The picture of calls as programs make them: the medians of those that people choose between, a line per case.

Takes lines of :func:`scenarios.statistics.real.by_case`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from scenarios.common.units import size
from scenarios.plots import style
from scenarios.plots.sheet import Sheet, times

CHOSEN = (*style.BOLD, "shm-block")
"""As many as can be told apart on one line."""
ROW_INCHES = 0.25


def sheets(lines: pd.DataFrame) -> dict[str, Sheet]:
    """One per lane, of the payload with most cases."""
    found = {}
    for lane in style.lanes(lines["lane"]):
        mine = lines[lines["lane"] == lane]
        most = mine.groupby("payload_bytes")["case"].nunique().idxmax()
        found[f"real_{lane}"] = sheet(mine[mine["payload_bytes"] == most], lane)
    return found


def sheet(lines: pd.DataFrame, lane: str) -> Sheet:
    """Cases downwards, the ideal one on top; a mark per contender, a bar from the fastest to the slowest."""
    lines = lines[np.isfinite(lines["p50_us"]) & lines["served"]]
    known = lines[lines["contender"].isin(CHOSEN)]
    lines = known if len(known) else lines[~lines["contender"].isin(style.WITHOUT_IPC)]
    cases = list(dict.fromkeys(lines.sort_values("place", ascending=False)["case"]))
    title = f"The same call in a program, {size(lines['payload_bytes'].iloc[0])} (lane {lane})"
    drawn = Sheet(title, 0.95 + ROW_INCHES * len(cases))
    axes = drawn.panels.subplots()
    for place, case in enumerate(cases):
        found = lines.loc[lines["case"] == case, "p50_us"]
        axes.plot([found.min(), found.max()], [place, place], color=style.QUIET, zorder=1)
    handles: list[Any] = []
    for name in reversed(style.representatives(lines["contender"])):
        mine = lines[lines["contender"] == name]
        look = style.of(name) | {"linestyle": "", "markersize": 6.5}
        handles += axes.plot(mine["p50_us"], [cases.index(case) for case in mine["case"]], label=name, **look)
    axes.set_xscale("log")
    times(axes.xaxis)
    axes.set_xlabel("round trip, p50")
    axes.set_yticks(range(len(cases)), cases)
    axes.set_ylim(-0.6, len(cases) - 0.4)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    drawn.legend(handles[::-1])
    drawn.note("Medians over repeats; the axis is logarithmic. A contender that could not keep up has no mark.")
    return drawn
