"""Phases of the machine: cells that it was slower or faster for, by yardsticks that no contender has a part in.

The runner takes two (:mod:`scenarios.running.yardsticks`) at the beginning of each block, some seconds of a run, and
writes them beside its cells. A cell is in another phase where either is off the median of all cells that it is compared
with by more than :data:`THRESHOLD`. Since that is no latency of a contender, cells may be told apart by it without
giving any contender a second throw of the dice. So

- ratios of contenders pair cells of one phase only (:func:`scenarios.statistics.figures.ratios`);
- a cell is outlying among the repeats of its own phase (:mod:`scenarios.statistics.disturbed`);
- two runs are compared by the cells of their common phase, and not at all where they have none (:func:`between`);
- a median stays that of all repeats, and a warning says where contenders have repeats of different phases
  (:func:`mixed`).

Where there are no yardsticks, as in runs of older versions, there is one phase.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from scenarios.common.units import three
from scenarios.plan.cells import GROUP, QUESTION

YARDSTICKS = {"yardstick_codec_us": "codec", "yardstick_pingpong_us": "ping-pong"}
"""Column to what it is called."""
THRESHOLD = 0.15
"""Beyond the yardsticks' own scatter: in the committed run no cell of the codec alone or of a plain call, up to 1 KB,
is off its group's median by more than 13%, nor one of the codec by more than 3%. Half of what makes a cell
`outlying`: a phase that did no more to a figure than this would not be seen among its repeats."""
USUAL, SLOWER, FASTER = "usual", "slower", "faster"


def usual(*frames: pd.DataFrame) -> pd.Series[float]:
    """The yardsticks' medians over all cells; each was read."""
    both = pd.concat([each[list(YARDSTICKS)] for each in frames])
    return both.astype(float).quantile(0.5, interpolation="lower")


def of(cells: pd.DataFrame, medians: pd.Series[float] | None = None) -> pd.Series[str]:
    """The phase of each cell, by its yardstick that is farther off the medians, else off those of these cells."""
    times = (cells[list(YARDSTICKS)] / (usual(cells) if medians is None else medians)).astype(float)
    most, least = times.max(axis=1), times.min(axis=1)
    phase = pd.Series(USUAL, cells.index, dtype=object)
    phase[(least < 1 / (1 + THRESHOLD)) & (most <= 1 / least)] = FASTER
    phase[(most > 1 + THRESHOLD) & (most > 1 / least)] = SLOWER
    return phase


def of_usual(cells: pd.DataFrame, medians: pd.Series[float]) -> pd.DataFrame:
    """The cells of the phase that has these medians."""
    return cells[of(cells, medians) == USUAL]


def between(before: pd.DataFrame, after: pd.DataFrame) -> str:
    """How the machine as a whole differed between two runs, in words; empty where it was in the same phase."""
    one, other = usual(before), usual(after)
    off = [
        f"{name} alone takes {three(one[column])} µs before, {three(other[column])} after"
        for column, name in YARDSTICKS.items()
        if abs(np.log(other[column] / one[column])) > np.log(1 + THRESHOLD)
    ]
    return f"the machine was in another phase ({', '.join(off)})" if off else ""


def caveat(cells: pd.DataFrame) -> tuple[str, dict[str, Any]] | None:
    """Of a run: how many of its cells were in another phase than most; None where none was. Words and figures."""
    others = cells[cells["phase"] != USUAL]
    if others.empty:
        return None
    repeats = sorted({int(each) for each in others["repeat"]})
    text = (
        f"{len(others)} of {len(cells)} cells were measured in another phase of the machine, in repeats "
        f"{', '.join(map(str, repeats))}: {_readings(others, usual(cells))}"
    )
    return text, {"cells": len(others), "of": len(cells), "repeats": repeats}


def mixed(cells: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], str, dict[str, Any]]]:
    """Groups with repeats in another phase than others in the same repeat of the same question: their axes, words,
    figures."""
    medians = usual(cells)
    differ = cells.groupby([*QUESTION, "repeat"])["phase"].transform("nunique") > 1
    counted = cells.assign(repeats=cells.groupby(list(GROUP))["repeat"].transform("size"))
    for group, others in counted[differ & (cells["phase"] != USUAL)].groupby(list(GROUP)):
        text = (
            f"{len(others)} of {others['repeats'].iloc[0]} repeats were measured in another phase of the machine than "
            f"what it is compared with ({_readings(others, medians)}): ratios leave them out, medians do not"
        )
        yield tuple(str(each) for each in tuple(group)), text, {"repeats": len(others)}


def _readings(cells: pd.DataFrame, medians: pd.Series[float]) -> str:
    """What the yardsticks were, against their medians."""
    said = []
    for column, name in YARDSTICKS.items():
        if (known := cells[column].dropna()).size:
            low, high = three(known.min()), three(known.max())
            said.append(f"{name} {low if low == high else f'{low} to {high}'} µs, else {three(medians[column])}")
    return "; ".join(said)
