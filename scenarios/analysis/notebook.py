"""What every notebook begins with: a run to look at, and things Jupyter knows how to show.

Notebooks hold prose and calls; whatever computes or draws is in the modules beside this one. Each of their functions
takes an :class:`OpenedRun` run and gives back something to show: :class:`Prose`, a :class:`Picture`, a table. Pure but
for :func:`open_run`; nothing is measured.
"""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from contenders.interface import LANES
from scenarios.advice.curves import FLOOR, Curves, closed_loop
from scenarios.common.errors import RunError
from scenarios.common.units import size
from scenarios.plots import style
from scenarios.records import environment, store
from scenarios.records.store import Run
from scenarios.statistics import figures

BASE = "shm"
MANY = 9
"""More lines than this in one panel cannot be told apart: the others stay grey behind them."""
QUIET = {"color": "#c4c4c4", "linewidth": 0.9, "marker": "", "linestyle": "-", "zorder": 1}
OTHERS = "others"


@dataclasses.dataclass(frozen=True)
class Prose:
    """Markdown."""

    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure, shown as PNG; `alt` says in words what it shows."""

    figure: Figure
    alt: str

    def __repr__(self) -> str:
        return f"<{self.alt}>"

    def _repr_png_(self) -> bytes:
        image = io.BytesIO()
        # Without the program's version in it, the same figure is the same file.
        with style.applied():
            self.figure.savefig(image, format="png", dpi=100, metadata={"Software": None})
        return image.getvalue()


@dataclasses.dataclass(frozen=True)
class OpenedRun:
    """A run and its table of cells."""

    run: Run
    cells: pd.DataFrame
    _curves: dict[str, Curves] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    @property
    def lanes(self) -> list[str]:
        """The lanes that were measured with one client back to back, in the order of the project."""
        found = set(closed_loop(self.cells)["lane"])
        return [lane for lane in LANES if lane in found]

    @property
    def cpus(self) -> float:
        """How many CPUs the run could use; infinite where it does not say."""
        return float(len(self.run.environment().get("cpus_usable") or ()) or math.inf)

    def curves(self, lane: str) -> Curves:
        """One lane's figures by payload. Raises :class:`scenarios.advice.curves.AdviceError`."""
        if lane not in self._curves:
            self._curves[lane] = Curves(self.cells, lane)
        return self._curves[lane]

    def __repr__(self) -> str:
        return self._repr_markdown_()

    def _repr_markdown_(self) -> str:
        about = self.run.about()
        cells = closed_loop(self.cells)
        noisy = int((cells["noise_flags"].fillna("") != "").sum())
        sizes = sorted(cells["payload_bytes"].unique())
        return "\n".join(
            [
                f"**Run `{about.get('run_id', self.run.id)}`** · {environment.in_one_line(self.run.environment())}",
                "",
                f"{cells['contender'].nunique()} contenders, lanes {', '.join(self.lanes)}, payloads "
                f"{size(sizes[0])} to {size(sizes[-1])}, {cells['repeat'].nunique()} repeats of each cell, each in "
                f"fresh processes. {noisy} of the {len(cells)} cells of one client were flagged as disturbed by "
                f"something else on the machine; they are kept, and the intervals are as wide as that made them.",
            ]
        )


def open_run(asked: str | None = None) -> OpenedRun:
    """The run of that folder or id; without one the latest, else the reference.

    Raises :class:`scenarios.common.errors.RunError` when there is none, or none with a finished cell in it.
    """
    run = store.find(environment.PROJECT / "results", asked)
    rows = run.rows()
    if not rows:
        raise RunError(f"{run.folder} has no finished cell")
    return OpenedRun(run, figures.frame(rows))


def figure(
    rows: int, columns: int, width: float, height: float, *, same_y: bool = False
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of panels, inches; to be drawn on under :func:`scenarios.plots.style.applied`."""
    found = Figure(figsize=(width, height), layout="constrained")
    axes = found.subplots(rows, columns, squeeze=False, sharey=same_y)
    for each in axes.flat:
        each.set_axisbelow(True)
    return found, [list(line) for line in axes]


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Prose:
    """A table; the first column to the left, the others, figures, to the right."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    return Prose("\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)]))


def not_measured(what: str, remedy: str = "make bench SCENARIO=full") -> Prose:
    """The sentence that stands where a run lacks the data for a picture."""
    return Prose(f"*Not measured in this run: {what}. It takes `{remedy}`.*")


def in_front(contenders: Iterable[str], p50_us: Mapping[str, float]) -> list[str]:
    """Those to draw in colour where there are too many: `shm` and the fastest others, by the figures given."""
    names = sorted(set(contenders) - {FLOOR}, key=lambda name: (p50_us.get(name, math.inf), name))
    if len(names) <= MANY:
        return names
    kept = [name for name in names if name == BASE] + [name for name in names if name != BASE]
    return kept[:MANY]


def look_of(name: str, front: Iterable[str]) -> dict[str, Any]:
    """Keyword arguments of a contender's line, its label among them: its own look, or that of all the others."""
    return style.of(name) | {"label": name} if name in front else QUIET | {"label": OTHERS}


def legend_below(drawn: Figure, axes: Sequence[Axes]) -> None:
    """One legend for all panels, outside of the data; a name once, in the order of the project's plots."""
    handles: dict[str, Artist] = {}
    for each in axes:
        found, labels = each.get_legend_handles_labels()
        handles |= dict(zip(labels, found, strict=True))
    names = [*style.ordered(handles.keys() - {OTHERS}), *(handles.keys() & {OTHERS})]
    columns = max(1, min(len(names), int(drawn.get_figwidth() / 1.45)))
    drawn.legend(
        handles=[handles[name] for name in names],
        labels=names,
        loc="outside lower center",
        ncols=columns,
        handlelength=3,
    )


def ribbon(axes: Axes, points: Iterable[tuple[float, float | None, float | None]], colour: str) -> None:
    """The intervals of a line, from (x, low, high); those without ends are left out."""
    ends = [(x, low, high) for x, low, high in points if low is not None and high is not None]
    if ends:
        x, low, high = ([point[i] for point in ends] for i in range(3))
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
