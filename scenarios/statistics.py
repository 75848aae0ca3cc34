"""Numbers from samples and rows, and what may be said of them.

Percentiles are observed samples (the smallest that at least the share q of all samples do not exceed; Hyndman
and Fan's type 1, numpy's ``inverted_cdf``), never interpolated, over every sample of a cell. A percentile
needs :data:`SAMPLES_BEYOND` samples above it, else it does not exist: p99 needs 1,000 calls, p999 10,000.

The process, not the call, is the unit of sampling: calls of one process share its memory layout, its
placement and its moment. Intervals are over repeats, each of them a fresh process: percentile bootstrap
(Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13; ``scipy.stats.bootstrap``) of the median,
95%. From three repeats, which is the least it is given for, it can be no wider than the repeats themselves:
read it as their range.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from scenarios.cells import GROUP
from scenarios.store import Row

PERCENTILES = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p999_us": 0.999}
SAMPLES_BEYOND = 10
"""A percentile with fewer samples above it is the opinion of a few outliers, and is left empty."""
FEWEST_REPEATS = 3
"""An interval over fewer is not given."""
CONFIDENCE = 0.95
RESAMPLES = 2000

Samples = np.ndarray[Any, np.dtype[np.int64]]


def percentile_us(sorted_ns: Samples, share: float) -> float | None:
    """The percentile in µs of ascending latencies in ns; None without enough samples beyond it."""
    # Rounded, because 10000 * (1 - 0.999) is a hair below 10 in binary.
    if round(sorted_ns.size * (1 - share), 6) < SAMPLES_BEYOND:
        return None
    rank = int(np.ceil(round(sorted_ns.size * share, 6))) - 1
    return float(sorted_ns[rank]) / 1000


def describe(latencies_ns: Samples) -> dict[str, float | None]:
    """The columns of cells.csv that come from one cell's samples alone; at least one sample."""
    ordered = np.sort(latencies_ns)
    found: dict[str, float | None] = {name: percentile_us(ordered, share) for name, share in PERCENTILES.items()}
    mean_ns = float(ordered.mean())
    return found | {
        "max_us": float(ordered[-1]) / 1000,
        "mean_us": mean_ns / 1000,
        # Time outside of the calls (checking the answers) is the harness' and not counted.
        "calls_per_s": 1e9 / mean_ns,
    }


def interval(values: Sequence[float] | np.ndarray[Any, Any], seed: int = 0) -> tuple[float, float] | None:
    """Bootstrap interval of the median of repeats; None from fewer than :data:`FEWEST_REPEATS`."""
    data = np.asarray(values, float)
    data = data[~np.isnan(data)]
    if data.size < FEWEST_REPEATS:
        return None
    from scipy import stats  # a second to import, and not needed before the first cells are done

    # BCa, scipy's default, is undefined for the many ties of a median of few values.
    result = stats.bootstrap(
        (data,),
        np.median,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def with_intervals(rows: list[Row]) -> list[Row]:
    """The rows with `ci_low_us` and `ci_high_us`: the interval of p50 over the repeats of each row's
    group."""
    groups: dict[tuple[str, ...], list[float]] = {}
    for row in rows:
        if row["p50_us"]:
            groups.setdefault(_group_of(row), []).append(float(row["p50_us"]))
    intervals = {group: interval(values) for group, values in groups.items()}
    return [row | _as_columns(intervals.get(_group_of(row))) for row in rows]


def frame(rows: list[Row]) -> pd.DataFrame:
    """Rows of cells.csv as a table with numbers in it; empty fields are NaN, no flags an empty string."""
    table = pd.DataFrame(rows)
    words = {"run_id", "scenario", "contender", "lane", "load", "wait", "noise_flags"}
    for column in table.columns:
        if column not in words:
            table[column] = pd.to_numeric(table[column].replace("", None))
    return table


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """One line per group: medians over the repeats, with the intervals of p50 and p99 (`*_low`, `*_high`)."""
    lines = []
    for group, each in cells.groupby(list(GROUP), sort=False):
        p50, p99 = interval(each["p50_us"].to_numpy()), interval(each["p99_us"].to_numpy())
        client, server = each["client_cpu_us_per_call"], each["server_cpu_us_per_call"]
        lines.append(
            dict(zip(GROUP, group, strict=True))
            | {"p50_us": each["p50_us"].median(), "p99_us": each["p99_us"].median()}
            | dict(zip(("p50_low", "p50_high"), p50 or (np.nan, np.nan), strict=True))
            | dict(zip(("p99_low", "p99_high"), p99 or (np.nan, np.nan), strict=True))
            | {
                "calls_per_s": each["calls_per_s"].median(),
                "client_cpu_us": client.median(),
                "server_cpu_us": server.median(),
                "cpu_us": (client + server.fillna(0)).median(),
                "cold_start_ms": each["cold_start_ms"].median(),
                "repeats": len(each),
                "noisy": int((each["noise_flags"].fillna("") != "").sum()),
                "flags": ";".join(sorted(set(";".join(each["noise_flags"].fillna("")).split(";")) - {""})),
            }
        )
    return pd.DataFrame(lines)


def ratios(cells: pd.DataFrame, base: str, column: str = "p50_us") -> pd.DataFrame:
    """Each contender's `column` as a multiple of `base`'s: the median of the ratios within each repeat.

    Paired, because what a repeat's moment does to both cancels. Columns: the group's axes, `ratio`, `low`,
    `high` (NaN from fewer than :data:`FEWEST_REPEATS` pairs). Groups `base` was not measured in have no line.
    """
    axes = [axis for axis in GROUP if axis != "contender"]
    of_base = cells[cells["contender"] == base][[*axes, "repeat", column]]
    paired = cells.merge(of_base, on=[*axes, "repeat"], suffixes=("", "_base"))
    paired["ratio"] = paired[column] / paired[f"{column}_base"]
    lines = []
    for group, each in paired.groupby(list(GROUP), sort=False):
        low, high = interval(each["ratio"].to_numpy()) or (np.nan, np.nan)
        found = {"ratio": each["ratio"].median(), "low": low, "high": high}
        lines.append(dict(zip(GROUP, group, strict=True)) | found)
    return pd.DataFrame(lines, columns=[*GROUP, "ratio", "low", "high"])


def _group_of(row: Row) -> tuple[str, ...]:
    return tuple(row[axis] for axis in GROUP)


def _as_columns(found: tuple[float, float] | None) -> Row:
    low, high = (f"{found[0]:.3f}", f"{found[1]:.3f}") if found else ("", "")
    return {"ci_low_us": low, "ci_high_us": high}
