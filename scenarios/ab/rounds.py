"""A whole run: every side once in each round, in an order drawn at random, and what the person sees meanwhile."""

from __future__ import annotations

import dataclasses
import math
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from scenarios.ab.block import Figures
from scenarios.ab.verdict import CONTROL_LEVEL, Ratio, Verdict, ratio
from scenarios.common.units import micros
from scenarios.running.progress import duration

A, AGAIN, B = "A", "A again", "B"
SIDES = (A, AGAIN, B)
"""The second is the same checkout as the first, measured as if it were another."""

Measure = Callable[[str], Figures]
"""Measures a block of one of :data:`SIDES`."""


@dataclasses.dataclass(frozen=True)
class Result:
    """Every block of a run, by side and in the order of the rounds."""

    blocks: Mapping[str, Sequence[Figures]]

    def column(self, side: str, name: str) -> list[float]:
        """One figure of every block of a side."""
        return [getattr(each, name) for each in self.blocks[side]]

    def median(self, side: str, name: str) -> float:
        """Of the blocks of a side; NaN when one of them has no such figure."""
        values = self.column(side, name)
        return math.nan if any(map(math.isnan, values)) else statistics.median(values)

    def verdict(self, threshold: float) -> Verdict:
        """On the p50."""
        a, again, b = (self.column(side, "p50_us") for side in SIDES)
        return Verdict(ratio(a, again, CONTROL_LEVEL), ratio(a, b), threshold)

    def p99(self) -> Ratio | None:
        """B by A, for information; None when a block has too few calls for one."""
        if any(math.isnan(self.median(side, "p99_us")) for side in (A, B)):
            return None
        return ratio(self.column(A, "p99_us"), self.column(B, "p99_us"))


def order(rounds: int, seed: int) -> list[tuple[str, ...]]:
    """Which side follows which. Drawn for each round anew: what :mod:`scenarios.ab.verdict` relies on."""
    rng = random.Random(seed)
    return [tuple(rng.sample(SIDES, len(SIDES))) for _ in range(rounds)]


def run(rounds: int, seed: int, measure: Measure, console: Console) -> Result:
    """Measure every block. The bar is drawn between blocks only: a redraw would wake a CPU while one is timed."""
    blocks: dict[str, list[Figures]] = {side: [] for side in SIDES}
    began, done, total = time.monotonic(), 0, rounds * len(SIDES)
    bar = Progress(
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[said]}"),
        console=console,
        auto_refresh=False,
        transient=True,
    )
    task = bar.add_task("", total=total, said="")
    live = console.is_terminal
    if live:
        bar.start()
    try:
        for number, sides in enumerate(order(rounds, seed), 1):
            for side in sides:
                blocks[side].append(measure(side))
                done += 1
                left = duration((time.monotonic() - began) / done * (total - done))
                if live:
                    bar.update(task, completed=done, said=f"{left} left [dim]{_latest(blocks)}[/]")
                    bar.refresh()
            if not live:
                console.print(f"{number}/{rounds} {_latest(blocks)} ({left} left)", highlight=False)
    finally:
        if live:
            bar.stop()
    return Result(blocks)


def _latest(blocks: Mapping[str, Sequence[Figures]]) -> str:
    return ", ".join(f"{side} {micros(of[-1].p50_us)}" for side, of in blocks.items() if of)
