"""What pauses between calls, and what runs beside them, add to a call: from calls that were measured so. Pure.

A call with pauses takes what it takes back to back, and what it takes to wake who sleeps: that depends on how long both
sides have slept and on what else wants their CPUs, not on what is sent. So the difference to the same call back to back
is taken where it was measured, at some rates and payloads, and added to the figure back to back at the payload that is
asked for; of p50, p99, mean and CPU times alike.

Between two rates that are near enough it lies on a line over the logarithm of the rate; the rate of calls back to back,
where nothing is added, is one of them. Below the lowest nothing is said, unless that was :data:`SELDOM`. Between two
payloads it lies on a line, beyond them it is that of the nearest. What was measured in one lane holds for the others,
which differ in what is sent.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from contenders.interface import LANES
from scenarios.plan import circumstances
from scenarios.plan.circumstances import NOTHING
from scenarios.plan.load import ASLEEP, AWAKE, BUSY, CLOSED, Load
from scenarios.statistics import clients_and_rates, figures

FIGURES = ("p50_us", "p99_us", "mean_us", "client_cpu_us_per_call", "server_cpu_us_per_call")
SELDOM, FAR_APART = 10, 10
"""Calls per second: who slept for 100 ms sleeps no deeper. And between rates that are further apart than this factor
nothing is said."""
_ENDS = ("p50_low", "p50_high")
_REPEATS = "repeats"
_PLACE = ["lane", "contender", "payload_bytes"]


@dataclasses.dataclass(frozen=True)
class Added:
    """What a pause adds to each of :data:`FIGURES`, µs; NaN where it is not known."""

    figures: Mapping[str, float]
    low: float
    high: float
    """The ends of the interval of what is added to p50."""
    rates: tuple[float, ...]
    """The measured rates it rests on; none for calls back to back."""
    caller: str
    """The kind of caller whose rates they are, asleep or awake."""
    lane: str
    """In which they were measured."""
    repeats: int
    """How many there were, the fewer of its neighbours'; 0 where nothing was measured."""


_Point = dict[str, float]
"""What is added to each figure and to the ends of p50's interval, and of how many repeats that is."""
_Key = tuple[str, str, str]
"""Contender, caller, beside."""


class Pauses:
    """Of all contenders of a run, for questions about one lane. Immutable."""

    def __init__(self, cells: pd.DataFrame, lane: str) -> None:
        ideal = _by_place(figures.summary(figures.headline(cells)))
        one = cells[(cells["clients"] == 1) & (cells["contender"] != figures.FLOOR)]
        for axis in ("placement", "heap", "in_flight", "items"):
            one = one[one[axis] == circumstances.DEFAULTS[axis]]
        one = one[(one["load"] != CLOSED) | (one["beside"] != NOTHING)]
        lines = figures.summary(one)
        # Where calls were also measured as programs make them, those count: they come last.
        of_programs = lines["scenario"].isin(figures.of_circumstances(cells))
        lines = lines.assign(of_programs=of_programs).sort_values("of_programs", kind="stable")
        self._points: dict[_Key, dict[str, dict[float, dict[int, _Point]]]] = {}
        served = lines[clients_and_rates.served(lines)]
        for line in served[[*_PLACE, "load", "beside", *FIGURES, *_ENDS, _REPEATS]].to_dict("records"):
            place = str(line["lane"]), str(line["contender"]), int(line["payload_bytes"])
            beneath = ideal.get(place)
            load = Load.parse(str(line["load"]))
            if beneath is None or load.constant or math.isnan(line["p50_us"]):
                continue
            caller = BUSY if load.rate is None else ASLEEP if load.asleep else AWAKE
            point = {name: float(line[name]) - float(beneath[name]) for name in FIGURES}
            point |= {end: float(line[end]) - float(beneath["p50_us"]) for end in _ENDS}
            point[_REPEATS] = float(line["repeats"])
            rate = math.inf if load.rate is None else load.rate
            of_lane = self._points.setdefault((place[1], caller, str(line["beside"])), {}).setdefault(place[0], {})
            of_lane.setdefault(rate, {})[place[2]] = point
        self._lanes = [lane, *(each for each in LANES if each != lane)]

    def at(
        self, contender: str, caller: str, beside: str, payload_bytes: float, rate: float, back_to_back: float
    ) -> Added | None:
        """What is added to a call of that contender; None where it was not measured. `back_to_back`: the calls per
        second of such calls.

        Where sleepers were not measured near such a rate, of callers that compute, which is said.
        """
        _, busy = self._of(contender, BUSY, beside)
        end = _over(busy[math.inf], payload_bytes) if busy else dict.fromkeys((*FIGURES, *_ENDS, _REPEATS), 0.0)
        if beside != NOTHING and not busy:
            end = {}
        if caller == BUSY:
            return _added(end, (), BUSY, "") if end else None
        for measured in (caller, AWAKE):
            lane, by_rate = self._of(contender, measured, beside)
            rates = sorted(by_rate)
            if rates and rate >= max(back_to_back, rates[-1]):
                return _added(end, (), BUSY, lane) if end else None
            points = {each: _over(by_rate[each], payload_bytes) for each in rates}
            if end and back_to_back > max(rates, default=math.inf):
                points[back_to_back] = end
            found = _at_rate(points, rate)
            if found:
                point, used = found
                return _added(point, tuple(at for at in used if at in rates), measured, lane)
        return None

    def are_measured(self, caller: str) -> bool:
        """Whether such callers were measured; busy ones always are."""
        return caller == BUSY or any(key[1] == caller for key in self._points)

    def _of(self, contender: str, caller: str, beside: str) -> tuple[str, dict[float, dict[int, _Point]]]:
        found = self._points.get((contender, caller, beside), {})
        return next(((lane, found[lane]) for lane in self._lanes if lane in found), ("", {}))


def _by_place(lines: pd.DataFrame) -> dict[tuple[str, str, int], dict[Any, Any]]:
    """The lines of a summary by lane, contender and payload; of several scenarios the first."""
    found: dict[tuple[str, str, int], dict[Any, Any]] = {}
    for line in lines[[*_PLACE, *FIGURES]].to_dict("records"):
        found.setdefault((str(line["lane"]), str(line["contender"]), int(line["payload_bytes"])), line)
    return found


def _at_rate(points: Mapping[float, _Point], rate: float) -> tuple[_Point, tuple[float, ...]] | None:
    """What is added at a rate, and the rates it rests on; None where those are too far apart, or there are none."""
    below = max((each for each in points if each <= rate), default=0.0)
    above = min((each for each in points if each >= rate), default=math.inf)
    if below == above or (not below and above <= SELDOM):
        return points[above], (above,)
    if above == math.inf or above > FAR_APART * below:
        return None
    return _mixed(points[below], points[above], math.log(rate / below) / math.log(above / below)), (below, above)


def _over(points: Mapping[int, _Point], payload_bytes: float) -> _Point:
    """Between two payloads on a line, beyond them that of the nearest."""
    sizes = sorted(points)
    below = max((size for size in sizes if size <= payload_bytes), default=sizes[0])
    above = min((size for size in sizes if size >= payload_bytes), default=sizes[-1])
    if below >= above:
        return points[below]
    return _mixed(points[below], points[above], (payload_bytes - below) / (above - below))


def _mixed(one: _Point, other: _Point, share: float) -> _Point:
    """`share` of the way from the one to the other; a figure that one of them lacks is that of the nearer, without an
    interval if that is what one lacks."""
    mix: Callable[[float, float], float] = lambda a, b: a + (b - a) * share  # noqa: E731
    nearer = one if share <= 0.5 else other
    mixed = {name: mix(one[name], other[name]) for name in one}
    known = {name: nearer[name] if math.isnan(value) else value for name, value in mixed.items()}
    mixed = known | {end: math.nan if any(math.isnan(mixed[each]) for each in _ENDS) else known[end] for end in _ENDS}
    return mixed | {_REPEATS: min(one[_REPEATS], other[_REPEATS])}


def _added(point: _Point, rates: tuple[float, ...], caller: str, lane: str) -> Added:
    added = {name: point[name] for name in FIGURES}
    return Added(added, point["p50_low"], point["p50_high"], rates, caller, lane, int(point[_REPEATS]))
