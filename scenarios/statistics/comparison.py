"""Two runs, group by group: faster, slower, no difference, unclear, or lost. For people and for CI.

Refuses what would compare apples with pears: environments that differ in what matters to latency
(:data:`scenarios.records.environment.MATTERS`), methods or payloads that differ, runs that are not finished.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter

import pandas as pd

from scenarios.common.errors import ComparisonError, Mistake
from scenarios.common.units import size, three
from scenarios.plan.cells import GROUP
from scenarios.records import environment
from scenarios.records.store import FINISHED, Run
from scenarios.statistics import figures
from scenarios.statistics.significance import (
    FASTER,
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
    only_before: int
    """Groups that the other run does not have a figure for, and that are not lost."""
    only_after: int
    controls: tuple[str, ...]
    """In-process contenders that changed: nothing but the machine, Python or the codec can have done that."""

    @property
    def exit_code(self) -> int:
        """0: nothing is slower or lost; 1: something is."""
        return int(any(each.verdict in (SLOWER, LOST) for each in self.groups))

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
        return json.dumps(plain | {"counts": {verdict: counts[verdict] for verdict in VERDICTS}})


def compare(before: Run, after: Run, floor: Floor, column: str = "p50_us", *, force: bool = False) -> Comparison:
    """Compare two runs. Raises :class:`ComparisonError` when that would mean nothing, unless forced."""
    found = obstacles(before, after)
    if found and not force:
        head = f"{before.id} and {after.id} cannot be compared (--force does it all the same):"
        raise ComparisonError("\n  ".join([head, *found]), [Mistake(each) for each in found])
    frames = [figures.frame(run.rows()) for run in (before, after)]
    common = differences(frames[0], frames[1], floor, column)
    gone = lost(frames[0], frames[1], [why["axes"] for why in after.failures().values()], column)
    if not common and not gone:
        name = column.removesuffix("_us")
        head = f"nothing was measured in both runs that has a {name}, so there is nothing to compare:"
        has = [f"{run.id}: {_contents(frame, column)}" for run, frame in zip((before, after), frames, strict=True)]
        remedy = (
            "measure the same scenario twice, or name two runs that have contender, lane, payload and load in common"
        )
        raise ComparisonError("\n  ".join([head, *has, remedy]))
    waits = frames[0].set_index(list(GROUP))["wait"]
    in_process = {group for group, wait in waits.items() if wait == IN_PROCESS}
    counts = [len(figures_of(each, column)) for each in frames]
    result = Comparison(
        before=before.id,
        after=after.id,
        column=column,
        floor=floor,
        groups=(*common, *gone),
        obstacles=tuple(found),
        only_before=counts[0] - len(common) - len(gone),
        only_after=counts[1] - len(common),
        controls=(),
    )
    moved = [each for each in result.differing() if tuple(each.group.values()) in in_process]
    return dataclasses.replace(result, controls=tuple(f"{_name(each)}, {three(each.ratio)}x" for each in moved))


def obstacles(before: Run, after: Run) -> list[str]:
    """What speaks against comparing two runs, one phrase each."""
    found = [f"{run.id} is not finished" for run in (before, after) if run.about().get("state") != FINISHED]
    found += environment.incomparable(before.environment(), after.environment())
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
    return f"{each.group['contender']}, lane {each.group['lane']}, {size(float(each.group['payload_bytes']))}"


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
