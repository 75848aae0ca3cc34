"""Whether two sets of repeats differ, group by group: the statistics of a comparison, without runs or files.

The process is the unit: each repeat's percentile is one observation, and holds what its calls and its process
varied by. Per group Welch's t-test of their logarithms, because effects on a latency are ratios (Georges, Buytaert
and Eeckhout, Statistically Rigorous Java Performance Evaluation, OOPSLA 2007; Kalibera and Jones, Rigorous
Benchmarking in Reasonable Time, ISMM 2013). Not the bootstrap: with 3 to 6 repeats a side it promises more
than it holds, and it has no p-value.

Many groups are many chances to be wrong: slower and faster are said only of groups that Benjamini and Hochberg's
procedure (1995) lets through, so that at most :data:`LEVEL` of what is said is expected to be false, and in
two equal runs nothing is said 95% of the time. The intervals shown are 95% each, not adjusted.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scenarios.plan.cells import GROUP

LEVEL = 0.05
FEWEST_REPEATS = 3
"""With fewer on either side nothing is said of a group."""
SLOWER, LOST, FASTER, SAME, UNCLEAR = "slower", "lost", "faster", "no difference", "unclear"
VERDICTS = (SLOWER, LOST, FASTER, SAME, UNCLEAR)


@dataclasses.dataclass(frozen=True)
class Floor:
    """What is too small to matter: a change must be beyond both to be called one."""

    share: float = 0.05
    """Of the slower by the faster, minus 1."""
    us: float = 1.0
    """µs."""

    def within(self, ratio: float, before_us: float) -> bool:
        """Whether a change of `before_us` by this ratio is below either floor."""
        return max(ratio, 1 / ratio) <= 1 + self.share or abs(before_us * (ratio - 1)) <= self.us


@dataclasses.dataclass(frozen=True)
class Difference:
    """One group, before and after."""

    group: Mapping[str, Any]
    before_us: float
    """Geometric mean over the repeats, as `after_us` is; `ratio` is of the two. Both NaN where `after` was lost."""
    after_us: float
    ratio: float
    low: float
    """95% interval of the ratio; NaN with too few repeats."""
    high: float
    p_adjusted: float
    verdict: str


def differences(
    before: pd.DataFrame, after: pd.DataFrame, floor: Floor, column: str = "p50_us", level: float = LEVEL
) -> list[Difference]:
    """Every group of :func:`scenarios.statistics.figures.frame` that both have, in the order of `before`."""
    sides = [figures_of(side, column) for side in (before, after)]
    both = [group for group in sides[0] if group in sides[1]]
    tests = [_welch(*(np.log(side[group].to_numpy(float)) for side in sides)) for group in both]
    adjusted = _adjusted([p for _, _, _, p in tests])
    found = []
    for group, (ratio, low, high, _), p in zip(both, tests, adjusted, strict=True):
        before_us, after_us = (float(np.exp(np.log(side[group]).mean())) for side in sides)
        verdict = _verdict(before_us, (ratio, low, high), p <= level, floor)
        named = dict(zip(GROUP, group, strict=True))
        found.append(Difference(named, before_us, after_us, ratio, low, high, p, verdict))
    return found


def lost(
    before: pd.DataFrame, after: pd.DataFrame, failed: Iterable[Mapping[str, Any]], column: str = "p50_us"
) -> list[Difference]:
    """Every group that has a figure in `before` and was asked for in `after`, where it has none.

    `failed` are the axes of the cells that failed in `after`. A group that has neither a row nor a failure there
    was no part of it, and is not lost.
    """
    asked = {tuple(axes[axis] for axis in GROUP) for axes in failed} | set(after.groupby(list(GROUP)).groups)
    had, has = figures_of(before, column), figures_of(after, column)
    return [
        Difference(
            group=dict(zip(GROUP, group, strict=True)),
            before_us=float(np.exp(np.log(figures).mean())),
            **dict.fromkeys(("after_us", "ratio", "low", "high", "p_adjusted"), np.nan),
            verdict=LOST,
        )
        for group, figures in had.items()
        if group in asked and group not in has
    ]


def figures_of(side: pd.DataFrame, column: str) -> dict[Any, pd.Series[float]]:
    """Group to its repeats' figures, where it has any; none where skipped calls left one of them without an end."""
    known = side.dropna(subset=[column]).groupby(list(GROUP), sort=False)[column]
    return {group: values for group, values in known if np.isfinite(values).all()}


def _welch(before: Any, after: Any) -> tuple[float, float, float, float]:
    """Ratio, its 95% interval, and p; the last three NaN with too few repeats."""
    ratio = float(np.exp(after.mean() - before.mean()))
    if min(before.size, after.size) < FEWEST_REPEATS:
        return ratio, np.nan, np.nan, np.nan
    if max(before.std(), after.std()) < 1e-9:  # clock ticks: all repeats the same, and no variance to test with
        return ratio, ratio, ratio, float(abs(ratio - 1) < 1e-9)
    from scipy import stats

    with warnings.catch_warnings():
        # Repeats that are all the same to the clock are on one side the best case, and no loss of precision.
        warnings.filterwarnings("ignore", "Precision loss occurred", RuntimeWarning)
        found = stats.ttest_ind(after, before, equal_var=False)
    interval = found.confidence_interval(0.95)
    return ratio, float(np.exp(interval.low)), float(np.exp(interval.high)), float(found.pvalue)


def _adjusted(p: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values; NaN stays, and is no chance to be wrong."""
    values = np.array(p, float)
    known = ~np.isnan(values)
    if known.any():
        from scipy import stats

        values[known] = stats.false_discovery_control(values[known], method="bh")
    return [float(each) for each in values]


def _verdict(before_us: float, found: tuple[float, float, float], significant: bool, floor: Floor) -> str:
    ratio, low, high = found
    if significant and not floor.within(ratio, before_us):
        return SLOWER if ratio > 1 else FASTER
    # The whole interval must be too small to matter: a wide one says that nobody knows.
    if not np.isnan(low) and floor.within(low, before_us) and floor.within(high, before_us):
        return SAME
    return UNCLEAR
