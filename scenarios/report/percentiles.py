"""Percentile plots on HDR axes, as geometry that a template turns into SVG.

The axes are those of HdrHistogram (Gil Tene): latency upwards, 1 / (1 - percentile) to the right, both
logarithmic, so that 90%, 99% and 99.9% stand at equal distances and a tail has the room it deserves. A curve is
:func:`scenarios.statistics.figures.percentile_curve`. Where a run's samples were not kept, the percentiles in cells.csv
are drawn as points, and the plot says so.

Drawn by hand and not by matplotlib: a page has dozens of these, and each is to follow the page's colours, light or
dark, and its width.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

import pandas as pd

from scenarios.common.units import size
from scenarios.plots import names, sheet, style
from scenarios.records.store import Run
from scenarios.statistics import figures
from scenarios.statistics.figures import Point

FRONT = ("shm", "shm-block", "mp-pipe", "zmq-ipc", "grpc-uds")
"""Contenders whose curves have a name beside them; the others stay grey until their name below is chosen."""
MOST_NAMES = 6
"""With fewer contenders all have."""
LABEL_HEIGHT = 12.0
"""Between two names beside the plot."""
WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 104, 10, 36
_DASHES = {"-": "", "--": "6 3", "-.": "6 2 1.5 2", ":": "1.5 2"}


@dataclasses.dataclass(frozen=True)
class Look:
    """A contender's line on the page: a CSS colour and an SVG dash pattern."""

    colour: str
    dashes: str

    @classmethod
    def of(cls, contender: str) -> Look:
        """The look of :mod:`scenarios.plots.style`, with the page's own ink in place of black."""
        found = style.of(contender)
        colour = str(found["color"])
        line = found["linestyle"]
        dashes = _DASHES[line] if isinstance(line, str) else " ".join(f"{each:g}" for each in line[1])
        return cls("currentColor" if colour.lower() in ("#000000", "black", "k") else colour, dashes)


@dataclasses.dataclass(frozen=True)
class Curve:
    """One contender's line: its path in the plot, where its dots are (none when it has all samples), where it ends and
    how high its name stands beside the plot."""

    contender: str
    look: Look
    path: str
    dots: list[Point]
    from_samples: bool
    end: Point
    label_y: float | None
    """None: without a name."""


@dataclasses.dataclass(frozen=True)
class Tick:
    """A grid line: its place and its label."""

    at: float
    label: str


@dataclasses.dataclass(frozen=True)
class Plot:
    """One lane and payload size."""

    scenario: str
    lane: str
    payload: str
    curves: list[Curve]
    x_ticks: list[Tick]
    y_ticks: list[Tick]

    @property
    def from_samples(self) -> bool:
        """Whether every curve is of samples."""
        return all(curve.from_samples for curve in self.curves)


def plots(run: Run, cells: pd.DataFrame) -> Iterator[Plot]:
    """A plot for each scenario, payload size and lane of `cells`, in that order; none for what has no percentile."""
    for (scenario, payload_bytes, lane), each in cells.groupby(["scenario", "payload_bytes", "lane"], sort=True):
        parts = {name: each[each["contender"] == name] for name in style.ordered(each["contender"])}
        curves = {name: figures.percentile_curve(part, run.samples_of) for name, part in parts.items()}
        found = {name: points for name, points in curves.items() if points[0]}
        if found:
            yield _plot(str(scenario), str(lane), size(float(str(payload_bytes))), found)


def _plot(scenario: str, lane: str, payload: str, found: dict[str, tuple[list[Point], bool]]) -> Plot:
    every = [point for points, _ in found.values() for point in points]
    most = max(3.0, max(_nines(share) for share, _ in every))
    low = math.floor(math.log10(min(latency for _, latency in every)) * 3) / 3
    high = math.ceil(math.log10(max(latency for _, latency in every)) * 3) / 3
    high = max(high, low + 1)

    def place(point: Point) -> Point:
        share, latency = point
        x = LEFT + _nines(share) / most * (WIDTH - LEFT - RIGHT)
        y = TOP + (high - math.log10(latency)) / (high - low) * (HEIGHT - TOP - BOTTOM)
        return round(x, 1), round(y, 1)

    curves = []
    for name, (points, sampled) in found.items():
        dots = [place(point) for point in points]
        path = "M" + "L".join(f"{x:g} {y:g}" for x, y in dots)
        curves.append(Curve(name, Look.of(name), path, [] if sampled else dots, sampled, dots[-1], None))
    named = [curve for curve in curves if len(curves) <= MOST_NAMES or curve.contender in FRONT] or curves[:MOST_NAMES]
    heights = names.apart([curve.end[1] for curve in named], TOP, HEIGHT - BOTTOM, LABEL_HEIGHT)
    labels = {curve.contender: height for curve, height in zip(named, heights, strict=True)}
    curves = [dataclasses.replace(curve, label_y=labels.get(curve.contender)) for curve in curves]
    curves.sort(key=lambda curve: curve.label_y is not None)  # what has a name is drawn over what has none
    shares = [0.0, 0.5, *(1 - 10.0**-nines for nines in range(1, math.floor(most) + 1))]
    x_ticks = [Tick(place((share, 1.0))[0], f"{share * 100:.10g}%") for share in shares]
    # Between the powers of ten where there are few of them.
    steps = (1, 2, 5) if high - low < 2 else (1,)
    marks = [step * 10.0**decade for decade in range(math.floor(low), math.ceil(high) + 1) for step in steps]
    y_ticks = [Tick(place((0.0, mark))[1], sheet.time(mark)) for mark in marks if low <= math.log10(mark) <= high]
    return Plot(scenario, lane, payload, curves, x_ticks, y_ticks)


def _nines(share: float) -> float:
    """The decimal logarithm of 1 / (1 - share)."""
    return -math.log10(1 - share)
