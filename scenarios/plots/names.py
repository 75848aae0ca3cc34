"""Names written beside what they name, none on another: at the ends of lines, and around points.

Both place their labels once the figure has its final size (:meth:`scenarios.plots.sheet.Sheet.afterwards`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
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
_AROUND = [(radius, turn * math.tau / 24) for radius in range(0, 130, 5) for turn in range(24)]
"""Where a name is tried: points from the mark, the nearest first, and directions."""
_FAR = 5


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


def around(sheet: Sheet, axes: Axes, names: Sequence[Name]) -> None:
    """Beside each point, with a thin line where it had to go far; on no other name, no point and no text of the panel.

    Of equally good places the first named have the choice. A name there is no room for is left out.
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
        others = [text.get_window_extent() for text in axes.texts if text not in texts]
        found = fitted(
            points,
            [(size.width / scale, size.height / scale) for size in sizes],
            np.array([each.extents for each in others]).reshape(-1, 4) / scale,
            np.array(axes.get_window_extent().extents) / scale,
        )
        line = {"arrowstyle": "-", "color": style.QUIET, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2}
        for text, each, (x, y), spot in zip(texts, names, points, found, strict=True):
            if spot is None:
                text.remove()
                continue
            text.xyann = (spot.box[0] - x, spot.box[1] - y)
            if spot.radius > _FAR:
                end = (spot.end[0] - x, spot.end[1] - y)
                axes.annotate("", (each.x, each.y), end, textcoords="offset points", arrowprops=line, zorder=1.5)

    sheet.afterwards(place)


@dataclasses.dataclass(frozen=True)
class Spot:
    """Where a name stands, in points of the figure: its box, where its line ends, and how far it is from its mark."""

    box: tuple[float, float, float, float]
    end: Point
    radius: float


def fitted(points: Sequence[Point], sizes: Sequence[Point], words: Boxes, panel: Floats) -> list[Spot | None]:
    """A spot for a name of each size near its point, on no mark, no other name, none of `words` and within the panel;
    None where there is none. Of several orders of choosing that which leaves the fewest out, and then the nearest."""
    orders = [
        range(len(points)),
        *(sorted(range(len(points)), key=lambda i: way * points[i][axis]) for axis in (0, 1) for way in (1, -1)),
    ]

    def badness(found: list[Spot | None]) -> float:
        return sum(1000 if spot is None else spot.radius for spot in found)

    return min((_in_order(order, points, sizes, words, panel) for order in orders), key=badness)


def _in_order(
    order: Iterable[int], points: Sequence[Point], sizes: Sequence[Point], words: Boxes, panel: Floats
) -> list[Spot | None]:
    marks = np.array([(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in points])
    lines = np.empty((0, 4))
    found: list[Spot | None] = [None] * len(points)
    for place in order:
        (x, y), (width, height) = points[place], sizes[place]
        same = [math.dist(point, (x, y)) < MARK for point in points]
        foreign = marks[~np.array(same)] + np.array([-CLEAR, -CLEAR, CLEAR, CLEAR])
        taken = np.concatenate([marks, foreign, words, lines])
        for radius, angle in _AROUND:
            across, up = math.cos(angle), math.sin(angle)
            # From the edge of the mark to the nearest edge of the name.
            left = x + across * (radius + MARK + 2) + width * (across - 1) / 2
            low = y + up * (radius + MARK) + height * (up - 1) / 2
            box = (left - 1, low - 1, left + width + 1, low + height + 1)
            if not (panel[0] <= box[0] and box[2] <= panel[2] and panel[1] <= box[1] and box[3] <= panel[3]):
                continue
            end = left + width * (1 - across) / 2, low + height * (1 - up) / 2
            line = _along((x, y), end)
            if _touch(box, taken) or any(_touch(each, words) for each in line):
                continue
            found[place] = Spot((left, low, left + width, low + height), end, radius)
            words = np.vstack([words, box])
            lines = np.vstack([lines, line]) if radius > _FAR else lines
            break
    return found


def _touch(box: Sequence[float] | Floats, others: Boxes) -> bool:
    left, low, right, high = others.T
    return bool(((left < box[2]) & (box[0] < right) & (low < box[3]) & (box[1] < high)).any())


def _along(start: Point, end: Point) -> Boxes:
    """Small boxes on the line between two points."""
    shares = np.linspace(0, 1, max(2, int(math.dist(start, end) / 4)))[1:, None]
    steps = np.array(start) + shares * (np.array(end) - np.array(start))
    return np.hstack([steps - 0.7, steps + 0.7])
