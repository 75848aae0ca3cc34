"""What a figure is: which repeats and which calls it is of, which quantile, and what it means that one is missing.

Everything that shows a figure (table, pictures, report, notebooks, advice, README) takes it from here.

Percentiles are observed samples (the smallest that at least the share q of all samples do not exceed; Hyndman
and Fan's type 1, numpy's ``inverted_cdf``), never interpolated, over every sample of a cell. A percentile
needs :data:`SAMPLES_BEYOND` samples above it, else it does not exist: p99 needs 1,000 calls, p999 10,000.

A group's figure is the median over its repeats (:func:`of_repeats`, :func:`summary`). A percentile that a repeat lacks
because calls were skipped is infinite there (:func:`frame`). One that it lacks because there were too few calls is
missing: where half of the repeats or more lack it the group has none, and where fewer do it is the least it can be, for
the slower repeats are those without (:func:`of_all`).

The process, not the call, is the unit of sampling: calls of one process share its memory layout, its
placement and its moment. Intervals are over repeats, each of them a fresh process, and follow from the repeats' figures
alone: :mod:`scenarios.statistics.intervals`. Wherever one is shown, so is how sure it is: :func:`sureness`.

Where a disturbed cell was measured again, one attempt counts: :func:`chosen`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scenarios.plan.cells import AXES, GROUP
from scenarios.plan.circumstances import DEFAULTS, IN_FLIGHT, SLOW_CALLS, SURROUNDINGS
from scenarios.plan.load import CLOSED, Load
from scenarios.records.store import COLUMNS, WORDS, Row
from scenarios.statistics import disturbed, intervals, phases
from scenarios.statistics.disturbed import disturbance

Samples = np.ndarray[Any, np.dtype[np.int64]]

PERCENTILES = {"p50_us": 0.5, "p90_us": 0.9, "p99_us": 0.99, "p999_us": 0.999}
SAMPLES_BEYOND = 10
"""A percentile with fewer samples above it is the opinion of a few outliers, and is left empty."""
INTERVALS = ("p50_us", "p99_us")
"""Percentiles that have an interval."""
BASE = "shm"
"""The contender that the others are set against."""
FLOOR = "noop"
"""The harness's own floor: measured beside the contenders and none itself."""
TIE = 1.1
"""Within so many times the fastest latency nobody feels a difference: :func:`tied`."""
POINTS_PER_DECADE = 16
"""Of a percentile curve. A line through more could not be told from it."""

NONE = (math.nan, math.nan)
"""Both ends of an interval that does not exist."""

Point = tuple[float, float]
"""Of a percentile curve: a share of calls, and the latency in µs that they do not exceed."""
SamplesOf = Callable[[Mapping[str, Any]], "Samples | None"]
"""The latencies of a row in ns, if they were kept: :meth:`scenarios.records.store.Run.samples_of`."""


def percentile_us(sorted_ns: Samples, share: float) -> float | None:
    """The percentile in µs of ascending latencies in ns; None without enough samples beyond it."""
    # Rounded, because 10000 * (1 - 0.999) is a hair below 10 in binary.
    if round(sorted_ns.size * (1 - share), 6) < SAMPLES_BEYOND:
        return None
    return float(sorted_ns[max(int(np.ceil(round(sorted_ns.size * share, 6))), 1) - 1]) / 1000


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


def sureness(repeats: Iterable[int]) -> str:
    """How sure intervals over so many repeats are, in words; empty where none is given."""
    counts = sorted({int(each) for each in repeats if each >= intervals.FEWEST})
    return ", ".join(f"{intervals.coverage(each):.0%} sure over {each} repeats" for each in counts)


def frame(rows: list[Row], *, every_attempt: bool = False) -> pd.DataFrame:
    """Rows of cells.csv as a table with numbers in it, one per cell; empty fields are NaN, no flags an empty string.

    A percentile that is missing where calls were skipped is infinite: those calls were slower than any. Three columns
    more: `cpu_us`, of client and server per call, `skipped_share`, of the calls that were due, and `phase`, of the
    machine (:mod:`scenarios.statistics.phases`). To the flags is added that a cell is outlying or of another phase:
    :func:`scenarios.statistics.disturbed.marked`.
    """
    table = pd.DataFrame(rows if every_attempt else chosen(rows), columns=list(COLUMNS))
    for column in table.columns:
        if column not in WORDS:
            table[column] = pd.to_numeric(table[column].replace("", None))
    skipped = table["skipped"].fillna(0)
    for column in PERCENTILES:
        table[column] = table[column].where(table[column].notna() | (skipped == 0), np.inf)
    return disturbed.marked(table.assign(phase=phases.of(table))).assign(
        attempt=table["attempt"].fillna(0).astype(int),
        in_flight=table["in_flight"].fillna(1).astype(int),
        items=table["items"].fillna(0).astype(int),
        cpu_us=table["client_cpu_us_per_call"] + table["server_cpu_us_per_call"].fillna(0),
        skipped_share=(skipped / (table["calls"] + skipped)).fillna(0.0),
    )


def of_circumstances(cells: pd.DataFrame) -> set[str]:
    """The scenarios that have other surroundings than ideal ones, or callers that sleep: they are told of together,
    :mod:`scenarios.statistics.real`. Not those :func:`of_slow_calls`."""
    ideal = _as_by_default(cells, SURROUNDINGS)
    asleep = cells["load"].map(lambda load: Load.parse(load).asleep).astype(bool)
    return set(cells.loc[~ideal | asleep, "scenario"]) - of_slow_calls(cells)


def of_slow_calls(cells: pd.DataFrame) -> set[str]:
    """The scenarios in which other clients call slow methods of the server, in some cells: they are told of together,
    :func:`scenarios.statistics.clients_and_rates.beside_slow_calls`."""
    slow = cells["beside"].map(lambda beside: bool(SLOW_CALLS.match(beside))).astype(bool)
    return set(cells.loc[slow, "scenario"])


def of_several_in_flight(cells: pd.DataFrame) -> set[str]:
    """The scenarios whose clients have several calls in flight, in some cells: they are told of together,
    :func:`scenarios.statistics.clients_and_rates.by_in_flight`."""
    return set(cells.loc[cells[IN_FLIGHT] > 1, "scenario"])


def ideal(cells: pd.DataFrame, kind: pd.Series[bool]) -> pd.DataFrame:
    """Those of a kind that nothing was beside, on CPUs of the scheduler's choice, in fresh processes, one call per
    client at a time, which has one answer. Not of a scenario that tells of other circumstances, unless there are no
    others."""
    found = cells[kind & _as_by_default(cells, tuple(DEFAULTS))]
    apart = of_circumstances(cells) | of_several_in_flight(cells) | of_slow_calls(cells)
    alone = found[~found["scenario"].isin(apart)]
    return alone if len(alone) else found


def _as_by_default(cells: pd.DataFrame, axes: Sequence[str]) -> pd.Series[bool]:
    """Whether each cell has, on these axes, what a run has without a word."""
    return (cells[list(axes)] == [DEFAULTS[axis] for axis in axes]).all(axis=1)


def headline(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells, or lines of a summary, of one client that sends its next call when the answer to the last is there:
    what a latency is without another word. Of :func:`ideal` circumstances.

    Not those that begin a row of :func:`scenarios.statistics.clients_and_rates.by_clients`, which tells of them, unless
    there are no others.
    """
    closed = ideal(cells, cells["load"] == CLOSED)
    one = closed[closed["clients"] == 1]
    several = closed.groupby("scenario")["clients"].nunique()
    alone = one[~one["scenario"].isin(several.index[several > 1])]
    return alone if len(alone) else one


def of_repeats(values: pd.Series[float]) -> float:
    """A group's figure: the median over its repeats; NaN where half of them or more have none."""
    return float(values.median()) if 2 * values.count() > len(values) else math.nan


def of_all(repeats_with: int, repeats: int) -> bool | None:
    """Whether a figure over repeats is of all of them. Those without it had too few calls, and were the slower
    ones: with False it is the least it can be. None where half of them or more have none: it says nothing then."""
    return None if 2 * repeats_with <= repeats else bool(repeats_with == repeats)


def tied(latencies: Mapping[str, float]) -> list[str]:
    """The names whose latency is at most :data:`TIE` times the lowest, fastest first."""
    least = min(latencies.values(), default=math.nan)
    return sorted((name for name in latencies if latencies[name] <= TIE * least), key=lambda name: latencies[name])


def summary(cells: pd.DataFrame) -> pd.DataFrame:
    """One line per group of :func:`frame`: :func:`of_repeats` of every column that holds numbers, and more.

    `p50_low`, `p50_high`, `p99_low`, `p99_high`: the intervals. `low`, `high`: the least and most calls_per_s of the
    repeats; `skipped_most`: the most skipped calls of one; `longest_us`: the longest call of all, which may have stood
    still once. `repeats`, `p99_repeats`: how many there are, and how many of them have a p99; `p99_of_all`: what
    :func:`of_all` says of that. `noisy`, `flags`: how many were disturbed, and by what. `wait`.
    """
    numbers = [name for name in cells.columns if name not in {*WORDS, *GROUP, "phase"}]
    split = _splitter(cells)
    groups = split(np.arange(len(cells)))
    begins = [int(each[0]) for each in groups]
    # By group, repeat and column: all groups at once, where pandas takes each column of each group alone.
    repeats = np.array([each.size for each in groups], int)
    values = np.full((len(groups), max(repeats, default=1), len(numbers)), np.nan)
    places = np.arange(values.shape[1]) < repeats[:, None]
    values[places] = cells[numbers].to_numpy(float)[np.concatenate([*groups, np.empty(0, int)])]
    values.sort(axis=1)  # NaN last
    counts = (~np.isnan(values)).sum(axis=1)
    of_number = {name: values[:, :, place] for place, name in enumerate(numbers)}
    p99_repeats = counts[:, numbers.index("p99_us")]
    flags = split(cells["noise_flags"].fillna("").to_numpy())
    most = _at(values, counts - 1)
    columns: dict[str, Any] = {
        "low": of_number["calls_per_s"][:, 0],
        "high": most[:, numbers.index("calls_per_s")],
        "skipped_most": most[:, numbers.index("skipped")].astype(cells["skipped"].to_numpy().dtype),
        "longest_us": most[:, numbers.index("max_us")],
        "repeats": repeats,
        "p99_repeats": p99_repeats,
        "wait": cells["wait"].array[begins],
        "noisy": [sum(map(bool, each)) for each in flags],
        "flags": [";".join(sorted(set(";".join(each).split(";")) - {""})) for each in flags],
        "p99_of_all": pd.Series(map(of_all, p99_repeats, repeats), dtype=object),
    }
    # The ends are two of the repeats' own figures: which, in ascending order, follows from how many there are.
    ends = {size: intervals.of_median(range(size)) or NONE for size in set(repeats.tolist())}
    within = np.array([ends[size] for size in repeats.tolist()], float).reshape(-1, 2)
    for column in INTERVALS:
        known = (counts[:, numbers.index(column)] == repeats) & ~np.isnan(within[:, 0])
        for place, end in enumerate(("low", "high")):
            found = np.full(len(groups), np.nan)
            found[known] = of_number[column][known, within[known, place].astype(int)]
            columns[f"{column.removesuffix('_us')}_{end}"] = found
    medians = (_at(values, (counts - 1) // 2) + _at(values, counts // 2)) / 2
    lines = pd.DataFrame(np.where(2 * counts > repeats[:, None], medians, np.nan), columns=numbers)
    names = cells[list(GROUP)].iloc[begins].reset_index(drop=True)
    return pd.concat([names, lines, pd.DataFrame(columns)], axis=1)


def _splitter(cells: pd.DataFrame) -> Callable[[np.ndarray[Any, Any]], list[np.ndarray[Any, Any]]]:
    """What cuts a column of cells into the values of each group, in the groups' order of appearance."""
    numbers = cells.groupby(list(GROUP), sort=False).ngroup().to_numpy()
    order = np.argsort(numbers, kind="stable")
    begins = np.flatnonzero(np.diff(numbers[order])) + 1
    return lambda column: np.split(column[order], begins) if len(order) else []


def _at(values: np.ndarray[Any, Any], places: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Of ascending values by group, repeat and column those at the places, by group and column."""
    return np.take_along_axis(values, places[:, None, :], axis=1)[:, 0, :]


def ratios(cells: pd.DataFrame, base: str, column: str = "p50_us") -> pd.DataFrame:
    """Each contender's `column` as a multiple of `base`'s: the median of the ratios within each repeat.

    Paired, because what a repeat's moment does to both cancels; only where both were measured in one phase of the
    machine. Columns: the group's axes, `ratio`, and the interval over its pairs, `low` and `high` (NaN from fewer than
    three). Groups without a pair have no line.
    """
    axes = [axis for axis in GROUP if axis != "contender"]
    moment = ["repeat", "phase"]
    of_base = cells.loc[cells["contender"] == base, [*axes, *moment, column]]
    paired = cells[[*GROUP, *moment, column]].merge(of_base, on=[*axes, *moment], suffixes=("", "_base"))
    paired["ratio"] = paired[column] / paired[f"{column}_base"]
    lines = [
        (*group, of_repeats(each), *(intervals.of_median(each.to_numpy()) or NONE))
        for group, each in paired.groupby(list(GROUP), sort=False)["ratio"]
    ]
    return pd.DataFrame(lines, columns=[*GROUP, "ratio", "low", "high"])


def percentile_curve(cells: pd.DataFrame, samples: SamplesOf = lambda row: None) -> tuple[list[Point], bool]:
    """One group's latency in µs by the share of calls that are no slower: :func:`of_repeats` of the repeats' own
    percentiles, so that it goes through those of :func:`summary`; and whether it is of the samples.

    Evenly spaced in the logarithm of the share beyond, as far as every repeat goes: those that end sooner are the
    slower ones, and without them the curve would fall. Where samples were not kept, only the percentiles of cells.csv.
    """
    rows = [{str(key): value for key, value in row.items()} for row in cells[[*AXES, "attempt"]].to_dict("records")]
    kept = [np.sort(found) for row in rows if (found := samples(row)) is not None]
    if len(kept) < len(rows):
        known = [(share, cells[column]) for column, share in PERCENTILES.items()]
    else:
        decades = math.log10(max(SAMPLES_BEYOND, *(each.size for each in kept)) / SAMPLES_BEYOND)
        nines = np.linspace(0, decades, max(2, round(decades * POINTS_PER_DECADE)) + 1)
        shares = sorted({*map(float, 1 - 10.0**-nines), *PERCENTILES.values()})
        known = [(share, pd.Series([percentile_us(each, share) for each in kept], dtype=float)) for share in shares]
    points = [(share, of_repeats(each)) for share, each in known if each.notna().all()]
    return [point for point in points if math.isfinite(point[1])], len(kept) == len(rows)
