"""What many clients and offered rates lead to: one line per group, for tables, pictures and notebooks.

Medians over repeats, as everywhere. A percentile that a repeat does not have because calls were skipped is taken for
infinite there, so that the median of saturated repeats is infinite too, and not the figure of the one repeat that
still had one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.plan.cells import GROUP
from scenarios.plan.load import CLOSED, Load

PERCENTILES = ("p50_us", "p99_us")
SATURATED_SHARE = 0.95
"""A rate is not served when fewer calls per second than this share of it were answered, or any was skipped."""


def plain(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of one client in a closed loop: what latency by payload is about. Not those that begin a row of
    :func:`by_clients`, which tells of them.
    """
    closed = cells["load"] == CLOSED
    several = cells.where(closed).groupby(cells["scenario"])["clients"].transform("nunique") > 1
    return cells[closed & (cells["clients"] == 1) & ~several]


def by_clients(cells: pd.DataFrame) -> pd.DataFrame:
    """Closed loops, one line per number of clients, of the groups that were measured with several numbers.

    Columns: the group's axes, the medians of the measured columns, `low` and `high` of calls_per_s (least and most of
    the repeats), `cpu_us` (clients and server together).
    """
    closed = cells[cells["load"] == CLOSED]
    return _lines(_compared(closed, "clients"))


def by_rate(cells: pd.DataFrame) -> pd.DataFrame:
    """Open loops, one line per rate and group; as :func:`by_clients`, with `rate`, `constant`, `skipped_share` and
    `served`: whether the rate was.
    """
    lines = _lines(cells[cells["load"] != CLOSED])
    loads = [Load.parse(load) for load in lines["load"]]
    rates = np.array([load.rate for load in loads], float)
    lines = lines.assign(rate=rates, constant=[load.constant for load in loads])
    in_time = lines["calls_per_s"] >= SATURATED_SHARE * lines["rate"]
    return lines.assign(served=in_time & (lines["skipped_share"] == 0)).sort_values([*GROUP[:4], "rate"])


def _compared(cells: pd.DataFrame, axis: str) -> pd.DataFrame:
    """The cells of scenarios in which `axis` has several values, contenders with a single one included."""
    return cells[cells.groupby("scenario")[axis].transform("nunique") > 1]


def _lines(cells: pd.DataFrame) -> pd.DataFrame:
    offered = cells["calls"] + cells["skipped"].fillna(0)
    cells = cells.assign(
        cpu_us=cells["client_cpu_us_per_call"] + cells["server_cpu_us_per_call"].fillna(0),
        skipped_share=cells["skipped"].fillna(0) / offered,
    )
    for column in PERCENTILES:
        cells[column] = cells[column].where(cells[column].notna() | (cells["skipped_share"] == 0), np.inf)
    groups = cells.groupby(list(GROUP), sort=True)
    counts = groups["p99_us"].count().rename("p99_repeats").to_frame().assign(repeats=groups.size())
    rates = groups["calls_per_s"].agg(["min", "max"]).rename(columns={"min": "low", "max": "high"})
    return groups.median(numeric_only=True).join(rates).join(counts).reset_index()
