"""Where one contender overtakes another as payloads grow, and which is the fastest in between.

A crossover is where two curves of median latency cross (:mod:`scenarios.advice.curves`: straight between neighbouring
measured sizes, never beyond the last one). Its interval comes from drawing repeats with replacement, the same ones
for both contenders, for a repeat is a moment of the machine that both shared; `seen` says in how many of the draws
the one overtakes the other at all. All of it for calls back to back, as they were measured.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection
from itertools import combinations, pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from scenarios.advice.curves import Curves, Estimate

CONFIDENCE = 0.95
DRAWS = 2000
FEWEST_REPEATS = 3
"""An interval over fewer is not given."""

Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclasses.dataclass(frozen=True)
class Crossover:
    """`smaller` is the faster one for smaller payloads, `larger` for larger ones."""

    smaller: str
    larger: str
    payload_bytes: Estimate
    between: tuple[int, int]
    """The measured sizes it lies between."""
    seen: float | None
    """The share of draws in which `larger` overtakes `smaller`; None from too few repeats."""
    clear: bool
    """Whether there is a measured size below it where `smaller` is told to be the faster one, and one above where
    `larger` is: the interval of their ratios, paired within repeats, does not hold 1, and is as sure as the number of
    repeats allows. Else the curves may cross by chance alone."""
    is_far: bool = False
    """Whether the two sizes are so far apart that :mod:`scenarios.advice.curves` has no figure between them."""
    is_disturbed: bool = False
    """Whether at one of these sizes every repeat of one of the two was flagged."""


@dataclasses.dataclass(frozen=True)
class FastestRange:
    """The contender with the lowest median from one payload size to another, in bytes."""

    contender: str
    from_bytes: float
    to_bytes: float


def of_the_fastest(curves: Curves) -> list[Crossover]:
    """The crossovers of those that are the fastest at some payload size."""
    return crossovers(curves, {each.contender for each in fastest_ranges(curves)})


def crossovers(curves: Curves, contenders: Collection[str] | None = None) -> list[Crossover]:
    """Every crossover of every pair, by payload size; of those that are IPC, or of those that are named."""
    names = curves.ipc if contenders is None else [name for name in curves.contenders if name in contenders]
    found = [crossover for one, other in combinations(names, 2) for crossover in _of_pair(curves, one, other)]
    return sorted(found, key=lambda crossover: crossover.payload_bytes.value)


def fastest_ranges(curves: Curves) -> list[FastestRange]:
    """The fastest contender that is IPC, from the smallest measured payload to the largest."""
    names = curves.ipc
    measured = {float(size) for name in names for size in curves.sizes(name)}
    crossed = {
        found.at
        for one, other in combinations(names, 2)
        for found in _crossings(curves, one, other, _shared_sizes(curves, one, other))
    }
    found: list[FastestRange] = []
    for start, end in pairwise(sorted(measured | crossed)):
        middle = math.sqrt(start * end)
        medians = {name: p50 for name in names if (p50 := _median(curves, name, middle)) is not None}
        fastest = min(medians, key=lambda name: medians[name])
        if found and found[-1].contender == fastest:
            found[-1] = dataclasses.replace(found[-1], to_bytes=end)
        else:
            found.append(FastestRange(fastest, start, end))
    return found


class _Crossing(NamedTuple):
    """Where two curves cross: right after that place in the sizes that they share, at that size."""

    place: int
    at: float
    one_is_below: bool
    """Before it, that is for smaller payloads."""


def _crossings(curves: Curves, one: str, other: str, grid: list[int]) -> list[_Crossing]:
    gap = _filled([(_median(curves, one, size) or 0.0) - (_median(curves, other, size) or 0.0) for size in grid])
    return [
        _Crossing(place, float(_zero(grid[place], grid[place + 1], np.array(below), np.array(above))), below < 0)
        for place, (below, above) in enumerate(pairwise(gap))
        if (below < 0) != (above < 0)
    ]


def _of_pair(curves: Curves, one: str, other: str) -> list[Crossover]:
    grid = _shared_sizes(curves, one, other)
    found = []
    for crossing in _crossings(curves, one, other, grid):
        smaller, larger = (one, other) if crossing.one_is_below else (other, one)
        estimate, seen = _interval(curves, smaller, larger, grid, crossing.at)
        below, above = grid[: crossing.place + 1], grid[crossing.place + 1 :]
        clear = _faster(curves, smaller, larger, below) and _faster(curves, larger, smaller, above)
        between = below[-1], above[0]
        names = smaller, larger
        is_far = any(curves.at(name, "p50_us", crossing.at) is None for name in names)
        noises = [curves.noise(name, size) for name in names for size in between]
        is_disturbed = any(flagged == measured for flagged, measured in noises)
        found.append(Crossover(smaller, larger, estimate, between, seen, clear, is_far, is_disturbed))
    return found


def _faster(curves: Curves, one: str, other: str, sizes: list[int]) -> bool:
    """Whether at one of the sizes at least `one` is told to be faster."""
    ratios = [curves.ratio(one, other, size) for size in sizes]
    return any(ratio is not None and ratio.high is not None and ratio.high < 1 for ratio in ratios)


def _shared_sizes(curves: Curves, one: str, other: str) -> list[int]:
    """The measured sizes of either at which both have a figure: between them both curves are straight."""
    sizes = sorted({*curves.sizes(one), *curves.sizes(other)})
    return [size for size in sizes if all(curves.basis(name, size) for name in (one, other))]


def _median(curves: Curves, contender: str, size: float) -> float | None:
    """On the straight line between the measured sizes, however far apart they are; None beyond them."""
    basis = curves.basis(contender, size)
    ends = [curves.at(contender, "p50_us", each) for each in basis or ()]
    medians = [end.value for end in ends if end]
    return float(np.interp(size, basis, medians)) if basis and len(medians) == 2 else None


def _filled(gap: list[float]) -> list[float]:
    """Where two curves touch they have no order: give them the one they had before, by a hair."""
    before = next((each for each in gap if each), 1.0)
    filled = []
    for each in gap:
        before = each or math.copysign(1e-300, before)
        filled.append(before)
    return filled


def _zero(start: Any, end: Any, below: Numbers, above: Numbers) -> Numbers:
    """Where the straight line from `below` at `start` to `above` at `end` is zero."""
    return np.asarray(start + (end - start) * below / (below - above))


def _interval(curves: Curves, smaller: str, larger: str, grid: list[int], at: float) -> tuple[Estimate, float | None]:
    """The crossover with its interval over draws of repeats, and the share of draws that have one like it."""
    tables = [_repeats(curves, name) for name in (smaller, larger)]
    whole = sorted(set(tables[0].index) & set(tables[1].index))
    if len(whole) < FEWEST_REPEATS:
        return Estimate(at), None
    draws = np.random.default_rng(0).integers(len(whole), size=(DRAWS, len(whole)))
    sizes = np.array(grid, float)
    low, high = (_drawn(table.loc[whole], draws, sizes) for table in tables)
    gap = low - high
    overtakes = (gap[:, :-1] < 0) & (gap[:, 1:] >= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        places = np.where(overtakes, _zero(sizes[:-1], sizes[1:], gap[:, :-1], gap[:, 1:]), np.inf)
    # Curves may cross more than once in a draw: the one that is meant is the nearest.
    nearest = places[np.arange(len(places)), np.argmin(np.abs(places - at), axis=1)]
    seen = nearest[np.isfinite(nearest)]
    if not seen.size:
        return Estimate(at), 0.0
    tail = (1 - CONFIDENCE) / 2
    ends = np.quantile(seen, [tail, 1 - tail])
    # The value is of all repeats, the draws are of those that have every size: the interval holds it all the same.
    return Estimate(at, min(at, float(ends[0])), max(at, float(ends[1]))), seen.size / DRAWS


def _repeats(curves: Curves, contender: str) -> pd.DataFrame:
    """A contender's medians, a row per repeat that has them all, a column per size."""
    columns = {size: curves.values(contender, size) for size in curves.sizes(contender)}
    return pd.DataFrame(columns).dropna()


def _drawn(table: pd.DataFrame, draws: np.ndarray[Any, np.dtype[np.int64]], at: Numbers) -> Numbers:
    """Medians over each draw of repeats, at the sizes `at`: one row per draw."""
    medians = np.median(table.to_numpy(float)[draws], axis=1)
    sizes = table.columns.to_numpy(float)
    return np.asarray(medians @ [np.interp(at, sizes, one) for one in np.eye(len(sizes))])
