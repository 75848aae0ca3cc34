"""When a cell has been repeated often enough: once the interval of its p50 over the repeats is as narrow as was asked.

What ends is a question, all contenders of one lane, payload, number of clients, load and circumstances together, so
that ratios stay paired in every repeat; and only once the interval of each is narrow. The scenario's `repeats` are the
limit. It follows from earlier repeats on disk, so an interrupted run goes on with the same choice.

An interval that is looked at after every repeat, and taken when it is narrow, holds the truth a little less often than
one over a number of repeats that was fixed before: by up to 3 percentage points, 93% where 96% is said. That is counted
in :mod:`tests.scenarios.running.test_stopping`, with :func:`narrow` and lognormal repeats of many spreads.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from scenarios.plan.cells import GROUP, QUESTION, Cell
from scenarios.records.store import Row
from scenarios.statistics import intervals
from scenarios.statistics.figures import chosen

FEWEST = 6
"""Repeats; the first number whose interval is 95% sure."""


def narrow(repeats: Sequence[float], precision: float) -> bool:
    """Whether half the interval of the median of these is at most `precision` of it; not over too few repeats."""
    ends = intervals.of_median(repeats) if len(repeats) >= FEWEST else None
    return ends is not None and (ends[1] - ends[0]) / 2 <= precision * float(np.median(repeats))


def unanswered(block: Sequence[Cell], rows: Iterable[Row], precision: float | None) -> list[Cell]:
    """The cells of one repeat, `block`, whose question is not answered yet by the repeats before it."""
    if precision is None or block[0].repeat < FEWEST:
        return list(block)
    p50: dict[tuple[str, ...], dict[tuple[str, ...], list[float]]] = {}
    for row in chosen(row for row in rows if int(row["repeat"]) < block[0].repeat):
        groups = p50.setdefault(tuple(row[axis] for axis in QUESTION), {})
        groups.setdefault(tuple(row[axis] for axis in GROUP), []).append(float(row["p50_us"] or "nan"))
    answered = {question for question, of in p50.items() if all(narrow(each, precision) for each in of.values())}
    return [cell for cell in block if tuple(str(cell.axes[axis]) for axis in QUESTION) not in answered]
