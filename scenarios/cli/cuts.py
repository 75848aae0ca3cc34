"""Where to cut a recorded program: two tables for the terminal, or JSON."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any

from rich.console import Console

from scenarios.advice.curves import Curves, curves_of
from scenarios.cli import layout
from scenarios.cli.problems import Reporter
from scenarios.common.errors import UserError
from scenarios.common.units import BLANK, figure, size
from scenarios.cuts import borders, passages, prices
from scenarios.cuts.borders import Border
from scenarios.cuts.passages import Program
from scenarios.plan import filters
from scenarios.records import store
from scenarios.records.store import Run

CONTENDERS = ("shm", "mp-pipe", "zmq-ipc", "grpc-uds")
"""Asked about unless others are named; those of them that the run has."""
SHOWN = 12
"""Lines of a table."""


def run(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Print what would cross the borders of a recorded package."""
    program = passages.read(asked.recording, trust=asked.trust)
    measured = store.find(asked.results, asked.run or "reference")
    curves = curves_of(measured, asked.lane)
    contenders = _contenders(asked.contender, curves)
    price = prices.of_curves(curves, _arrays(measured))
    if asked.group:
        cuts = [borders.border(program, _group(program, each), contenders, price) for each in asked.group]
    else:
        cuts = borders.best(program, contenders, price)
    modules = [borders.border(program, frozenset({each}), contenders, price) for each in program.modules]
    if asked.json:
        console.print_json(json.dumps(_as_json(program, modules, cuts, measured.id)))
        return 0
    _show(console, program, modules, contenders, "Each module by itself")
    heading = "The groups that were asked for" if asked.group else "The best cuts"
    _show(console, program, cuts, contenders, heading)
    _say(console, program, cuts, contenders, curves, f"{measured.id}, lane {asked.lane}", bool(asked.group))
    return 0


def _arrays(measured: Run) -> Curves | None:
    """Of the run's own arrays, or of those that are committed beside it."""
    for folder in (measured.folder, measured.folder / store.DATA):
        if (folder / "cells.csv").is_file():
            part = store.PartOfRun(folder, filters.parse([f"scenario={store.DATA}/first"], []))
            if any(row["lane"] == "arrays" for row in part.rows()):
                return curves_of(part, "arrays")
    return None


def _contenders(named: list[str], curves: Curves) -> list[str]:
    found = [name for name in named or CONTENDERS if curves.sizes(name)]
    if missing := [name for name in named if not curves.sizes(name)]:
        raise UserError(f"{', '.join(missing)} was not measured in that run; there are {', '.join(curves.ipc)}")
    if not found:
        raise UserError(f"that run has none of {', '.join(CONTENDERS)}; name others with --contender")
    return found


def _group(program: Program, text: str) -> frozenset[str]:
    group = frozenset(part.strip() for part in text.split(","))
    if unknown := group - set(program.modules):
        raise UserError(
            f"{', '.join(sorted(unknown))}: no such module was called; there are {', '.join(program.modules)}"
        )
    return group


def _show(console: Console, program: Program, cuts: list[Border], contenders: list[str], title: str) -> None:
    if not cuts:
        return
    headings = ["moves", "CPU that leaves", "% of it", "calls in", "calls back", "crosses"]
    headings += [f"{name} costs, s" for name in contenders]
    lines = [layout.Line(_fields(program, cut, contenders)) for cut in cuts[:SHOWN]]
    left_out = f"{len(cuts) - SHOWN} more in --json" if len(cuts) > SHOWN else ""
    for table in layout.tables(console, headings, lines, title=title, caption=left_out, left=("moves",)):
        console.print(table)


def _fields(program: Program, cut: Border, contenders: list[str]) -> list[str]:
    return [
        cut.named + ("*" if cut.stays else ""),
        f"{figure(cut.moved_cpu_seconds)} s",
        f"{100 * _share(program, cut):.1f}",
        f"{cut.calls:,}",
        f"{cut.calls_back:,}",
        size(cut.total_bytes),
        *(figure(cut.cost_seconds[name]) for name in contenders),
    ]


def _share(program: Program, cut: Border) -> float:
    """Of the program's CPU time, what the group takes."""
    return cut.moved_cpu_seconds / program.cpu_seconds if program.cpu_seconds else 0.0


def _say(
    console: Console,
    program: Program,
    cuts: list[Border],
    contenders: list[str],
    curves: Curves,
    measured: str,
    asked_for: bool,
) -> None:
    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=not console.is_terminal)

    least, enough = f"{borders.LEAST_SHARE:.0%} of the program's CPU time", f"its calls would cost with {contenders[0]}"
    if not cuts:
        say(f"No cut is worth making: no module, and no group cheaper together, takes {least} and more than {enough}.")
    elif len(cuts) < borders.BEST and not asked_for:
        say(f"No other cut takes {least} and more than {enough}.")
    for place, cut in enumerate(cuts, 1):
        say(f"{place}. {_sentence(program, cut, contenders)}")
        for name, (why, calls) in list(cut.stays.items())[:SHOWN]:
            say(f"   * {name}, {calls:,} calls across: {why}")
    refused = [name for name in program.refused if any(name.partition(":")[0] in cut.group for cut in cuts)]
    if refused:
        more = f" and {len(refused) - SHOWN} more" if len(refused) > SHOWN else ""
        say(f"Not recorded, and so not known to stay or to cross: {', '.join(refused[:SHOWN])}{more}.")
    if any(math.isnan(cost) for cut in cuts for cost in cut.cost_seconds.values()):
        say(f"{BLANK} stands where the run has no figure near the sizes of these messages.")
    largest = max((each.message_bytes for each in program.passages if not each.is_beside), default=0)
    if largest > curves.payloads[-1]:
        say(
            f"The run has messages of {size(curves.payloads[-1])} at most and this program some of {size(largest)}: "
            "beyond, a call is taken to cost as much more per byte as between the two largest."
        )
    if program.left_out:
        say(f"{program.left_out:,} calls were counted and not kept: what is said here is of the others.")
    say(
        f"Of {program.seconds:.3g} s of the program, in which it took {program.cpu_seconds:.3g} s of CPU time. A call "
        f"costs its median back to back in the run {measured}: paced calls cost more, see python -m scenarios advise."
    )


def _sentence(program: Program, cut: Border, contenders: list[str]) -> str:
    costs = [
        f"{name} {figure(100 * cut.cost_seconds[name] / program.seconds)}%"
        for name in contenders
        if not math.isnan(cut.cost_seconds[name])
    ]
    back = f", and {cut.calls_back:,} calls back" if cut.calls_back else ""
    return (
        f"{cut.named}: {figure(cut.moved_cpu_seconds)} s of CPU time leaves the process, "
        f"{100 * _share(program, cut):.2g}% of it; {cut.calls:,} calls go there{back}, which cost "
        f"{', '.join(costs) or 'what was not measured'} of the time."
    )


def _as_json(program: Program, modules: list[Border], cuts: list[Border], run_id: str) -> dict[str, Any]:
    return {
        "seconds": program.seconds,
        "cpu_seconds": program.cpu_seconds,
        "run": run_id,
        "left_out_calls": program.left_out,
        "refused": dict(program.refused),
        "modules": [_border(each) for each in modules],
        "cuts": [_border(each) for each in cuts],
    }


def _border(cut: Border) -> dict[str, Any]:
    return {
        "modules": sorted(cut.group),
        "calls": cut.calls,
        "calls_back": cut.calls_back,
        "bytes": cut.total_bytes,
        "moved_seconds": cut.moved_seconds,
        "moved_cpu_seconds": cut.moved_cpu_seconds,
        "cost_seconds": {name: None if math.isnan(cost) else cost for name, cost in cut.cost_seconds.items()},
        "stays": {name: {"why": why, "calls": calls} for name, (why, calls) in cut.stays.items()},
    }
