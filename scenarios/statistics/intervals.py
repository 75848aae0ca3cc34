"""Exact intervals over repeats: of their median, and of the ratio of two sets of them. Pure numbers.

Nothing is drawn and no distribution is assumed: the ends are order statistics, and how often such an interval holds the
truth is counted. Values from few repeats have few intervals, so few confidences can be had. The one given is the
narrowest that is as sure as is asked for, 95% without a word; where not even the whole range is, it is the range, and
as sure as that.

*A median.* n values hold the true median between the k-th smallest and the k-th largest, unless fewer than k of them
are on one side of it: 1 - 2 P(Bin(n, 1/2) < k) (David and Nagaraja, Order Statistics, 7.1). The range of 3 is 75% sure,
of 5 93.75%, of 6 96.9%.

*A ratio.* Of m values and n others there are m n ratios. Between the k-th smallest and the k-th largest is the true
one, if the two distributions differ by a factor alone, unless fewer than k pairs are the wrong way round:
1 - 2 P(U < k), U that of Mann and Whitney (Hodges and Lehmann 1963; Hollander and Wolfe, Nonparametric Statistical
Methods, 4.3). The range of 3 against 3 is 90% sure, of 4 against 4 97.1%.

With ties both are surer than said, never less.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
Interval = tuple[float, float]

FEWEST = 3
"""An interval over fewer repeats is not given: it is a coin's toss whether it holds the truth."""
CONFIDENCE = 0.95


def coverage(repeats: int, level: float = CONFIDENCE) -> float:
    """How sure the interval of a median over so many repeats is; `level`: as is asked for."""
    return _innermost(_sides(repeats), level)[1]


def of_median(repeats: Sequence[float] | Floats, level: float = CONFIDENCE) -> Interval | None:
    """Interval of the median; None from fewer than :data:`FEWEST`, and where one is NaN: those that have no figure are
    the slower ones, and an interval of the others would be of something else."""
    ascending = np.sort(np.asarray(repeats, float))  # NaN last
    if ascending.size < FEWEST or np.isnan(ascending[-1]):
        return None
    return _between(ascending, _innermost(_sides(ascending.size), level)[0])


def coverage_of_ratio(before: int, after: int) -> float:
    """How sure the interval of a ratio of so many repeats to so many is."""
    return _innermost(orders(before, after))[1]


def of_ratio(before: Floats, after: Floats) -> tuple[float, Interval | None]:
    """How many times `before` `after` is: the median of all ratios of one of these to one of those, and its interval;
    None from fewer than :data:`FEWEST` on either side. Positive numbers."""
    ratios = np.sort(np.divide.outer(after, before).ravel())
    if min(before.size, after.size) < FEWEST:
        return float(np.median(ratios)), None
    return float(np.median(ratios)), _between(ratios, _innermost(orders(before.size, after.size))[0])


def chance(before: Floats, after: Floats) -> float:
    """How likely equals are as far apart as these or farther, either way: the exact test of Mann and Whitney, in which
    ties speak against a difference."""
    pairs = np.subtract.outer(after, before)
    wrong = min(int((pairs <= 0).sum()), int((pairs >= 0).sum()))
    ways = orders(before.size, after.size)
    return min(1.0, 2 * sum(ways[: wrong + 1]) / sum(ways))


@functools.cache
def orders(one: int, other: int) -> tuple[int, ...]:
    """In how many orders of so many values and so many others u pairs are the wrong way round, for u from 0 on: the
    coefficients of Gauss' binomial."""
    ways = [1] + [0] * (one * other)
    for i in range(1, one + 1):
        for u in range(one * other, other + i - 1, -1):
            ways[u] -= ways[u - other - i]
        for u in range(i, one * other + 1):
            ways[u] += ways[u - i]
    return tuple(ways)


def _sides(repeats: int) -> tuple[int, ...]:
    """In how many ways u of so many values are below the median, for u from 0 on."""
    return tuple(math.comb(repeats, u) for u in range(repeats + 1))


def _between(ascending: Floats, place: int) -> Interval:
    return float(ascending[place - 1]), float(ascending[-place])


def _innermost(ways: Sequence[int], level: float = CONFIDENCE) -> tuple[int, float]:
    """The largest k with 1 - 2 P(u < k) of `level` or more, else 1; and that confidence."""
    total, below = sum(ways), ways[0]
    found = (1, 1 - 2 * below / total)
    for k, way in enumerate(ways[1:], 2):
        below += way
        if (sure := 1 - 2 * below / total) < level:
            break
        found = (k, sure)
    return found
