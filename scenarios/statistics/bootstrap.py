"""Hierarchical bootstrap of percentiles: over processes, and over the calls within each. Pure numbers.

A resample draws as many processes as there are, with replacement, and within each drawn process as many calls
as it made (Davison and Hinkley, Bootstrap Methods and their Application, 3.8: both levels with replacement).
Its figure is the median over the processes of their percentiles, which is what the tables show.

No call is ever copied. The k-th smallest of n calls drawn with replacement out of n ascending ones is the one
at ``floor(n * U)``, where U is the k-th smallest of n uniform numbers, and that is Beta(k, n - k + 1)
distributed (David and Nagaraja, Order Statistics, 2.3). So a resampled percentile is one random number,
exactly, whether a process made 100 calls or a million: 2000 resamples of 5 processes are 10,000 Beta draws,
some ms.

Two limits, so that the intervals are read for what they are. Calls of one process are taken to be exchangeable;
they come in bursts, which makes the inner level a little too narrow. And a median of few processes cannot leave
their range: see :func:`coverage`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Samples = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Interval = tuple[float, float]

FEWEST_PROCESSES = 3
"""An interval over fewer is not given."""
CONFIDENCE = 0.95
RESAMPLES = 2000


def rank(calls: int, share: float) -> int:
    """The index, among ascending samples, of the smallest that the share of all do not exceed (Hyndman and Fan's
    type 1)."""
    return max(int(np.ceil(round(calls * share, 6))), 1) - 1


def coverage(processes: int) -> float:
    """The most confidence an interval can have that lies within the range of so many processes.

    The true median is outside of the range of n independent values with probability 2 * 2**-n: 25% of the time for
    3, 6% for 5, and only from 6 on less than 5% (the binomial interval of a median: Conover, Practical
    Nonparametric Statistics, 3.2).
    """
    return float(1 - 2.0 ** (1 - processes))


def confidence(processes: int) -> float:
    """How sure an interval over so many processes is: :data:`CONFIDENCE`, or less where its :func:`coverage` is."""
    return min(CONFIDENCE, coverage(processes))


def percentile_draws(ascending: Samples, share: float, count: int, rng: np.random.Generator) -> Floats:
    """That many resampled percentiles of one process's calls, in the calls' unit."""
    k = rank(ascending.size, share) + 1
    where = rng.beta(k, ascending.size - k + 1, count)
    # U is below 1, but n * U may round up to n.
    return ascending[np.minimum((ascending.size * where).astype(np.int64), ascending.size - 1)].astype(float)


def of_median(processes: Sequence[Floats], seed: int) -> Interval | None:
    """Interval of the median over processes; None from fewer than :data:`FEWEST_PROCESSES`.

    `processes`: for each, what its figure may as well have been: :data:`RESAMPLES` resampled percentiles, or a
    single number where its calls were not kept, for a bootstrap of the outer level alone.
    """
    if len(processes) < FEWEST_PROCESSES:
        return None
    drawn = np.array([np.broadcast_to(each, RESAMPLES) for each in processes])
    chosen = np.random.default_rng(seed).integers(len(drawn), size=(RESAMPLES, len(drawn)))
    # Each place takes its own draw, so that a process that is chosen twice is resampled twice.
    draw = (np.arange(RESAMPLES)[:, None] + np.arange(len(drawn))) % RESAMPLES
    figures = np.median(drawn[chosen, draw], axis=1)
    # Percentile interval. BCa is undefined for the many ties of a median of few values.
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(figures, [tail, 1 - tail], method="inverted_cdf")  # a figure may be infinite
    return float(low), float(high)
