"""A study in lines of text, for whatever shows tables: headings and fields, sentences, nothing of a terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from scenarios.common.units import BLANK, micros, percent, size, three
from scenarios.replay import codecs, defaults, what_if
from scenarios.replay.figures import Estimate, InRhythm
from scenarios.replay.preparation import Prepared
from scenarios.replay.study import REPRODUCED, Line, Study
from scenarios.replay.tasks import Compared
from scenarios.replay.travel import Travel, Way


class Table(NamedTuple):
    """`keys`: the first so many columns say what a line is about. `left`: those that are not numbers."""

    title: str
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]
    keys: int = 1
    left: Sequence[str] = ()
    sections: Sequence[int] = ()
    """Lines behind which another section begins."""


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


def travel_sentences(prepared: Prepared) -> Iterator[str]:
    """What does not travel, and where; per function."""
    for name in prepared.functions:
        found = prepared.travels[name]
        said = list(_of_function(found))
        if name in prepared.not_run:
            said.insert(0, f"not replayed: {prepared.not_run[name]}")
        for sentence in said:
            yield f"{name}: {sentence}"


def _of_function(found: Travel) -> Iterator[str]:
    if found.mutated:
        looked_at = found.mutation_looked_at
        yield f"{found.mutated} of {looked_at} calls change their arguments in place: lost behind any IPC"
    if found.generated:
        yield "only sizes were recorded: what travels is not known, and texts and bytes of those sizes are replayed"
    else:
        for codec, way in found.ways.items():
            for reason, count in way.reasons[:2]:
                yield f"{codec}: {reason} ({count:,} of {found.calls:,} calls)"
    for reason, count in found.left_out.items():
        yield f"left out: {reason} ({count:,} calls)"
    if found.made_up:
        yield f"{found.made_up:,} calls have values in place of hidden ones, of the same types and lengths"
    if (state := found.self_state) is not None:
        kinds = ", ".join(f"{name} ({kind})" for name, kind, _ in state.attributes[:6])
        yield f"its self holds {kinds or 'nothing'}: {size(state.pickled_bytes)} pickled, if it had to travel"
        for refused in state.refused:
            yield f"its self cannot travel: {refused}"
        if state.mutated:
            yield f"it changed its self in {state.mutated} of {state.looked_at} calls: self must stay in the server"


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
            _seconds(now.seconds),
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
                _seconds(best.added_seconds),
                _percent(best.of_program),
                _percent(best.of_own),
            ]
        lines.append(fields)
    return Table(
        f"What splitting would cost {study.prepared.recording.path.name}",
        headings,
        lines,
        keys=2,
        left=("function", "verdict", "cheapest", "carrier"),
    )


def of_contenders(study: Study) -> Table:
    """A line per function and contender."""
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
                    _seconds(each.added_seconds),
                    _percent(each.of_own),
                    micros(cost.client_cpu_us),
                    micros(cost.server_cpu_us) or BLANK,
                    _seconds(each.leaves_cpu_seconds),
                    "none" if math.isinf(each.batch) else f"{each.batch:,.0f}",
                    f"{each.at_most:.2f}x",
                    _compared(cost.compared),
                ]
            )
        if len(lines) > at:
            sections.append(len(lines) - 1)
    left = ("function", "contender", "carrier", "results")
    return Table("Every contender", headings, lines, keys=2, left=left, sections=sections)


def of_rhythm(study: Study) -> Table | None:
    """All functions together, a line per contender; None where that was not replayed."""
    headings = ("contender", "calls", "callers", "p50", "p99", "late", "latest", "client CPU", "server CPU", "not made")
    lines = [
        [
            each.contender,
            f"{each.calls:,}",
            str(each.callers),
            micros(each.p50_us),
            micros(each.p99_us) or BLANK,
            f"{each.late:,}",
            micros(each.latest_us),
            micros(each.client_cpu_us),
            micros(each.server_cpu_us) or BLANK,
            f"{each.unmade:,}",
        ]
        for each in sorted(study.in_rhythm, key=_by_p50)
        if not each.function
    ]
    title = "In the recorded rhythm"
    return Table(title, headings, lines, left=("contender",)) if lines else None


def _by_p50(each: InRhythm) -> float:
    return each.p50_us


def sentences(study: Study) -> Iterator[str]:
    """Verdicts in words, and what a reader of the figures must know."""
    for line in study.lines:
        yield f"{line.today.function}: {line.verdict.word}: {line.verdict.why}{_but(line)}"
    yield from _notes(study)


def _but(line: Line) -> str:
    found = line.travel
    said = []
    if left_out := sum(found.left_out.values()):
        said.append(f"{left_out:,} of {left_out + found.calls:,} calls could not be replayed")
    if found.self_state is not None and line.splits:
        said.append("its self must live in the server, or travel, which is not in the figure")
    return f"; but {' and '.join(said)}" if said else ""


def _notes(study: Study) -> Iterator[str]:
    options, recording = study.prepared.options, study.prepared.recording
    what = {
        defaults.NOTHING: "no work in the server: the cost is of the call alone",
        defaults.RECORDED: "the server took as long as was recorded",
        defaults.REAL: "the functions themselves ran in the server",
    }[options.handler]
    yield (
        f"program: {recording.seconds:.4g} s recorded; {what}; {options.rounds} rounds; cost is what a contender takes "
        "more than direct, the call by reference"
    )
    dropped = sum(line.today.dropped for line in study.lines)
    if dropped:
        calls = sum(line.today.calls for line in study.lines)
        yield f"{dropped:,} of {calls:,} calls were not kept by the recording: the recorded rhythm is so much thinner"
    for line in study.lines:
        if options.handler == defaults.REAL and abs(line.reproduced - 1) > REPRODUCED:
            yield (
                f"{line.today.function}: the direct call takes {line.reproduced:.2f} times what was recorded: another "
                "machine or load, or a function whose state is not what it was; its shares do not hold here"
            )
        for split in line.splits:
            compared = split.cost.compared
            if compared.changed or compared.different:
                yield (
                    f"{line.today.function}, {split.cost.contender}: of {_total(compared):,} results "
                    f"{compared.changed:,} were changed and {compared.different:,} different ({compared.first})"
                )
    for (function, contender), choice in study.prepared.choices.items():
        if choice.carrier is None:
            yield f"{function}, {contender}: {choice.why_not}"
    for (function, contender), reason in study.measured.failures.items():
        yield f"failed: {contender}, {function or 'recorded rhythm'}: {reason}"
    for name, kind in study.prepared.contenders.items():
        if kind.is_async:
            yield f"{name} is asyncio's own: it is called through a loop that runs for each call, which costs more"
    if uncalled := study.prepared.uncalled:
        yield f"{uncalled} functions were never called"
    yield from study.prepared.left_out


def _total(compared: Compared) -> int:
    return compared.equal + compared.changed + compared.different


def _ends(estimate: Estimate) -> str:
    if math.isnan(estimate.low):
        return BLANK
    low, high = micros(estimate.low), micros(estimate.high)
    return low if low == high else f"{low} to {high}"


def _percent(share: float) -> str:
    return BLANK if math.isnan(share) else "∞" if math.isinf(share) else percent(share)


def _seconds(seconds: float) -> str:
    """With its unit, from µs to s."""
    if math.isnan(seconds):
        return BLANK
    if seconds < 0:
        return f"-{_seconds(-seconds)}"
    return f"{three(seconds)} s" if seconds >= 1 else micros(seconds * 1e6)


def _compared(found: Compared) -> str:
    parts = [(found.equal, "equal"), (found.changed, "changed"), (found.different, "different")]
    return ", ".join(f"{count:,} {word}" for count, word in parts if count) or BLANK
