"""Whether two sets of repeats differ, group by group: the statistics of a comparison, without runs or files.

The process is the unit: each repeat's percentile is one observation, and holds what its calls and its process varied
by. Per group the ratio of Hodges and Lehmann, its exact interval with the confidence it really has, and the exact test
of Mann and Whitney (:mod:`scenarios.statistics.intervals`): no distribution is assumed, so 3 repeats against 3 are 90%
sure at best, and are not said to be more.

A difference is one whose interval excludes 1 and whose ratio is beyond the floor. Many groups are many chances to be
wrong, so it is called slower or faster only where chance is out of the question, in one of two ways:

- Benjamini and Hochberg's procedure (1995) lets it through, so that at most :data:`LEVEL` of what is said is expected
  to be false, and in two equal runs nothing is said 95% of the time. Ranks of few repeats cannot pass among many
  groups, however far apart they are.
- Every repeat of the one is more than :data:`APART` times every repeat of the other, and there are enough of them for
  the exact test of this group alone, unadjusted: 4 against 4, not 3 against 3, of which chance puts one pair in ten
  apart. Not one cell in a hundred is that far above its group's median (:mod:`scenarios.statistics.disturbed`), and
  here all of four would have to be.

Else it is likely slower or likely faster: that is as sure as its interval is, and among many groups some are by chance.
Where only repeats are missing for the second way, it is :attr:`Difference.undecided`.
The intervals shown are not adjusted for how many there are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from scenarios.plan.cells import GROUP
from scenarios.statistics import disturbed, intervals
from scenarios.statistics.intervals import Floats

LEVEL = 0.05
APART = disturbed.FACTOR
"""Beyond the scatter of a machine that is shared."""
FEWEST_REPEATS = intervals.FEWEST
"""With fewer on either side nothing is said of a group."""
DECIDING_REPEATS = 4
"""With so many on both sides the exact test can reach :data:`LEVEL` in a group alone: 2 of 70 orders; of 3, 2 of 20."""
SLOWER, LOST, FASTER, SAME, UNCLEAR = "slower", "lost", "faster", "no difference", "unclear"
LIKELY_SLOWER, LIKELY_FASTER = f"likely {SLOWER}", f"likely {FASTER}"
VERDICTS = (SLOWER, LOST, LIKELY_SLOWER, FASTER, LIKELY_FASTER, SAME, UNCLEAR)


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
    """Median over the repeats, as `after_us` is."""
    after_us: float
    ratio: float
    """The median of the ratios of each repeat after to each before. Both NaN where `after` was lost."""
    low: float
    """Its interval; NaN with too few repeats, as `sure` and `p_adjusted` are."""
    high: float
    sure: float
    """The confidence of the interval, of this group alone."""
    p_adjusted: float
    verdict: str
    undecided: bool = False
    """Likely slower or faster only for want of repeats: all of them are :data:`APART`."""


def differences(
    before: pd.DataFrame, after: pd.DataFrame, floor: Floor, column: str = "p50_us", level: float = LEVEL
) -> list[Difference]:
    """Every group of :func:`scenarios.statistics.figures.frame` that both have, in the order of `before`."""
    sides = [figures_of(side, column) for side in (before, after)]
    both = {group: (sides[0][group], sides[1][group]) for group in sides[0] if group in sides[1]}
    alone = [_chance(*pair) for pair in both.values()]
    chances = zip(alone, _adjusted(alone), strict=True)
    return [_difference(group, *pair, p, level, floor) for (group, pair), p in zip(both.items(), chances, strict=True)]


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
            before_us=float(np.median(figures)),
            after_us=np.nan,
            ratio=np.nan,
            low=np.nan,
            high=np.nan,
            sure=np.nan,
            p_adjusted=np.nan,
            verdict=LOST,
        )
        for group, figures in had.items()
        if group in asked and group not in has
    ]


def figures_of(side: pd.DataFrame, column: str) -> dict[Any, Floats]:
    """Group to its repeats' figures, where it has any; none where skipped calls left one of them without an end."""
    known = side.dropna(subset=[column]).groupby(list(GROUP), sort=False)[column]
    return {group: values.to_numpy(float) for group, values in known if np.isfinite(values).all()}


def _chance(before: Floats, after: Floats) -> float:
    return intervals.chance(before, after) if min(before.size, after.size) >= FEWEST_REPEATS else np.nan


def _adjusted(p: Sequence[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted p-values; NaN stays, and is no chance to be wrong."""
    values = np.array(p, float)
    known = ~np.isnan(values)
    if known.any():
        from scipy import stats

        values[known] = stats.false_discovery_control(values[known], method="bh")
    return [float(each) for each in values]


def _difference(
    group: tuple[Any, ...], before: Floats, after: Floats, p: tuple[float, float], level: float, floor: Floor
) -> Difference:
    """`p`: of this group alone, and adjusted."""
    ratio, ends = intervals.of_ratio(before, after)
    low, high = ends or (np.nan, np.nan)
    sure = intervals.coverage_of_ratio(before.size, after.size) if ends else np.nan
    before_us, after_us = float(np.median(before)), float(np.median(after))
    verdict, undecided = UNCLEAR, False
    # The whole interval must be too small to matter: a wide one says that nobody knows.
    if ends and floor.within(low, before_us) and floor.within(high, before_us):
        verdict = SAME
    elif ends and not low <= 1 <= high and not floor.within(ratio, before_us):
        apart = max(after.min() / before.max(), before.min() / after.max()) > APART
        certain = p[1] <= level or (apart and p[0] <= level)
        undecided = apart and not certain
        slower, faster = (SLOWER, FASTER) if certain else (LIKELY_SLOWER, LIKELY_FASTER)
        verdict = slower if ratio > 1 else faster
    axes = dict(zip(GROUP, group, strict=True))
    return Difference(axes, before_us, after_us, ratio, low, high, sure, p[1], verdict, undecided)
