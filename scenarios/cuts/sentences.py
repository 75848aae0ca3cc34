"""Where to cut a program, in sentences: the cuts with their numbers, and what a reader of them must know."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.common.units import BLANK, seconds, size
from scenarios.cuts import borders
from scenarios.cuts.document import Found
from scenarios.tables.of_cuts import named, percent

COSTS, NAMED = 4, 12
"""Contenders of a sentence, and functions."""


def of(found: Found, largest_measured: int, run: str) -> Iterator[str]:
    """`largest_measured`: bytes of the largest message of the run that is named."""
    cuts, first = found["cuts"], found["contenders"][0]
    least, enough = f"{borders.LEAST_SHARE:.0%} of the program's CPU time", f"its calls would cost with {first}"
    if not cuts:
        yield f"No cut is worth making: no module, and no group cheaper together, takes {least} and more than {enough}."
    elif len(cuts) < borders.BEST and not found["asked_for"]:
        yield f"No other cut takes {least} and more than {enough}."
    for place, cut in enumerate(cuts, 1):
        yield f"Cut {place}, {_of_cut(found, cut)}"
    if found["left_out_groups"]:
        yield f"{found['left_out_groups']:,} further groups are cheaper together than apart, and gain less than these."
    moved = {module for cut in cuts for module in cut["modules"]}
    if refused := [name for name in found["refused"] if name.partition(":")[0] in moved]:
        yield f"Not recorded, and so not known to stay or to cross: {named(refused, NAMED)}."
    if any(cost is None for cut in [*cuts, *found["modules"]] for cost in cut["cost_seconds"].values()):
        yield f"{BLANK} stands where the run has no figure near the sizes of these messages."
    if found["largest_message_bytes"] > largest_measured:
        yield (
            f"The run has messages of {size(largest_measured)} at most and this program some of "
            f"{size(found['largest_message_bytes'])}: beyond, a call is taken to cost as much more per byte as between "
            "the two largest."
        )
    if found["left_out_calls"]:
        left_out = f"{found['left_out_calls']:,} calls were counted and not kept"
        yield f"{left_out}: the others of their functions stand for them."
    yield (
        f"Of {found['seconds']:.3g} s of the program, in which it took {found['cpu_seconds']:.3g} s of CPU time. A "
        f"call costs its median back to back in the run {run}: paced calls cost more, see python -m scenarios advise."
    )


def _of_cut(found: Found, cut: Found) -> str:
    known = [(name, cost) for name, cost in cut["cost_seconds"].items() if cost is not None]
    costs = [f"{name} {percent(cost, found['seconds'])}" for name, cost in known[:COSTS]]
    back = f", and {cut['calls_back']:,} calls back" if cut["calls_back"] else ""
    stays = f"; {named(list(cut['stays']), COSTS)} would have to stay" if cut["stays"] else ""
    return (
        f"{', '.join(cut['modules'])}: {seconds(cut['moved_cpu_seconds'])} of CPU time leaves the process, "
        f"{percent(cut['moved_cpu_seconds'], found['cpu_seconds'])} of it; {cut['calls']:,} calls go there{back}, "
        f"which cost {', '.join(costs) or 'what was not measured'} of the time{stays}."
    )
