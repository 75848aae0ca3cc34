"""What every notebook begins with: a run to look at, and things Jupyter knows how to show.

Notebooks hold prose and calls; whatever computes or draws is in the modules beside this one. Each of their functions
takes an :class:`OpenedRun` run and gives back something to show: :class:`Prose`, a :class:`Picture`, a table. Pure but
for :func:`open_run`; nothing is measured.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import pandas as pd

from scenarios.advice.curves import Curves, cpus
from scenarios.common.errors import RunError
from scenarios.common.units import counts, size
from scenarios.plan.cells import GROUP
from scenarios.plots import pictures, style
from scenarios.plots.sheet import Sheet
from scenarios.records import environment, store
from scenarios.records.store import Run
from scenarios.statistics import figures
from scenarios.tables.markdown import markdown


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
    """A finished sheet, shown as the PNG that is in a run's folder."""

    sheet: Sheet

    def __repr__(self) -> str:
        return f"<{self.sheet.title}>"

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        return self.sheet.png(), {"width": 600}


@dataclasses.dataclass(frozen=True)
class OpenedRun:
    """A run and its table of cells."""

    run: Run
    cells: pd.DataFrame
    _curves: dict[str, Curves] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    @property
    def lanes(self) -> list[str]:
        """The lanes that were measured with one client back to back, in the order of the project."""
        return style.lanes(figures.headline(self.cells)["lane"])

    @property
    def cpus(self) -> float:
        """How many CPUs the run could use; infinite where it does not say."""
        return cpus(self.run)

    def curves(self, lane: str) -> Curves:
        """One lane's figures by payload. Raises :class:`scenarios.advice.curves.AdviceError`."""
        if lane not in self._curves:
            self._curves[lane] = Curves(self.cells, lane, self.cpus)
        return self._curves[lane]

    def summary(self, lane: str) -> pd.DataFrame:
        """One lane's lines of :func:`scenarios.statistics.figures.summary`, of the scenario that `curves` are of."""
        cells = figures.headline(self.cells)
        return figures.summary(cells[(cells["lane"] == lane) & (cells["scenario"] == self.curves(lane).scenario)])

    def picture(self, sheet: Sheet) -> Picture:
        """A sheet with the run's small print."""
        return Picture(sheet.finish(pictures.about(self.run)))

    def __repr__(self) -> str:
        return self._repr_markdown_()

    def _repr_markdown_(self) -> str:
        about = self.run.about()
        cells = figures.headline(self.cells)
        noisy = int((cells["noise_flags"].fillna("") != "").sum())
        sizes = sorted(cells["payload_bytes"].unique())
        repeats = cells.groupby(list(GROUP)).size()
        return "\n".join(
            [
                f"**Run `{about.get('run_id', self.run.id)}`** · {environment.in_one_line(self.run.environment())}",
                "",
                f"{cells['contender'].nunique()} contenders, lanes {', '.join(self.lanes)}, payloads "
                f"{size(sizes[0])} to {size(sizes[-1])}, {counts(repeats)} repeats of each cell, each in "
                f"fresh processes. {noisy} of the {len(cells)} cells of one client were flagged as disturbed by "
                f"something else on the machine or by their own distance from the others; they are kept, and the "
                f"intervals, {figures.sureness(repeats) or 'none'}, are as wide as that made "
                "them.",
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


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Prose:
    """A table."""
    return Prose(markdown(heads, rows))


def not_measured(what: str, remedy: str = "make bench SCENARIO=full") -> Prose:
    """The sentence that stands where a run lacks the data for a picture."""
    return Prose(f"*Not measured in this run: {what}. It takes `{remedy}`.*")
