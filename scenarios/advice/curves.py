"""One lane of a run as curves over payload size: what was measured, what lies between, and nothing beyond.

Taken from one client that calls back to back (closed loop) and a handler that costs next to nothing, which is what
the cost of a call is measured with. At a measured size a figure is the median over repeats with its exact
interval (:func:`scenarios.statistics.figures.summary`); its p99 is therefore the median of the repeats' own 99th
percentiles, not the 99th percentile of all their calls taken together. Between two neighbouring measured sizes a
figure lies on the straight line of a constant and a part per byte, if those are near enough: :func:`between`. Outside
the measured sizes there is none.

Pure: from a table of cells to numbers, the same ones every time.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import pandas as pd

from scenarios.advice.crowds import Crowds
from scenarios.advice.pauses import Pauses
from scenarios.common.errors import RunError, UserError
from scenarios.records.store import WORDS, Run
from scenarios.statistics import figures, intervals

FAR_APART, UNSURE, FAULTS = 100, 1.5, 1.0
"""Between two measured sizes that are further apart than this factor, or where two ways to draw the line differ by more
than this one, or of which only one has so many page faults in each call, nothing is said."""
TWO_SPEEDS = 0.04
"""Nor where the mean of calls is below their median by more than this share: latencies have a long tail, so there many
calls are far quicker than the others, and which of the two the median is may change from one size to the next."""


QUARTER = 0.25
"""How far off an answer may be: :attr:`Estimate.is_within_a_quarter`."""


_Lines = dict[tuple[str, int], dict[Any, Any]]
"""Lines of a summary, or of ratios, by contender and payload size."""


class AdviceError(UserError):
    """A question that this run's data cannot even be asked; names what it can."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A figure and its interval, which is as sure as its repeats allow
    (:func:`scenarios.statistics.intervals.coverage`); none from fewer repeats than one needs."""

    value: float
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, value: float, ends: tuple[float, float] | None) -> Estimate:
        """From a figure and its interval, which may be None or NaN."""
        known = ends is not None and not math.isnan(ends[0])
        return cls(float(value), *map(float, ends)) if known and ends else cls(float(value))

    def through(self, function: Callable[[float], float]) -> Estimate:
        """The estimate of a monotone function of this figure; the ends are exchanged by a falling one."""
        value = function(self.value)
        if self.low is None or self.high is None:
            return Estimate(value)
        ends = function(self.low), function(self.high)
        return Estimate(value, min(ends), max(ends))

    @property
    def is_within_a_quarter(self) -> bool:
        """Whether it is at most :data:`QUARTER` off, wherever in its interval the truth is; without one it is not
        known to be."""
        if self.low is None or self.high is None:
            return False
        return self.low * (1 + QUARTER) >= self.value >= self.high * (1 - QUARTER)

    def holding(self, others: list[float]) -> Estimate:
        """The estimate with an interval that holds others as well, as far as :data:`UNSURE`; without one, itself."""
        if self.low is None or self.high is None or self.value <= 0:
            return self
        least, most = self.value / UNSURE, self.value * UNSURE
        near = [min(max(other, least), most) for other in others]
        return Estimate(self.value, min(self.low, *near, self.low), max(self.high, *near, self.high))


class Curves:
    """The contenders of one lane, each with its figures by payload size. Immutable.

    ``contenders`` are by name; ``scenario`` says which part of a run of several was taken.
    """

    def __init__(self, cells: pd.DataFrame, lane: str, cpus: float = math.inf) -> None:
        """`cpus`: how many the run could use."""
        self.cpus = cpus
        self.pauses = Pauses(cells, lane)
        self.crowds = Crowds(cells[cells["lane"] == lane])
        cells = figures.headline(cells)
        lanes = sorted(set(cells["lane"]))
        if lane not in lanes:
            raise AdviceError(f"lane {lane!r} is not in this run; allowed: {', '.join(lanes) or 'none'}")
        cells = _one_scenario(cells[cells["lane"] == lane])
        self.lane = lane
        self.scenario = str(cells["scenario"].iloc[0])
        self.contenders = sorted(set(map(str, cells["contender"])) - {figures.FLOOR})
        self._lines = _by_payload(figures.summary(cells))
        # Without words, of which every small table had a copy.
        by_repeat = cells.drop(columns=WORDS - {"contender", "noise_flags"}).set_index("repeat").sort_index()
        self._repeats: dict[tuple[str, int], pd.DataFrame] = {
            (str(contender), int(str(size))): part
            for (contender, size), part in by_repeat.groupby(["contender", "payload_bytes"])
            if math.isfinite(self._lines[str(contender), int(str(size))]["p50_us"])
        }
        self._sizes: dict[str, list[int]] = {}
        for name, size in sorted(self._repeats):
            self._sizes.setdefault(name, []).append(size)
        self._cells = cells
        # The same ones are asked for again and again.
        self._estimate = functools.cache(self._measured)
        self._against = functools.cache(self._ratios)

    def sizes(self, contender: str) -> list[int]:
        """The payload sizes in bytes that a contender has a median for, ascending."""
        return self._sizes.get(contender, [])

    @property
    def payloads(self) -> list[int]:
        """Every measured payload size in bytes, ascending."""
        return sorted({size for sizes in self._sizes.values() for size in sizes})

    def wait(self, contender: str) -> str:
        """How it waits for a message: ``adaptive``, ``block``, ``spin``, ``none``; empty when nothing of it was
        measured."""
        return str(self._lines[contender, self.sizes(contender)[0]]["wait"]) if self.sizes(contender) else ""

    def in_process(self, contender: str) -> bool:
        """Whether it calls within one process: there is no server whose CPU time could have been taken."""
        servers = [self._lines[contender, size]["server_cpu_us_per_call"] for size in self.sizes(contender)]
        return bool(servers) and all(map(math.isnan, servers))

    @property
    def ipc(self) -> list[str]:
        """The contenders that call another process, by name."""
        return [name for name in self.contenders if not self.in_process(name)]

    def basis(self, contender: str, payload_bytes: float) -> tuple[int, int] | None:
        """The measured sizes a figure at `payload_bytes` rests on: its neighbours, twice itself when it was
        measured; None outside of what was measured."""
        sizes = self.sizes(contender)
        below = [size for size in sizes if size <= payload_bytes]
        above = [size for size in sizes if size >= payload_bytes]
        return (below[-1], above[0]) if below and above else None

    def at(self, contender: str, column: str, payload_bytes: float) -> Estimate | None:
        """A column of cells.csv at a payload size; None where it was not measured."""
        return self._between(contender, payload_bytes, lambda size: self._estimate(contender, column, size))

    def ratio(self, contender: str, base: str, payload_bytes: float) -> Estimate | None:
        """The contender's p50 as a multiple of the base's, paired within repeats; None where either is missing."""
        if self.basis(contender, payload_bytes) != self.basis(base, payload_bytes):
            return None
        return self._between(contender, payload_bytes, lambda size: self._paired(contender, base, size))

    def values(self, contender: str, payload_bytes: int, column: str = "p50_us") -> pd.Series[Any]:
        """One figure per repeat, by repeat; empty when the contender has no median at that size."""
        part = self._repeats.get((contender, payload_bytes))
        return pd.Series(dtype=float) if part is None else part[column]

    def repeats(self, contender: str, payload_bytes: float) -> int:
        """How many repeats a figure rests on: the fewer of its two neighbours'; 0 where nothing was measured."""
        return min(
            (len(self.values(contender, size)) for size in self.basis(contender, payload_bytes) or ()), default=0
        )

    def noise(self, contender: str, payload_bytes: float) -> tuple[int, int]:
        """How many of the repeats behind a figure back to back were flagged as disturbed, and how many there are."""
        basis = self.basis(contender, payload_bytes)
        flags = [self.values(contender, size, "noise_flags").fillna("") for size in sorted(set(basis or ()))]
        return sum(int((each != "").sum()) for each in flags), sum(map(len, flags))

    def p99_of_all(self, contender: str, payload_bytes: float) -> bool | None:
        """Whether a p99 is of all repeats behind it: :func:`scenarios.statistics.figures.of_all` of its neighbours, the
        worse one's word."""
        found = [self._lines[contender, size]["p99_of_all"] for size in self.basis(contender, payload_bytes) or ()]
        return None if not found or None in found else all(found)

    def each_call_us(self, contender: str, payload_bytes: float) -> Estimate | None:
        """What the calls per second of one client that calls back to back leave for each: the call and what the harness
        does before the next one."""

        def at(size: int) -> Estimate | None:
            rate = self._estimate(contender, "calls_per_s", size)
            return rate and rate.through(lambda value: 1e6 / value)

        return self._between(contender, payload_bytes, at)

    def _measured(self, contender: str, column: str, payload_bytes: int) -> Estimate | None:
        line = self._lines[contender, payload_bytes]
        if math.isnan(line[column]):
            return None
        repeats = self.values(contender, payload_bytes, column).to_numpy(float)
        return Estimate.of(line[column], intervals.of_median(repeats))

    def _ratios(self, base: str) -> _Lines:
        return _by_payload(figures.ratios(self._cells, base))

    def _paired(self, contender: str, base: str, payload_bytes: int) -> Estimate | None:
        found = self._against(base).get((contender, payload_bytes))
        return (
            None
            if found is None or math.isnan(found["ratio"])
            else Estimate.of(found["ratio"], (found["low"], found["high"]))
        )

    def _between(
        self, contender: str, payload_bytes: float, estimate: Callable[[int], Estimate | None]
    ) -> Estimate | None:
        basis = self.basis(contender, payload_bytes)
        if basis is None:
            return None
        below, above = (estimate(size) for size in basis)
        if below is None or above is None:
            return None
        if basis[0] == basis[1]:
            return below
        if self._bends(contender, *basis) or any(_two_speeds(self._lines[contender, size]) for size in basis):
            return None
        found = between(basis, payload_bytes, below, above)
        return found and found.holding(self._beyond(contender, basis, payload_bytes, estimate))

    def _beyond(
        self, contender: str, basis: tuple[int, int], payload_bytes: float, estimate: Callable[[int], Estimate | None]
    ) -> list[float]:
        """What the lines of the sizes before and behind come to at a payload, were they of it, too: a part per byte is
        not the same everywhere."""
        sizes = self.sizes(contender)
        first, last = sizes.index(basis[0]), sizes.index(basis[1])
        found = []
        for pair in (sizes[max(first - 1, 0) : first + 1], sizes[last : last + 2]):
            ends = [end.value for size in pair if (end := estimate(size))]
            if len(ends) == 2:
                found.append(_straight((pair[0], pair[1]), payload_bytes, ends[0], ends[1]))
        return found

    def _bends(self, contender: str, below: int, above: int) -> bool:
        """Whether calls of the one size take memory from the system anew and those of the other do not: somewhere
        between, they begin to, and that costs more than all that lies before."""
        faults = [_page_faults(self._lines[contender, size]) for size in (below, above)]
        return min(faults) < FAULTS <= max(faults)


def curves_of(run: Run, lane: str) -> Curves:
    """The curves of a lane. Raises :class:`AdviceError`."""
    rows = run.rows()
    if not rows:
        raise AdviceError(f"{run.folder} has no finished cell")
    return Curves(figures.frame(rows), lane, cpus(run))


def cpus(run: Run) -> float:
    """How many CPUs a run could use; infinitely many where it does not say."""
    try:
        return len(run.environment().get("cpus_usable") or ()) or math.inf
    except RunError:
        return math.inf


def _by_payload(lines: pd.DataFrame) -> _Lines:
    return {(str(line["contender"]), int(line["payload_bytes"])): line for line in lines.to_dict("records")}


def between(sizes: tuple[int, int], size: float, below: Estimate, above: Estimate) -> Estimate | None:
    """A figure at `size`, between two `sizes` that were measured: a constant and a part per byte, as a call's cost is.

    How far the two are apart is how little is known: the interval holds this line and one in the logarithms, with the
    ends of their own, and where they differ by more than :data:`UNSURE`, or the sizes by more than :data:`FAR_APART`,
    there is no figure. In :class:`Curves` it also holds the lines of the sizes before and behind. Sizes that are left
    out of the committed run are then answered within 25%, or within the interval, as a test holds it to.
    """
    straight = [_straight(sizes, size, *ends) for ends in _ends(below, above)]
    curved = [_curved(sizes, size, *ends) for ends in _ends(below, above)]
    value, other = straight[0], curved[0]
    if sizes[1] > FAR_APART * sizes[0] or (value > 0 and not 1 / UNSURE <= other / value <= UNSURE):
        return None
    if len(straight) == 1:
        return Estimate(value)
    return Estimate(value, min(straight[1], curved[1]), max(straight[2], curved[2]))


def _page_faults(line: dict[Any, Any]) -> float:
    """In a call, of both sides."""
    sides = (line.get(f"{side}_page_faults_per_call", math.nan) for side in ("client", "server"))
    return float(sum(faults for faults in sides if not math.isnan(faults)))


def _two_speeds(line: dict[Any, Any]) -> bool:
    return bool(line["mean_us"] < (1 - TWO_SPEEDS) * line["p50_us"])


def _ends(below: Estimate, above: Estimate) -> list[tuple[float, float]]:
    """The figures of both, and the lower and the higher ends of their intervals where both have one."""
    found = [(below.value, above.value)]
    if below.low is not None and below.high is not None and above.low is not None and above.high is not None:
        found += [(below.low, above.low), (below.high, above.high)]
    return found


def _straight(sizes: tuple[int, int], size: float, below: float, above: float) -> float:
    share = (size - sizes[0]) / (sizes[1] - sizes[0])
    return below * (1 - share) + above * share


def _curved(sizes: tuple[int, int], size: float, below: float, above: float) -> float:
    """In the logarithms; a CPU time of zero or less (the harness' own part is taken off a small one) has none."""
    if below <= 0 or above <= 0:
        return _straight(sizes, size, below, above)
    return float(below * (above / below) ** (math.log(size / sizes[0]) / math.log(sizes[1] / sizes[0])))


def _one_scenario(cells: pd.DataFrame) -> pd.DataFrame:
    """A run's blocks have names of their own (``full``, ``full/clients``): the one with the most sizes is taken."""
    sizes = cells.groupby("scenario")["payload_bytes"].nunique()
    best = min(sizes.index, key=lambda name: (-sizes[name], name))
    kept: pd.DataFrame = cells.loc[cells["scenario"] == best]
    return kept
