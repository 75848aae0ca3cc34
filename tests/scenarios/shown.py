"""What a notebook shows, read back: the fields of its tables, and the points, bars, words and axes of its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PolyCollection
from matplotlib.container import BarContainer

from scenarios.analysis.notebook import OpenedRun, Picture, Prose
from scenarios.records import store
from tests.scenarios.tables import Cells, table

CPUS = 2
Points = list[tuple[float, float]]


def opened(folder: Path, *rows: Cells) -> OpenedRun:
    """A run with these rows, made on two CPUs."""
    run = store.create(folder, {"name": "made"})
    run.write_json("environment.json", {"cpu": "a CPU", "cpus_usable": list(range(CPUS))})
    return OpenedRun(run, table(*rows))


def heads(shown: object) -> list[str]:
    """The heads of the columns of a table."""
    return _fields(_lines(shown)[0])


def rows(shown: object) -> dict[str, list[str]]:
    """The rows of a table in order: the first field, then the others."""
    return {first: rest for first, *rest in map(_fields, _lines(shown)[2:])}


def panels(shown: object) -> list[Axes]:
    """The panels of a picture, line by line."""
    assert isinstance(shown, Picture)
    return list(shown.sheet.figure.axes)


def legend(shown: object) -> list[str]:
    """The names in a picture's legend, in order."""
    assert isinstance(shown, Picture)
    (found,) = shown.sheet.panels.legends
    return [each.get_text() for each in found.get_texts()]


def lines(axes: Axes) -> dict[str, Points]:
    """The points of each line that has a name."""
    return {str(each.get_label()): points(each) for each in axes.lines if not str(each.get_label()).startswith("_")}


def points(line: Any) -> Points:
    """The points of one line."""
    return [(float(x), float(y)) for x, y in line.get_xydata()]


def ribbons(axes: Axes) -> list[list[tuple[float, float, float]]]:
    """The x, low and high end of every ribbon."""
    found = []
    for each in axes.collections:
        assert isinstance(each, PolyCollection)
        ends: dict[float, set[float]] = {}
        for x, y in each.get_paths()[0].vertices:  # type: ignore[union-attr]
            ends.setdefault(float(x), set()).add(float(y))
        found.append([(x, min(ys), max(ys)) for x, ys in sorted(ends.items())])
    return found


def bars(axes: Axes) -> dict[str, list[tuple[float, float, float, float]]]:
    """Each bar's left and lower end, width and height, by the name of its kind."""
    return {
        str(kind.get_label()): [(*map(float, bar.get_xy()), bar.get_width(), bar.get_height()) for bar in kind]
        for kind in axes.containers
        if isinstance(kind, BarContainer)
    }


def words(axes: Axes) -> list[str]:
    """What is written into a panel."""
    return [each.get_text() for each in axes.texts]


def ticks(axis: Axis) -> list[str]:
    """What is written along an axis."""
    return [each for each in axis.get_major_formatter().format_ticks(list(axis.get_majorticklocs())) if each]


def _lines(shown: object) -> list[str]:
    assert isinstance(shown, Prose)
    return [line for line in shown.text.splitlines() if line.startswith("|")]


def _fields(line: str) -> list[str]:
    return [field.strip() for field in line.removeprefix("|").removesuffix("|").split("|")]
