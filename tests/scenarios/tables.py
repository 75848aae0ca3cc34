"""Rows of cells.csv made by hand, for tests that compute what comes out of them by hand as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from scenarios.records.store import COLUMNS, Row
from scenarios.statistics import figures

Cells = list[Row]


def cells(
    contender: str,
    p50: Mapping[int, Sequence[float]],
    *,
    p99: float | None = None,
    mean: float | None = None,
    client_cpu: float = 1.0,
    server_cpu: float | None = 1.0,
    **axes: str,
) -> Cells:
    """One contender: medians in µs by payload size, one per repeat; the mean is the median unless given.

    Calls per second are those of a client that spends no time between its calls.
    """
    empty = dict.fromkeys(COLUMNS, "")
    usual = {"scenario": "s", "lane": "native", "clients": "1", "load": "closed", "wait": "block"}
    return [
        empty
        | usual
        | {
            "contender": contender,
            "payload_bytes": str(payload_bytes),
            "repeat": str(repeat),
            "p50_us": str(value),
            "p99_us": "" if p99 is None else str(p99),
            "mean_us": str(mean or value),
            "calls_per_s": str(1e6 / (mean or value)),
            "client_cpu_us_per_call": str(client_cpu),
            "server_cpu_us_per_call": "" if server_cpu is None else str(server_cpu),
        }
        | axes
        for payload_bytes, values in p50.items()
        for repeat, value in enumerate(values)
    ]


def table(*contenders: Cells) -> pd.DataFrame:
    """The table of a run with these contenders."""
    return figures.frame([row for each in contenders for row in each])
