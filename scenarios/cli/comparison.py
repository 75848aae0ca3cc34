"""Two runs compared, for the terminal: a line per group, the worst first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from scenarios.cli import layout
from scenarios.common.units import micros, size, three
from scenarios.plan import circumstances
from scenarios.statistics.comparison import Comparison
from scenarios.statistics.significance import (
    APART,
    DECIDING_REPEATS,
    FASTER,
    FEWEST_REPEATS,
    LEVEL,
    LIKELY_FASTER,
    LIKELY_SLOWER,
    LOST,
    SLOWER,
    VERDICTS,
    Difference,
)

NAMED = 5
"""Groups of one run only, by name; the others are counted."""
STYLES = {SLOWER: "red", LOST: "red", FASTER: "green"}


def show(comparison: Comparison, console: Console) -> None:
    """Print a comparison."""
    name = comparison.column.removesuffix("_us")
    several = {axis for axis in ("scenario", "lane") if len({each.group[axis] for each in comparison.groups}) > 1}
    keys = [axis for axis in ("scenario", "lane") if axis in several]
    lines = []
    for each in sorted(comparison.groups, key=lambda each: (VERDICTS.index(each.verdict), -each.ratio)):
        interval = ("", "")
        if not math.isnan(each.low):
            interval = (f"{three(each.low)} to {three(each.high)}", f"{each.sure:.0%}")
        after = ("", "") if each.verdict == LOST else (micros(each.after_us), f"{three(each.ratio)}x")
        fields = [
            *(str(each.group[key]) for key in keys),
            *(size(float(each.group["payload_bytes"])), _label(each), each.verdict),
            *(micros(each.before_us), *after, *interval),
        ]
        lines.append(layout.Line(fields, STYLES.get(each.verdict)))
    for table in layout.tables(
        console,
        (*keys, "payload", "contender", "verdict", "before", "after", "ratio", "its interval", "sure"),
        lines,
        keys=len(keys) + 2,
        left=(*keys, "contender", "verdict"),
        title=f"{name} of {comparison.after} against {comparison.before}",
    ):
        console.print(table)
    counts = Counter(each.verdict for each in comparison.groups)
    said = [
        ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict]),
        f"slower or faster: by more than {comparison.floor.share:.3g} of the faster and {comparison.floor.us:g} µs, "
        f"and no chance: by the ranks of {name} per repeat (Mann and Whitney's exact test, false discoveries held to "
        f"{LEVEL:.0%} of all {len(comparison.groups) - counts[LOST]} groups), or every repeat of one is more than "
        f"{APART} times every one of the other, of {DECIDING_REPEATS} or more on both sides; unclear: the interval "
        "holds both 1 and what matters, more repeats narrow it; before and after: medians over repeats; ratio: the "
        "median of each after by each before; sure: of this interval alone",
    ]
    if likely := counts[LIKELY_SLOWER] + counts[LIKELY_FASTER]:
        said.append(
            f"likely: as sure as its interval, and no more: of {len(comparison.groups) - counts[LOST]} equal groups "
            f"chance makes {_by_chance(comparison):.2g} look so or less, and {likely} do; more repeats settle it"
        )
    if undecided := comparison.undecided:
        said.append(
            f"likely slower, every repeat more than {APART} times every one before, and too few repeats to be beyond "
            f"doubt (exit code 2 where nothing is slower): {_few(undecided)}; it takes {DECIDING_REPEATS} in both runs"
        )
    if counts[LOST]:
        said.append(f"lost: {name} before and none after; the cells failed, or too few calls were answered")
    if untold := comparison.untold:
        phase = " in one phase of the machine" if comparison.left_out else ""
        of = len(comparison.groups) + len(comparison.of_other_phases)
        said.append(
            f"nothing can be told of {len(untold)} of {of} groups, for want of repeats (exit code 2 where nothing is "
            f"slower): {_few(untold)}; it takes {FEWEST_REPEATS} in both runs{phase}"
        )
    if comparison.left_out:
        said.append(f"left out, measured in another phase of the machine: {comparison.left_out} cells")
    for run, groups in ((comparison.before, comparison.only_before), (comparison.after, comparison.only_after)):
        if groups:
            said.append(f"only in {run}: {_few(groups)}")
    console.print("\n".join(said), highlight=False)
    for obstacle in comparison.obstacles:
        console.print(f"[yellow]compared in spite of:[/] {obstacle}", highlight=False)
    if comparison.controls:
        text = f"contenders without another process changed as well ({'; '.join(comparison.controls)})"
        console.print(f"[yellow]the machine, Python or the codec changed:[/] {text}", highlight=False)


def _few(groups: Sequence[str]) -> str:
    more = f"; and {len(groups) - NAMED} more" if len(groups) > NAMED else ""
    return "; ".join(groups[:NAMED]) + more


def _by_chance(comparison: Comparison) -> float:
    """How many intervals exclude 1 among equals, the expected number."""
    return sum(1 - each.sure for each in comparison.groups if not math.isnan(each.sure))


def _label(each: Difference) -> str:
    """The contender, and what else tells it from its neighbours."""
    further = [f"{each.group['clients']} clients"] if each.group["clients"] != 1 else []
    further += [str(each.group["load"])] if each.group["load"] != "closed" else []
    return ", ".join([str(each.group["contender"]), *further, *circumstances.of(each.group).words()])
