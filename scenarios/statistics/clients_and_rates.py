"""What many clients, several calls in flight and offered rates lead to: the lines of
:func:`scenarios.statistics.figures.summary` about them."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from scenarios.plan.cells import GROUP
from scenarios.plan.load import CLOSED, Load
from scenarios.statistics import figures

SATURATED_SHARE = 0.95
"""A rate is not served when fewer calls per second than this share of it were answered, or any was skipped."""
LUCK = 2.0
"""Calls at random moments may be fewer than offered by so many times the root of their number."""


def by_clients(cells: pd.DataFrame) -> pd.DataFrame:
    """Closed loops, a line per number of clients, of the scenarios that have more than one; contenders with a single
    one included. Columns: those of a summary."""
    closed = figures.ideal(cells, cells["load"] == CLOSED)
    several = closed[closed.groupby("scenario")["clients"].transform("max") > 1]
    return figures.summary(several).sort_values(list(GROUP), ignore_index=True)


def by_in_flight(cells: pd.DataFrame) -> pd.DataFrame:
    """Closed loops, a line per number of calls in flight, of the scenarios that have more than one; contenders with a
    single one included. Those of other surroundings are :mod:`scenarios.statistics.real`'s. Columns: those of a
    summary."""
    told = figures.of_several_in_flight(cells) - figures.of_circumstances(cells)
    lines = figures.summary(_closed_of(cells, told))
    return lines.sort_values(list(GROUP), ignore_index=True)


def beside_slow_calls(cells: pd.DataFrame) -> pd.DataFrame:
    """Closed loops of clients beside which others call slow methods of the same server, and in the same scenarios those
    of clients beside which nobody does. Columns: those of a summary."""
    lines = figures.summary(_closed_of(cells, figures.of_slow_calls(cells)))
    return lines.sort_values(list(GROUP), ignore_index=True)


def _closed_of(cells: pd.DataFrame, scenarios: Collection[str]) -> pd.DataFrame:
    """Those of closed loops; not of streams, which are :mod:`scenarios.statistics.streams`'s."""
    return cells[(cells["load"] == CLOSED) & (cells["items"] == 0) & cells["scenario"].isin(scenarios)]


def offered(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of :func:`by_rate`; those whose caller sleeps are :mod:`scenarios.statistics.real`'s."""
    awake = [load != CLOSED and not Load.parse(load).asleep for load in cells["load"]]
    return figures.ideal(cells, pd.Series(awake, cells.index, bool))


def by_rate(cells: pd.DataFrame) -> pd.DataFrame:
    """Open loops of callers that compute until they call, a line per rate and group. Columns: those of a summary,
    `rate`, `constant`, and `served`: whether the rate was."""
    lines = figures.summary(offered(cells))
    loads = [Load.parse(load) for load in lines["load"]]
    lines = lines.assign(rate=[float(load.rate or 0) for load in loads], constant=[load.constant for load in loads])
    return lines.assign(served=served(lines)).sort_values([*GROUP[:4], "clients", "rate"], ignore_index=True)


def served(lines: pd.DataFrame) -> pd.Series[bool]:
    """Whether each line's offered rate was; a closed loop offers none, and is."""
    rates = pd.Series([Load.parse(load).rate or 0.0 for load in lines["load"]], lines.index, float)
    by_chance = LUCK / np.sqrt(lines["calls"].fillna(np.inf).clip(lower=1))
    found: pd.Series[bool] = (lines["calls_per_s"] >= (SATURATED_SHARE - by_chance) * rates) & (
        lines["skipped_share"] == 0
    )
    return found
