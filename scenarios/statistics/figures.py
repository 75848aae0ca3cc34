"""Numbers from samples and rows, and what may be said of them.

Percentiles are observed samples (the smallest that at least the share q of all samples do not exceed; Hyndman
and Fan's type 1, numpy's ``inverted_cdf``), never interpolated, over every sample of a cell. A percentile
needs :data:`SAMPLES_BEYOND` samples above it, else it does not exist: p99 needs 1,000 calls, p999 10,000.

The process, not the call, is the unit of sampling: calls of one process share its memory layout, its
placement and its moment. Intervals are over repeats, each of them a fresh process, and over the calls within
each where they were kept: :mod:`scenarios.statistics.bootstrap`. From three repeats, which is the least they are
given for, they can be no wider than the repeats themselves, and are 75% sure; 95% takes six: :func:`sureness`.

Where a disturbed cell was measured again, one attempt counts: :func:`chosen`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scenarios.plan.cells import AXES, GROUP
from scenarios.records.store import COLUMNS, WORDS, Row
from scenarios.statistics import bootstrap
from scenarios.statistics.bootstrap import FEWEST_PROCESSES, RESAMPLES, Floats, Interval, Samples

PERCENTILES = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p999_us": 0.999}
SAMPLES_BEYOND = 10
"""A percentile with fewer samples above it is the opinion of a few outliers, and is left empty."""
INTERVALS = {"p50_us": ("ci_low_us", "ci_high_us"), "p99_us": ("p99_ci_low_us", "p99_ci_high_us")}
"""Percentiles that have an interval, and its columns in cells.csv."""
COSTS = ("voluntary_switches_per_call", "involuntary_switches_per_call", "client_rss_mib", "server_rss_mib")
"""Columns of cells.csv that say what a call costs beside its time, shown as medians over repeats."""

SamplesOf = Callable[[Mapping[str, Any]], "Samples | None"]
"""The latencies of a row in ns, if they were kept: :meth:`scenarios.records.store.Run.samples_of`."""


def percentile_us(sorted_ns: Samples, share: float) -> float | None:
    """The percentile in µs of ascending latencies in ns; None without enough samples beyond it."""
    # Rounded, because 10000 * (1 - 0.999) is a hair below 10 in binary.
    if round(sorted_ns.size * (1 - share), 6) < SAMPLES_BEYOND:
        return None
    return float(sorted_ns[bootstrap.rank(sorted_ns.size, share)]) / 1000


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


def disturbance(row: Row) -> int:
    """How many noise flags a row has."""
    return len(row["noise_flags"].split(";")) if row["noise_flags"] else 0


def chosen(rows: Iterable[Row]) -> list[Row]:
    """One row per cell: of several attempts at it the one with the fewest noise flags, the first of equals.

    Decided by the flags and the order alone, never by a latency, so that no contender is given a second throw of the
    dice for being slow. All attempts stay in cells.csv.
    """
    best: dict[tuple[str, ...], Row] = {}
    for row in rows:
        key = tuple(row[axis] for axis in AXES)
        if key not in best or disturbance(row) < disturbance(best[key]):
            best[key] = row
    return list(best.values())


def interval(values: Sequence[float] | Floats, seed: int = 0) -> Interval | None:
    """Bootstrap interval of the median of repeats; None from fewer than three. For figures without their samples."""
    return bootstrap.of_median([np.array(each) for each in values if not np.isnan(each)], seed)


def sureness(repeats: Iterable[int]) -> str:
    """How sure intervals over so many repeats are, in words; empty where none is given."""
    counts = sorted({int(each) for each in repeats if each >= FEWEST_PROCESSES})
    return ", ".join(f"{bootstrap.confidence(each):.0%} sure over {each} repeats" for each in counts)


def with_intervals(rows: list[Row], samples: SamplesOf = lambda row: None) -> list[Row]:
    """The rows with the intervals of p50 and p99 over the repeats of each row's group, every attempt the same."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in chosen(rows):
        groups.setdefault(_group_of(row), []).append(row)
    found = {group: _intervals(group, each, samples) for group, each in groups.items()}
    return [row | found[_group_of(row)] for row in rows]


def frame(rows: list[Row], *, every_attempt: bool = False) -> pd.DataFrame:
    """Rows of cells.csv as a table with numbers in it, one per cell; empty fields are NaN, no flags an empty
    string."""
    table = pd.DataFrame(rows if every_attempt else chosen(rows), columns=list(COLUMNS))
    for column in table.columns:
        if column not in WORDS:
            table[column] = pd.to_numeric(table[column].replace("", None))
    return table.assign(attempt=table["attempt"].fillna(0).astype(int))


def of_all(repeats_with: int, repeats: int) -> bool | None:
    """Whether a percentile over repeats is of all of them. Those without it had too few calls, and were the slower
    ones: with False it is the least it can be. None where half of them or more have none: it says nothing then."""
    return None if 2 * repeats_with <= repeats else bool(repeats_with == repeats)


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """One line per group: medians over the repeats, with the intervals of p50 and p99 (`*_low`, `*_high`).

    `p99_repeats` is how many of `repeats` have a p99: what may be said of it is up to :func:`of_all`.
    """
    lines = []
    for group, each in cells.groupby(list(GROUP), sort=False):
        p50, p99 = _known_interval(each, "p50_us"), _known_interval(each, "p99_us")
        client, server = each["client_cpu_us_per_call"], each["server_cpu_us_per_call"]
        lines.append(
            dict(zip(GROUP, group, strict=True))
            | {"p50_us": each["p50_us"].median(), "p99_us": each["p99_us"].median()}
            | dict(zip(("p50_low", "p50_high"), p50, strict=True))
            | dict(zip(("p99_low", "p99_high"), p99, strict=True))
            | {
                "calls_per_s": each["calls_per_s"].median(),
                "client_cpu_us": client.median(),
                "server_cpu_us": server.median(),
                "cpu_us": (client + server.fillna(0)).median(),
                "cold_start_ms": each["cold_start_ms"].median(),
                "repeats": len(each),
                "p99_repeats": int(each["p99_us"].count()),
                "noisy": int((each["noise_flags"].fillna("") != "").sum()),
                "flags": ";".join(sorted(set(";".join(each["noise_flags"].fillna("")).split(";")) - {""})),
            }
        )
    return pd.DataFrame(lines)


def ratios(
    cells: pd.DataFrame, base: str, column: str = "p50_us", samples: SamplesOf = lambda row: None
) -> pd.DataFrame:
    """Each contender's `column` as a multiple of `base`'s: the median of the ratios within each repeat.

    Paired, because what a repeat's moment does to both cancels; both sides' calls are resampled where `samples` has
    them. Columns: the group's axes, `ratio`, `low`, `high` (NaN from fewer than three pairs). Groups `base` was not
    measured in have no line.
    """
    axes = [axis for axis in GROUP if axis != "contender"]
    of_base = cells[cells["contender"] == base][[*axes, "repeat", "attempt", column]]
    paired = cells.merge(of_base, on=[*axes, "repeat"], suffixes=("", "_base"))
    paired["ratio"] = paired[column] / paired[f"{column}_base"]
    lines = []
    for group, each in paired.groupby(list(GROUP), sort=False):
        pairs = []
        for record in each[each["ratio"].notna()].to_dict("records"):
            row = {str(name): value for name, value in record.items()}
            below = row | {"contender": base, "attempt": row["attempt_base"], column: row[f"{column}_base"]}
            pairs.append(_draws(row, column, samples) / _draws(below, column, samples))
        # A contender against itself is itself, not two draws of it.
        own = each["contender"].iloc[0] == base
        found = bootstrap.of_median(pairs if not own else [np.array(1.0)] * len(pairs), _seed(*group))
        low, high = found or (np.nan, np.nan)
        lines.append(dict(zip(GROUP, group, strict=True)) | {"ratio": each["ratio"].median(), "low": low, "high": high})
    return pd.DataFrame(lines, columns=[*GROUP, "ratio", "low", "high"])


def _group_of(row: Row) -> tuple[str, ...]:
    return tuple(row[axis] for axis in GROUP)


def _intervals(group: tuple[str, ...], rows: list[Row], samples: SamplesOf) -> Row:
    fields: Row = {}
    for column, names in INTERVALS.items():
        with_figure = [row for row in rows if row[column]]
        found = bootstrap.of_median([_draws(row, column, samples) for row in with_figure], _seed(*group))
        fields |= dict(zip(names, [f"{end:.3f}" for end in found] if found else ["", ""], strict=True))
    return fields


def _known_interval(cells: pd.DataFrame, column: str) -> Interval:
    """A group's interval as cells.csv has it, which was made from the samples; else one from the figures alone."""
    low, high = (cells[name] for name in INTERVALS[column])
    if low.notna().all() and len(cells) >= FEWEST_PROCESSES:
        return float(low.iloc[0]), float(high.iloc[0])
    return interval(cells[column].to_numpy()) or (np.nan, np.nan)


def _draws(row: Mapping[str, Any], column: str, samples: SamplesOf) -> Floats:
    """What a row's percentile may as well have been, in µs; itself where its calls were not kept."""
    # Of skipped calls there are no samples: those that there are would understate every percentile.
    whole = str(row["skipped"]) in ("", "0", "0.0", "nan")
    found = samples(row) if whole else None
    if found is None:
        return np.array(float(row[column]))
    drawing = np.random.default_rng(_seed(*(row[axis] for axis in AXES)))
    return bootstrap.percentile_draws(np.sort(found), PERCENTILES[column], RESAMPLES, drawing) / 1000


def _seed(*words: object) -> int:
    """The same for the same words, so that the same data has the same interval."""
    return zlib.crc32("_".join(map(str, words)).encode())
