"""A study in lines of text, for whatever shows tables: headings and fields, nothing of a terminal."""

from __future__ import annotations

import dataclasses
import math

from scenarios.common.units import BLANK, micros, percent, seconds
from scenarios.replay import codecs, what_if
from scenarios.replay.figures import Estimate, InRhythm
from scenarios.replay.preparation import Prepared
from scenarios.replay.study import Study
from scenarios.replay.tasks import Compared
from scenarios.replay.travel import Way
from scenarios.tables import of_replay
from scenarios.tables.table import Table


def of_travel(prepared: Prepared) -> Table:
    """A line per function: what each codec does to its calls."""
    headings = ("function", "calls", *codecs.CODECS, "not replayed")
    lines = []
    for name in prepared.functions:
        found = prepared.travels[name]
        left_out = sum(found.left_out.values())
        ways = [BLANK if found.generated or not found.calls else _way(found.ways[each]) for each in codecs.CODECS]
        lines.append([name, f"{found.calls:,}", *ways, f"{left_out:,}" if left_out else BLANK])
    return Table("What can travel", headings, lines, left=("function",))


def _way(way: Way) -> str:
    if way.carries_all:
        return "all"
    parts = [(way.carried, ""), (way.changed, " changed"), (way.refused, " refused")]
    return ", ".join(f"{count:,}{word}" for count, word in parts if count)


def of_verdicts(study: Study) -> Table:
    """A line per function, the one that takes most time first: today, and what the cheapest contender would add."""
    headings = (
        *("function", "verdict", "calls", "time today", "share", "a call today", "cheapest", "carrier", "cost p50"),
        *("95%", "cost mean", "added", "of program", "of its own"),
    )
    lines = []
    for line in study.lines:
        now, best = line.today, what_if.best(line.splits)
        fields = [
            now.function,
            line.verdict.word,
            f"{now.calls:,}",
            seconds(now.seconds),
            _percent(now.share),
            micros(now.mean_us),
        ]
        if best is None:
            fields += [BLANK] * 8
        else:
            fields += [
                best.cost.contender,
                best.cost.carrier.partition(",")[0],
                micros(best.cost.added_us.value),
                _ends(best.cost.added_us),
                micros(best.cost.added_mean_us.value),
                seconds(best.added_seconds),
                _percent(best.of_program),
                _percent(best.of_own),
            ]
        lines.append(fields)
    return Table(
        f"What splitting would cost: {study.prepared.recording.path.name}",
        headings,
        lines,
        keys=2,
        left=("function", "verdict", "cheapest", "carrier"),
    )


def of_contenders(study: Study) -> Table | None:
    """A line per function and contender; None where nothing was made back to back."""
    headings = (
        *("function", "contender", "carrier", "p50", "cost p50", "95%", "cost mean", "95%", "added", "of its own"),
        *("client CPU", "server CPU", "CPU that leaves", "batch for 5%", "at most", "results"),
    )
    lines: list[list[str]] = []
    sections = []
    for line in study.lines:
        name, at = line.today.function, len(lines)
        if (direct := study.direct.get(name)) is not None:
            fields = [name, direct.contender, direct.carrier, micros(direct.p50_us.value), *[""] * 6]
            lines.append([*fields, micros(direct.client_cpu_us), *[""] * 4, _compared(direct.compared)])
        for each in sorted(line.splits, key=lambda split: split.added_seconds):
            cost = each.cost
            lines.append(
                [
                    "" if len(lines) > at else name,
                    cost.contender,
                    cost.carrier,
                    micros(cost.p50_us.value),
                    micros(cost.added_us.value),
                    _ends(cost.added_us),
                    micros(cost.added_mean_us.value),
                    _ends(cost.added_mean_us),
                    seconds(each.added_seconds),
                    _percent(each.of_own),
                    micros(cost.client_cpu_us),
                    micros(cost.server_cpu_us) or BLANK,
                    seconds(each.leaves_cpu_seconds),
                    "none" if math.isinf(each.batch) else f"{each.batch:,.0f}",
                    BLANK if math.isnan(each.at_most) else f"{each.at_most:.2f}x",
                    _compared(cost.compared),
                ]
            )
        if len(lines) > at:
            sections.append(len(lines) - 1)
    left = ("function", "contender", "carrier", "results")
    return Table("Every contender", headings, lines, keys=2, left=left, sections=sections) if lines else None


def of_program(study: Study) -> Table | None:
    """The program, with all that a contender carries split off: a line for each; None where nothing was replayed."""
    headings, lines = of_replay.programs([dataclasses.asdict(each) for each in study.programs])
    title = "The program, with every function split off that a contender carries"
    return Table(title, headings, lines, left=("contender",)) if lines else None


def of_rhythm(study: Study) -> Table | None:
    """All functions together, a line per contender; None where that was not replayed."""
    headings = (
        *("contender", "calls", "callers", "p50", "p99", "late", "latest", "p50 since due", "p99 since due"),
        *("client CPU", "server CPU", "not made", "results"),
    )
    lines = [
        [
            each.contender,
            f"{each.calls:,}",
            str(each.callers),
            micros(each.p50_us),
            micros(each.p99_us) or BLANK,
            f"{each.late:,}",
            micros(each.latest_us),
            micros(each.due_p50_us),
            micros(each.due_p99_us) or BLANK,
            micros(each.client_cpu_us),
            micros(each.server_cpu_us) or BLANK,
            f"{each.unmade:,}",
            BLANK if each.compared is None else _compared(each.compared),
        ]
        for each in sorted(study.in_rhythm, key=_by_p50)
        if not each.function
    ]
    title = "In the recorded rhythm"
    return Table(title, headings, lines, left=("contender", "results")) if lines else None


def of_functions_in_rhythm(study: Study) -> Table | None:
    """What each function itself takes behind each contender, and in one process with its caller; None where functions
    did not run.
    """
    headings = ("function", "contender", "calls", "p50", "mean", "CPU", "p50 in one process", "CPU in one process")
    lines = [
        [
            each.function,
            each.contender,
            f"{each.calls:,}",
            micros(each.p50_us),
            micros(each.mean_us),
            micros(each.client_cpu_us + each.server_cpu_us),
            micros(each.own_p50_us),
            micros(each.own_cpu_us),
        ]
        for each in sorted(study.in_rhythm, key=lambda each: (each.function, each.p50_us))
        if each.function and not math.isnan(each.own_p50_us)
    ]
    title = "In the recorded rhythm, each function in a process of its own: what is predicted of the split program"
    return Table(title, headings, lines, keys=2, left=("function", "contender")) if lines else None


def _by_p50(each: InRhythm) -> float:
    return each.p50_us


def _ends(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return BLANK
    low, high = micros(estimate.low), micros(estimate.high)
    return low if low == high else f"{low} to {high}"


def _percent(share: float) -> str:
    return BLANK if math.isnan(share) else "∞" if math.isinf(share) else percent(share)


def _compared(found: Compared) -> str:
    parts = [(found.equal, "equal"), (found.changed, "changed"), (found.different, "different")]
    return ", ".join(f"{count:,} {word}" for count, word in parts if count) or BLANK
