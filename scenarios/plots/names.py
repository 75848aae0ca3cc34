"""Names written beside what they name, none on another: at the ends of lines, and around points.

Both place their labels once the figure has its final size (:meth:`scenarios.plots.sheet.Sheet.afterwards`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from scenarios.plots import style
from scenarios.plots.sheet import Sheet

Point = tuple[float, float]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Boxes = Floats
"""Left, lower, right and upper ends, a line each."""

HEIGHT = style.POINTS * 1.25
"""Points from one line of type to the next."""
MARK, CLEAR = 4.0, 5.0
"""Points from the middle of a mark to its edge, and from there to the name of another, which would else be taken for
its own."""
ROUNDS = 12
_AROUND = [(radius, turn * math.tau / 20) for radius in range(0, 120, 6) for turn in range(20)]
"""Where a name is tried: points from the mark, the nearest first, and directions."""
_FAR = 4.0
"""Points from a mark to its name from which on a line joins them."""


@dataclasses.dataclass(frozen=True)
class Name:
    """A name and the point in data coordinates it belongs to."""

    text: str
    x: float
    y: float
    colour: str = style.INK
    bold: bool = False

    @property
    def look(self) -> dict[str, Any]:
        """Keyword arguments of a text."""
        darker = tuple(0.75 * part for part in to_rgb(self.colour))  # thin type needs more contrast than a line
        return {"color": darker, "fontsize": style.POINTS, "fontweight": "bold" if self.bold else "normal"}


def apart(heights: Sequence[float], top: float, bottom: float, height: float) -> list[float]:
    """Where labels stand that would be at `heights` (growing from top to bottom): so far apart, in the same order,
    within bounds as far as there is room."""
    order = sorted(range(len(heights)), key=lambda place: heights[place])
    room = min(height, (bottom - top) / max(len(heights) - 1, 1))
    found = list(heights)
    for above, place in zip([None, *order], order, strict=False):
        least = top if above is None else found[above] + room
        found[place] = max(heights[place], least)
    for below, place in zip([None, *order[::-1]], order[::-1], strict=False):
        most = bottom if below is None else found[below] - room
        found[place] = min(found[place], most)
    return [round(height, 1) for height in found]


def at_ends(sheet: Sheet, axes: Axes, names: Sequence[Name]) -> None:
    """Right of the panel, each as high as its line ends or as near as there is room, with a thin line to it."""
    texts = [
        axes.annotate(
            each.text,
            (each.x, each.y),
            (1.07, 0.5),
            textcoords="axes fraction",
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": each.colour,
                "linewidth": 0.6,
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
            **each.look,
        )
        for each in names
    ]

    def place() -> None:
        box = axes.get_window_extent()
        pixels_per_point = sheet.figure.dpi / 72
        ends = [axes.transData.transform((each.x, each.y))[1] for each in names]
        above = [(box.y1 - end) / pixels_per_point for end in ends]
        whole = box.height / pixels_per_point
        for text, found in zip(texts, apart(above, 4, whole - 4, HEIGHT), strict=True):
            text.set_y(1 - found / whole)

    sheet.afterwards(place)


def around(
    sheet: Sheet, axes: Axes, names: Sequence[Name], marks: Sequence[tuple[Point, float]] = (), clear: float = 0.0
) -> None:
    """Beside each point, with a thin line where it had to go far; on no other name, no point and no text of the panel.

    `marks`: what else stands there, by its place in data coordinates, and how many points it reaches around that.
    `clear`: points around the texts of the panel that are left free. Of equally good places the first named have the
    choice. A name there is no room for is left out.
    """

    def place() -> None:
        scale = sheet.figure.dpi / 72
        texts = [axes.annotate(each.text, (each.x, each.y), (0, 0), textcoords="offset points") for each in names]
        for text, each in zip(texts, names, strict=True):
            text.set(
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.8}, zorder=1.6, **each.look
            )
        points = [tuple(axes.transData.transform((each.x, each.y)) / scale) for each in names]
        sizes = [text.get_window_extent() for text in texts]
        ends = np.array([-1, -1, 1, 1])
        words = [text.get_window_extent().extents for text in axes.texts if text not in texts]
        others = [each + ends * clear * scale for each in words]
        others += [np.tile(axes.transData.transform(place), 2) + ends * reach * scale for place, reach in marks]
        found = fitted(
            points,
            [(size.width / scale, size.height / scale) for size in sizes],
            np.array(others).reshape(-1, 4) / scale,
            np.array(axes.get_window_extent().extents) / scale,
        )
        line = {"arrowstyle": "-", "color": style.QUIET, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2}
        for text, each, (x, y), spot in zip(texts, names, points, found, strict=True):
            if spot is None:
                text.remove()
                continue
            text.xyann = (spot.box[0] - x, spot.box[1] - y)
            if spot.distance > _FAR:
                end = (spot.end[0] - x, spot.end[1] - y)
                axes.annotate("", (each.x, each.y), end, textcoords="offset points", arrowprops=line, zorder=1.5)

    sheet.afterwards(place)


@dataclasses.dataclass(frozen=True)
class Spot:
    """Where a name stands, in points of the figure: its box, the place on it that is nearest to its mark, and how far
    that is from the mark's edge."""

    box: tuple[float, float, float, float]
    end: Point
    distance: float


def fitted(points: Sequence[Point], sizes: Sequence[Point], words: Boxes, panel: Floats) -> list[Spot | None]:
    """A spot for a name of each size near its point: on no mark, no other name, none of `words`, and within the panel;
    None where there is none.

    Each name in turn takes the place that costs the least beside the others, until none wants to move: nearness first,
    then that its line crosses nothing and that no other's mark is beside it, which it would be taken for the name of.
    """
    marks = np.array([(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in points])
    spots = [_Spots.of(point, size) for point, size in zip(points, sizes, strict=True)]
    for each, point in zip(spots, points, strict=True):
        away = np.array([math.dist(point, other) for other in points])
        outside = (each.boxes[:, :2] < panel[:2]).any(axis=1) | (each.boxes[:, 2:] > panel[2:]).any(axis=1)
        each.cost[outside | (_touch(each.boxes, np.vstack([marks, words])) > 0)] = np.inf
        each.cost += 30 * _touch(each.boxes, marks[away > MARK] + np.array([-CLEAR, -CLEAR, CLEAR, CLEAR]))
        # A line can't but cross the marks that stand as near as its own.
        each.cost += 30 * each.crossed(marks[away > 2 * MARK]) + 200 * each.crossed(words)
    chosen = [int(np.argmin(each.cost)) for each in spots]
    for _ in range(ROUNDS):
        before = list(chosen)
        for place, each in enumerate(spots):
            others = [i for i in range(len(spots)) if i != place]
            names = np.array([spots[i].boxes[chosen[i]] for i in others]).reshape(-1, 4)
            lines = np.concatenate([np.empty((0, 2)), *(spots[i].lines[chosen[i]] for i in others)])
            specks = np.hstack([lines - 1, lines + 1])
            cost = each.cost + 1000 * _touch(each.boxes, names) + 200 * each.crossed(names)
            cost += 20 * _touch(each.boxes, specks)
            chosen[place] = int(np.argmin(cost))
        if chosen == before:
            break
    found: list[Spot | None] = []
    for each, at in zip(spots, chosen, strict=True):
        taken = np.array([spot.box for spot in found if spot]).reshape(-1, 4)
        free = np.isfinite(each.cost[at]) and not _touch(each.boxes[[at]], taken)[0]
        x, y = each.ends[at]
        box = tuple(float(end) for end in each.boxes[at])
        found.append(Spot(box, (float(x), float(y)), float(each.distances[at])) if free else None)  # type: ignore[arg-type]
    return found


@dataclasses.dataclass
class _Spots:
    """Everywhere a name may stand: its box, the end of its line, how far that is, points along the line (NaN where it
    needs none), and what standing there costs."""

    boxes: Boxes
    ends: Floats
    distances: Floats
    lines: Floats
    cost: Floats

    @classmethod
    def of(cls, point: Point, size: Point) -> _Spots:
        middle, extent = np.array(point), np.array(size)
        radius, angle = np.array(_AROUND).T
        way = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        low = middle + way * (radius[:, None] + np.array([MARK + 2, MARK])) + extent * (way - 1) / 2
        ends = np.clip(middle, low, low + extent)
        distances = np.hypot(*(ends - middle).T) - MARK
        steps = np.linspace(0.1, 0.95, 10)[None, :, None]
        lines = np.where((distances > _FAR)[:, None, None], middle + steps * (ends - middle)[:, None, :], np.nan)
        return cls(np.hstack([low, low + extent]), ends, distances, lines, np.maximum(distances, 0) ** 1.2)

    def crossed(self, boxes: Boxes) -> Floats:
        """How many of the boxes each spot's line crosses."""
        x, y = self.lines[:, :, :1], self.lines[:, :, 1:]
        left, low, right, high = boxes.T
        inside = (left < x) & (x < right) & (low < y) & (y < high)
        return np.asarray(inside.any(axis=1).sum(axis=1), float)


def _touch(boxes: Boxes, others: Boxes) -> Floats:
    """How many of the others each box overlaps."""
    one, other = boxes[:, None, :], others[None, :, :]
    apart = (one[..., :2] >= other[..., 2:]) | (one[..., 2:] <= other[..., :2])
    return np.asarray((~apart.any(axis=2)).sum(axis=1), float)
