"""Disturbed cells: those the system says were, those that show it, and those of another phase of the machine.

The flags of :mod:`scenarios.measuring.noise` are raised by what the machine says of a moment. It does not say all: a
neighbour on the host that empties the caches leaves no trace in /proc. So a cell is also held against the other repeats
of its group in the same phase, when they are all there: :data:`OUTLYING`. That flag is a latency's word, so it marks a
cell and does no more. Which attempt at a cell counts, and what is measured again, is never decided by it: whoever
throws away what is slow and not what is fast has a faster contender. The median over repeats holds against it
already.
"""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from scenarios.plan.cells import GROUP
from scenarios.records.store import Row
from scenarios.statistics.phases import USUAL

OUTLYING, PHASE = "outlying", "phase"
FACTOR = 1.4
"""A p50 more than so many times its group's median, or less than the median by as much, is outlying. In the committed
run 98% of the cells and more are within it, and less than one in a hundred is above: a test holds it to that."""
FEWEST = 3
"""Of two repeats nobody can say which one is off."""


def disturbance(row: Row) -> int:
    """How many flags of the system a row has."""
    return len(row["noise_flags"].split(";")) if row["noise_flags"] else 0


def marked(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of :func:`scenarios.statistics.figures.frame`, the outlying ones flagged as such too, and those of
    another phase of the machine."""
    times = _times_the_median(cells)
    flags = cells["noise_flags"].fillna("")
    off = (times > FACTOR) | (times < 1 / FACTOR)
    for flag, has in ((PHASE, cells["phase"] != USUAL), (OUTLYING, off)):
        flags = flags.mask(has, (flags + ";" + flag).str.removeprefix(";"))
    return cells.assign(noise_flags=flags)


class Slow(NamedTuple):
    """The cells of more than :data:`FACTOR` times their group's median, and how many of them the system flagged."""

    cells: int
    flagged: int

    def __str__(self) -> str:
        those = "1 cell has a p50 that is" if self.cells == 1 else f"{self.cells} cells have a p50 that is"
        return f"{those} more than {FACTOR} times its group's median; the system's flags are on {self.flagged} of them"


def slow(cells: pd.DataFrame) -> Slow:
    """What the system's flags see of the cells that show a disturbance: their power."""
    found = cells.loc[_times_the_median(cells) > FACTOR, "noise_flags"]
    return Slow(len(found), sum(bool({*flags.split(";")} - {"", OUTLYING, PHASE}) for flags in found))


def _times_the_median(cells: pd.DataFrame) -> pd.Series[float]:
    """Each p50 by the median of its group in the same phase; NaN where that is too few repeats."""
    p50 = cells.groupby([*GROUP, "phase"])["p50_us"]
    return (cells["p50_us"] / p50.transform("median")).where(p50.transform("count") >= FEWEST)
