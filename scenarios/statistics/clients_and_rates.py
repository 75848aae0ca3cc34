"""What many clients and offered rates lead to: the lines of :func:`scenarios.statistics.figures.summary` about them."""

from __future__ import annotations

import pandas as pd

from scenarios.plan.cells import GROUP
from scenarios.plan.load import CLOSED, Load
from scenarios.statistics import figures

SATURATED_SHARE = 0.95
"""A rate is not served when fewer calls per second than this share of it were answered, or any was skipped."""


def by_clients(cells: pd.DataFrame) -> pd.DataFrame:
    """Closed loops, a line per number of clients, of the scenarios that have more than one; contenders with a single
    one included. Columns: those of a summary."""
    closed = cells[cells["load"] == CLOSED]
    several = closed[closed.groupby("scenario")["clients"].transform("max") > 1]
    return figures.summary(several).sort_values(list(GROUP), ignore_index=True)


def by_rate(cells: pd.DataFrame) -> pd.DataFrame:
    """Open loops, a line per rate and group. Columns: those of a summary, `rate`, `constant`, and `served`: whether the
    rate was."""
    lines = figures.summary(cells[cells["load"] != CLOSED])
    loads = [Load.parse(load) for load in lines["load"]]
    lines = lines.assign(rate=[float(load.rate or 0) for load in loads], constant=[load.constant for load in loads])
    in_time = lines["calls_per_s"] >= SATURATED_SHARE * lines["rate"]
    served = in_time & (lines["skipped_share"] == 0)
    return lines.assign(served=served).sort_values([*GROUP[:4], "clients", "rate"], ignore_index=True)
