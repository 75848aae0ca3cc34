"""Two runs, group by group: faster, slower, likely so, no difference, unclear, or lost. For people and for CI.

Refuses what would compare apples with pears: environments that differ in what matters to latency
(:data:`scenarios.records.environment.MATTERS`), methods or payloads that differ, runs that are not finished.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter
from typing import Any

import pandas as pd

from scenarios.common.errors import ComparisonError, Mistake
from scenarios.common.units import size, three
from scenarios.plan import circumstances
from scenarios.plan.cells import GROUP
from scenarios.plan.load import CLOSED
from scenarios.records import environment
from scenarios.records.store import FINISHED, Run
from scenarios.statistics import figures, phases
from scenarios.statistics.significance import (
    FASTER,
    FEWEST_REPEATS,
    LOST,
    SLOWER,
    VERDICTS,
    Difference,
    Floor,
    differences,
    figures_of,
    lost,
)

IN_PROCESS = "none"
"""The `wait` of contenders without another process."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What was found, and what to know about it."""

    before: str
    after: str
    column: str
    floor: Floor
    groups: tuple[Difference, ...]
    obstacles: tuple[str, ...]
    """Why it should not have been made; not empty only when it was forced."""
    only_before: tuple[str, ...]
    """Groups that the other run does not have a figure for, and that are not lost."""
    only_after: tuple[str, ...]
    of_other_phases: tuple[str, ...]
    """Groups that both have, but not in a phase of the machine that is common to both runs."""
    left_out: int
    """Cells of both runs that were measured in another phase than most."""
    controls: tuple[str, ...]
    """In-process contenders that changed: nothing but the machine, Python or the codec can have done that."""

    @property
    def untold(self) -> tuple[str, ...]:
        """The groups of which nothing can be said: too few repeats in one of the runs, or none in a phase of the
        machine that is common to both."""
        few = (_name(each) for each in self.groups if each.verdict != LOST and math.isnan(each.low))
        return (*few, *self.of_other_phases)

    @property
    def undecided(self) -> tuple[str, ...]:
        """The groups that are likely slower, by far, and with too few repeats for that to be beyond doubt."""
        return tuple(_name(each) for each in self.groups if each.undecided and each.ratio > 1)

    @property
    def exit_code(self) -> int:
        """1: something is slower or lost. Else 2: of some groups nothing can be said, or not whether they are slower by
        far. Else 0; what is likely slower alone, by less, is 0: among many equal groups some are."""
        if any(each.verdict in (SLOWER, LOST) for each in self.groups):
            return 1
        return 2 if self.untold or self.undecided else 0

    def differing(self) -> list[Difference]:
        """The groups that are faster or slower."""
        return [each for each in self.groups if each.verdict in (FASTER, SLOWER)]

    def as_json(self) -> str:
        """One object, one line; numbers that do not exist are null."""
        plain = dataclasses.asdict(self)
        plain["groups"] = [
            {key: None if isinstance(value, float) and math.isnan(value) else value for key, value in group.items()}
            for group in plain["groups"]
        ]
        counts = Counter(each.verdict for each in self.groups)
        plain |= {"untold": self.untold, "undecided": self.undecided, "exit_code": self.exit_code}
        return json.dumps(plain | {"counts": {verdict: counts[verdict] for verdict in VERDICTS}})


def compare(before: Run, after: Run, floor: Floor, column: str = "p50_us", *, force: bool = False) -> Comparison:
    """Compare two runs. Raises :class:`ComparisonError` when that would mean nothing, unless forced."""
    runs = (before, after)
    found = obstacles(before, after)
    if found and not force:
        head = f"{before.id} and {after.id} cannot be compared (--force does it all the same):"
        raise ComparisonError("\n  ".join([head, *found]), [Mistake(each) for each in found])
    frames = [figures.frame(run.rows()) for run in runs]
    medians = phases.usual(*frames)
    within = frames if force else [phases.of_usual(each, medians) for each in frames]
    common = differences(within[0], within[1], floor, column)
    gone = lost(frames[0], frames[1], [why["axes"] for why in after.failures().values()], column)
    if not common and not gone:
        name = column.removesuffix("_us")
        head = f"nothing was measured in both runs that has a {name}, so there is nothing to compare:"
        has = [f"{run.id}: {_contents(frame, column)}" for run, frame in zip(runs, frames, strict=True)]
        remedy = (
            "measure the same scenario twice, or name two runs that have contender, lane, payload and load in common"
        )
        raise ComparisonError("\n  ".join([head, *has, remedy]))
    if not gone and not force and all(math.isnan(each.low) for each in common):
        repeats = " and ".join(
            f"{run.id} has {_repeats(frame, column)}" for run, frame in zip(runs, within, strict=True)
        )
        apart = sum(map(len, frames)) - sum(map(len, within))
        phase = f" ({apart} cells of another phase of the machine left out)" if apart else ""
        raise ComparisonError(
            f"nothing can be told from so few repeats: {repeats} of a group at most{phase}, and it takes "
            f"{FEWEST_REPEATS} on both sides; measure with repeats = {FEWEST_REPEATS} or more (--force shows the "
            "ratios all the same)"
        )
    waits = frames[0].set_index(list(GROUP))["wait"]
    in_process = {group for group, wait in waits.items() if wait == IN_PROCESS}
    seen = {tuple(each.group.values()) for each in (*common, *gone)}
    had = [figures_of(each, column) for each in frames]
    alone = [[_named(group) for group in had[side] if group not in {*seen, *had[not side]}] for side in (0, 1)]
    result = Comparison(
        before=before.id,
        after=after.id,
        column=column,
        floor=floor,
        groups=(*common, *gone),
        obstacles=tuple(found),
        only_before=tuple(alone[0]),
        only_after=tuple(alone[1]),
        of_other_phases=tuple(_named(group) for group in had[0] if group in had[1] and group not in seen),
        left_out=sum(map(len, frames)) - sum(map(len, within)),
        controls=(),
    )
    moved = [each for each in result.differing() if tuple(each.group.values()) in in_process]
    return dataclasses.replace(result, controls=tuple(f"{_name(each)}, {three(each.ratio)}x" for each in moved))


def obstacles(before: Run, after: Run) -> list[str]:
    """What speaks against comparing two runs, one phrase each."""
    found = [f"{run.id} is not finished" for run in (before, after) if run.about().get("state") != FINISHED]
    found += environment.incomparable(before.environment(), after.environment())
    found += filter(None, [phases.between(*(figures.frame(run.rows()) for run in (before, after)))])
    asked = [_asked(run) for run in (before, after)]
    for where in sorted(asked[0].keys() & asked[1].keys()):
        if asked[0][where] != asked[1][where]:
            one, other = (" of ".join(each[where]) for each in asked)
            found.append(f"{where[0]}, lane {where[1]}: {one} before, {other} after")
    return found


def _asked(run: Run) -> dict[tuple[str, str], tuple[str, str]]:
    """(scenario column, lane) to what was called there: method and kind of payload."""
    scenario = run.about()["scenario"]
    return {
        (f"{scenario['name']}/{block['name']}" if block["name"] else scenario["name"], lane): (block["method"], kind)
        for block in scenario["blocks"]
        for lane, kind in block["payloads"].items()
    }


def _name(each: Difference) -> str:
    return _named(tuple(each.group.values()))


def _named(group: tuple[Any, ...]) -> str:
    axes = dict(zip(GROUP, group, strict=True))
    several = f", {axes['clients']} clients" if axes["clients"] != 1 else ""
    load = f", {axes['load']}" if axes["load"] != CLOSED else ""
    around = "".join(f", {words}" for words in circumstances.of(axes).words())
    return f"{axes['contender']}, lane {axes['lane']}, {size(float(axes['payload_bytes']))}{several}{load}{around}"


def _repeats(cells: pd.DataFrame, column: str) -> int:
    return max((len(figures) for figures in figures_of(cells, column).values()), default=0)


def _contents(cells: pd.DataFrame, column: str) -> str:
    """What a run has the figure for, axis by axis."""
    there = cells.dropna(subset=[column])
    if there.empty:
        return f"no {column.removesuffix('_us')} at all, for want of calls (a p99 takes 1,000 in a repeat)"
    sizes = ", ".join(size(count) for count in sorted(set(there["payload_bytes"])))
    words = [
        f"{axis} {', '.join(sorted(set(map(str, there[axis]))))}" for axis in ("scenario", "lane", "contender", "load")
    ]
    return "; ".join([*words, f"payload {sizes}"])
