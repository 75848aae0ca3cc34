"""What pauses between calls, and what runs beside them, add to a call: from calls that were measured so. Pure.

A call with pauses takes what it takes back to back, and what it takes to wake who sleeps: that depends on how long both
sides have slept and on what else wants their CPUs, and less on what is sent. So the difference to the same call back to
back is taken where it was measured, at some rates and payloads, and added to the figure back to back at the payload
that is asked for; of p50, p99, mean and CPU times alike.

Between two rates that are near enough it lies on a line over the logarithm of the rate, and its interval holds both
ends: nobody knows where deeper sleep begins between them. The rate of calls back to back, where nothing is added, is
one of them, as far as calls that come at random seldom wait for each other (:data:`QUEUES`). Below the lowest rate
nothing is said, unless that was :data:`SELDOM`. Between two payloads it lies on a line, beyond them it is that of the
nearest; beyond :data:`FAR_APART` times the nearest its interval also holds that nothing is added. What was measured in
one lane holds for the others, which differ in what is sent. Cells that are left out of the committed run are then
answered within 25%, or within the interval, or not at all, as a test holds it to.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import pandas as pd

from contenders.interface import LANES
from scenarios.plan import circumstances
from scenarios.plan.circumstances import NOTHING
from scenarios.plan.load import ASLEEP, AWAKE, BUSY, CLOSED, Load
from scenarios.statistics import clients_and_rates, figures

FIGURES = ("p50_us", "p99_us", "mean_us", "client_cpu_us_per_call", "server_cpu_us_per_call")
SELDOM, FAR_APART = 10, 10
"""Calls per second: who slept for 100 ms sleeps no deeper. And between rates that are further apart than this factor
nothing is said; payloads that are further apart may have other pauses."""
QUEUES = 1 / 3
"""Of the calls per second back to back: at more, calls that come at random wait for each other a quarter of a call and
more on average (M/D/1: half of u / (1 - u)), which is in no figure back to back."""
_PLACE = ["lane", "contender", "payload_bytes"]
_ENDS = ["p50_low", "p50_high"]


@dataclasses.dataclass(frozen=True)
class Added:
    """What a pause adds to each of :data:`FIGURES`, µs; NaN where it is not known."""

    figures: Mapping[str, float]
    low: float
    high: float
    """The ends of the interval of what is added to p50."""
    repeats: int = 0
    """How many there were, the fewer of its neighbours'; 0 where nothing was measured."""
    disturbed: int = 0
    measurements: int = 0
    """How many measurements there were in all, and how many of them were disturbed."""
    payloads: tuple[int, ...] = ()
    """The measured payloads it rests on; none for calls back to back with nothing beside them."""
    here: bool = False
    """Whether all of it was measured at the payload that is asked for: then the call with its pause was, and its
    interval is the whole one. Else that of the call back to back comes on top."""
    far: bool = False
    """Whether what it rests on is beyond :data:`FAR_APART` times that payload."""
    rates: tuple[float, ...] = ()
    """The measured rates it rests on; none for calls back to back."""
    caller: str = BUSY
    """The kind of caller whose rates they are, asleep or awake."""
    lane: str = ""
    """In which they were measured."""


NO_PAUSE = Added(dict.fromkeys(FIGURES, 0.0), 0.0, 0.0)


class _Point(NamedTuple):
    """What was measured to be added at a rate and payload."""

    figures: dict[str, float]
    here: tuple[float, float]
    """The ends of p50's interval, less the figure back to back."""
    elsewhere: tuple[float, float]
    """The same, less the other end of the interval back to back: as far as a difference is known."""
    repeats: int
    disturbed: int


_ByRate = dict[float, dict[int, _Point]]
"""Rate to payload to what is added."""


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
        self._points: dict[tuple[str, str, str], dict[str, _ByRate]] = {}
        served = lines[clients_and_rates.served(lines)]
        for line in served[[*_PLACE, "load", "beside", *FIGURES, *_ENDS, "repeats", "noisy"]].to_dict("records"):
            place = str(line["lane"]), str(line["contender"]), int(line["payload_bytes"])
            beneath = ideal.get(place)
            load = Load.parse(str(line["load"]))
            if beneath is None or load.constant or math.isnan(line["p50_us"]):
                continue
            caller = BUSY if load.rate is None else ASLEEP if load.asleep else AWAKE
            rate = math.inf if load.rate is None else load.rate
            of_lane = self._points.setdefault((place[1], caller, str(line["beside"])), {}).setdefault(place[0], {})
            of_lane.setdefault(rate, {})[place[2]] = _point(line, beneath)
        self._lanes = [lane, *(each for each in LANES if each != lane)]

    def at(
        self, contender: str, caller: str, beside: str, payload_bytes: float, rate: float, back_to_back: float
    ) -> Added | None:
        """What is added to a call of that contender; None where it was not measured. `back_to_back`: the calls per
        second of such calls."""
        lane, busy = self._of(contender, BUSY, beside)
        end = NO_PAUSE if beside == NOTHING else None
        if busy and (over := _over(busy[math.inf], payload_bytes)):
            end = dataclasses.replace(over, lane=lane)
        if caller == BUSY:
            return end
        lane, by_rate = self._of(contender, caller, beside)
        fastest = max(by_rate, default=0.0)
        if rate >= max(back_to_back, fastest) and by_rate:
            return end
        over_rates = {each: _over(by_rate[each], payload_bytes) for each in by_rate}
        points = {each: added for each, added in over_rates.items() if added}
        if end and by_rate and back_to_back > fastest and rate <= QUEUES * back_to_back:
            points[back_to_back] = end
        found = _at_rate(points, rate)
        if found is None:
            return None
        added, used = found
        return dataclasses.replace(added, rates=tuple(at for at in used if at in by_rate), caller=caller, lane=lane)

    def are_measured(self, caller: str) -> bool:
        """Whether such callers were measured; busy ones always are."""
        return caller == BUSY or any(key[1] == caller for key in self._points)

    def measured(self, contender: str, beside: str) -> list[str]:
        """The rhythms in which a contender was measured with that beside it, in words."""
        found = ["back to back"] if beside == NOTHING or self._of(contender, BUSY, beside)[1] else []
        for caller in (ASLEEP, AWAKE):
            rates = sorted(self._of(contender, caller, beside)[1])
            found += [f"at {' and '.join(f'{rate:,.10g}/s' for rate in rates)} {caller}"] if rates else []
        return found

    def _of(self, contender: str, caller: str, beside: str) -> tuple[str, _ByRate]:
        found = self._points.get((contender, caller, beside), {})
        return next(((lane, found[lane]) for lane in self._lanes if lane in found), ("", {}))


def _point(line: Mapping[Any, Any], beneath: Mapping[Any, Any]) -> _Point:
    low, high = (float(line[end]) for end in _ENDS)
    return _Point(
        {name: float(line[name]) - float(beneath[name]) for name in FIGURES},
        (low - float(beneath["p50_us"]), high - float(beneath["p50_us"])),
        (low - float(beneath["p50_high"]), high - float(beneath["p50_low"])),
        int(line["repeats"]),
        int(line["noisy"]),
    )


def _by_place(lines: pd.DataFrame) -> dict[tuple[str, str, int], dict[Any, Any]]:
    """The lines of a summary by lane, contender and payload; of several scenarios the first."""
    found: dict[tuple[str, str, int], dict[Any, Any]] = {}
    for line in lines[[*_PLACE, *FIGURES, *_ENDS]].to_dict("records"):
        found.setdefault((str(line["lane"]), str(line["contender"]), int(line["payload_bytes"])), line)
    return found


def _at_rate(points: Mapping[float, Added], rate: float) -> tuple[Added, tuple[float, ...]] | None:
    """What is added at a rate, and the rates it rests on; None where those are too far apart, or there are none."""
    below = max((each for each in points if each <= rate), default=0.0)
    above = min((each for each in points if each >= rate), default=math.inf)
    if below == above or (not below and above <= SELDOM):
        return points[above], (above,)
    if above == math.inf or above > FAR_APART * below:
        return None
    one, other = points[below], points[above]
    mixed = _mixed(one, other, math.log(rate / below) / math.log(above / below))
    ends = _spread(one.low, other.low), _spread(one.high, other.high, highest=True)
    return dataclasses.replace(mixed, low=ends[0], high=ends[1]), (below, above)


def _over(points: Mapping[int, _Point], payload_bytes: float) -> Added | None:
    """Between two payloads on a line, beyond them that of the nearest; far from it None where that was less than
    nothing: no pause makes a call quicker, so something else differed there."""
    sizes = sorted(points)
    if payload_bytes in points:
        return _added(points[int(payload_bytes)], int(payload_bytes), here=True)
    below = max((size for size in sizes if size <= payload_bytes), default=sizes[0])
    above = min((size for size in sizes if size >= payload_bytes), default=sizes[-1])
    one, other = (_added(points[size], size, here=False) for size in (below, above))
    if below < above:
        return _mixed(one, other, (payload_bytes - below) / (above - below))
    if max(payload_bytes / below, below / payload_bytes) <= FAR_APART:
        return one
    if one.figures["p50_us"] < 0:
        return None
    return dataclasses.replace(one, far=True, low=_spread(one.low, 0.0), high=_spread(one.high, 0.0, highest=True))


def _added(point: _Point, payload_bytes: int, *, here: bool) -> Added:
    low, high = point.here if here else point.elsewhere
    return Added(
        *(point.figures, low, high, point.repeats, point.disturbed, point.repeats), payloads=(payload_bytes,), here=here
    )


def _mixed(one: Added, other: Added, share: float) -> Added:
    """`share` of the way from the one to the other; a figure that one of them lacks is that of the nearer, without an
    interval if that is what one lacks."""

    def mix(a: float, b: float) -> float:
        return a + (b - a) * share

    nearer = (one if share <= 0.5 else other).figures
    mixed = {name: mix(one.figures[name], other.figures[name]) for name in FIGURES}
    return Added(
        {name: nearer[name] if math.isnan(value) else value for name, value in mixed.items()},
        mix(one.low, other.low),
        mix(one.high, other.high),
        min(each.repeats for each in (one, other) if each.payloads) if one.payloads or other.payloads else 0,
        one.disturbed + other.disturbed,
        one.measurements + other.measurements,
        tuple(sorted({*one.payloads, *other.payloads})),
        here=one.here and other.here,
        far=one.far or other.far,
    )


def _spread(one: float, other: float, *, highest: bool = False) -> float:
    """The outer one of two ends; NaN where one of them is."""
    ends: Iterable[float] = (one, other)
    if math.isnan(one) or math.isnan(other):
        return math.nan
    return max(ends) if highest else min(ends)
