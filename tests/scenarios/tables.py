"""Rows of cells.csv made by hand, for tests that compute what comes out of them by hand as well."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from scenarios.advice.curves import Estimate
from scenarios.records.store import Row
from scenarios.statistics import figures
from tests.scenarios.rows import row

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
    return [
        row(
            contender,
            lane="native",
            wait="block",
            payload_bytes=payload_bytes,
            repeat=repeat,
            p50_us=value,
            p99_us="" if p99 is None else p99,
            mean_us=mean or value,
            calls_per_s=1e6 / (mean or value),
            client_cpu_us_per_call=client_cpu,
            server_cpu_us_per_call="" if server_cpu is None else server_cpu,
        )
        | axes
        for payload_bytes, values in p50.items()
        for repeat, value in enumerate(values)
    ]


def table(*contenders: Cells) -> pd.DataFrame:
    """The table of a run with these contenders."""
    return figures.frame([line for each in contenders for line in each])


def is_honest(told: Estimate, measured: Estimate, is_estimated: bool) -> bool:
    """Whether an answer is within a quarter of what was measured; or says that it was not measured, and its interval
    meets the one of that."""
    ends = told.low, told.high, measured.low, measured.high
    if 0.75 <= told.value / measured.value <= 1.25:
        return True
    low, high, least, most = (math.nan if end is None else end for end in ends)
    return is_estimated and low <= most and least <= high
