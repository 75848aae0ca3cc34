"""The A/A test: the same contenders twice, under two labels, interleaved in one run. No difference may be found.

Whatever the harness adds to one label and not to the other (order, drift, the way intervals are made) would show as
a difference between equals. It can fail: given different classes for the two labels, it says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from contenders.interface import Contender
from scenarios.plan.scenario import Block, Scenario
from scenarios.running import runner
from scenarios.statistics import comparison, figures
from scenarios.statistics.comparison import Comparison
from scenarios.statistics.significance import Floor, differences

CONTENDERS = ("direct-codec", "shm", "zmq-ipc")
"""One without another process, one that spins, one that always wakes somebody."""
TWIN = ".twin"
LEVEL = 0.01
"""A harness without fault fails this so often at most: all differences found are false, and the chance of any is the
level of the procedure (Benjamini and Hochberg, 1995)."""


class Twins(Mapping[str, type[Contender]]):
    """A catalogue with a twin of every contender: the same class from `catalogue`, or from `others`."""

    def __init__(
        self, catalogue: Mapping[str, type[Contender]], others: Mapping[str, type[Contender]] | None = None
    ) -> None:
        self._sides = (catalogue, catalogue if others is None else others)

    def __getitem__(self, name: str) -> type[Contender]:
        return self._sides[name.endswith(TWIN)][name.removesuffix(TWIN)]

    def __iter__(self) -> Iterator[str]:
        return (f"{name}{end}" for end, side in zip(("", TWIN), self._sides, strict=True) for name in side)

    def __len__(self) -> int:
        return sum(map(len, self._sides))


def scenario(contenders: Sequence[str], repeats: int, calls: int) -> Scenario:
    """Small documents, each contender and its twin once in every repeat."""
    names = tuple(f"{name}{end}" for name in contenders for end in ("", TWIN))
    block = Block(
        name="",
        contenders={"json": names},
        method="echo",
        payloads={"json": "document"},
        payload_sizes=(100,),
        calls=(calls,),
        warmup_calls=200,
        seconds=0.8,
        clients=(1,),
        load=("closed",),
    )
    description = "the same contenders under two labels: no difference may be found"
    return Scenario("a-a", description, (block,), repeats, seed=1, time_limit_s=60.0, reruns=0)


def a_a(
    twins: Twins,
    results: Path,
    console: Console,
    *,
    contenders: Sequence[str] = CONTENDERS,
    repeats: int = 6,
    calls: int = 1000,
    floor: Floor | None = None,
) -> Comparison:
    """Measure and compare, 40 s with the defaults; passed when nothing :meth:`~Comparison.differing` is in it.

    Raises :class:`RuntimeError` when a cell failed.
    """
    asked = scenario(contenders, repeats, calls)
    run = runner.begin(asked, twins, results)
    if failed := runner.measure(run, asked, twins, console):
        raise RuntimeError(f"{failed} cells of the A/A run failed, see {run.folder / 'failures.json'}")
    cells = figures.frame(run.rows())
    is_twin = cells["contender"].str.endswith(TWIN)
    second = cells[is_twin].assign(contender=cells["contender"].str.removesuffix(TWIN))
    floor = floor or Floor()
    groups = differences(cells[~is_twin], second, floor, level=LEVEL)
    return comparison.Comparison(
        before=run.id,
        after=f"{run.id}{TWIN}",
        column="p50_us",
        floor=floor,
        groups=tuple(groups),
        obstacles=(),
        only_before=(),
        only_after=(),
        of_other_phases=(),
        left_out=0,
        controls=(),
    )
