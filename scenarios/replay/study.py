"""What is prepared, measured, and what it would be to the program: all that is shown or written is a :class:`Study`."""

from __future__ import annotations

import dataclasses
import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from scenarios.replay import defaults, figures, nesting, rounds, what_if
from scenarios.replay.defaults import DIRECT
from scenarios.replay.figures import Cost, InRhythm
from scenarios.replay.preparation import Prepared
from scenarios.replay.recorded import Call, Recording, busy_share
from scenarios.replay.rounds import Key, Measured, Say, Work
from scenarios.replay.travel import Travel
from scenarios.replay.what_if import Program, Split, Today, Verdict

OWN_US = 1.0
"""The replay's own loop may take as much of a call: so short a difference says nothing of a function."""
REPRODUCED = 0.25
"""The direct call's time may differ so much from the recorded one; else the machine, or the function, is another."""


@dataclasses.dataclass(frozen=True)
class Line:
    """One function's answer."""

    today: Today
    travel: Travel
    splits: Sequence[Split]
    """By contender; ``direct`` is not among them."""
    verdict: Verdict
    reproduced: float
    """The direct call's time as a multiple of the recorded one; NaN where no handler ran, where they differ by less
    than :data:`OWN_US`, and where no direct call was made."""


@dataclasses.dataclass(frozen=True)
class Study:
    """The whole answer."""

    prepared: Prepared
    lines: Sequence[Line]
    """By the time the functions take, the most first."""
    direct: Mapping[str, Cost]
    programs: Sequence[Program]
    in_rhythm: Sequence[InRhythm]
    measured: Measured


def measure(prepared: Prepared, say: Say) -> Study:
    """Replay it. What contenders do wrong is in the study."""
    with tempfile.TemporaryDirectory(prefix="replay-") as folder:  # mode 0700: these are somebody's data
        file = Path(folder) / "calls"
        prepared.replay.cargo.write(file)
        measured = rounds.measure(prepared.replay, file, say)
        rounds.keep_rhythm(prepared.replay, prepared.rhythms(), file, measured, say)
    return study(prepared, measured)


def study(prepared: Prepared, measured: Measured) -> Study:
    """The figures of what was measured."""
    costs = {work.key: _cost(prepared, measured, work) for work in prepared.replay.works if work.key in measured.timed}
    names = [case.function for case in prepared.replay.cargo.cases]
    apart = prepared.replay.apart
    rhythm = [
        each for name, kept in measured.kept.items() for each in figures.in_rhythm(name, kept, names, apart(name))
    ]
    inside = nesting.shares(prepared.recording)
    lines = [_line(prepared, measured, name, costs, rhythm, inside.get(name, {})) for name in prepared.functions]
    direct = {name: cost for (name, contender), cost in costs.items() if contender == DIRECT}
    callers, workers = prepared.options.callers, prepared.options.workers
    possible = [(line.today, line.splits) for line in lines if line.verdict.word != what_if.IMPOSSIBLE]
    whole = what_if.programs(possible, callers, workers)
    return Study(prepared, lines, direct, whole, rhythm, measured)


def today(recording: Recording, name: str, kept: Sequence[Call], inside: nesting.Shares) -> Today:
    """What the recording says of a function, of which these calls were kept; `inside` calls of others for so long."""
    totals, kind = recording.totals[name], recording.functions[name].kind
    return Today(
        function=name,
        kind=kind,
        calls=totals.calls,
        seconds=totals.seconds,
        program_seconds=recording.seconds,
        p50_us=statistics.median(call.duration_ns for call in kept) / 1000 if kept else math.nan,
        cpu_seconds=totals.seconds * busy_share(kept),
        raised=totals.raised,
        dropped=totals.dropped,
        recorder_us=totals.own_us,
        program_cpu_seconds=sum(each.cpu_seconds - each.writing_seconds for each in recording.processes) or math.nan,
        inside=inside,
    )


def _cost(prepared: Prepared, measured: Measured, work: Work) -> Cost:
    cargo, sizes = prepared.replay.cargo, prepared.travels[work.function].sizes[work.carrier.codec]
    first = cargo.numbers(work.function)[0]
    of_calls = [sizes[number - first] for number in work.numbers]
    direct = measured.timed.get((work.function, DIRECT), {})
    return figures.cost(work.key, str(work.carrier), measured.timed[work.key], direct, of_calls)


def _line(
    prepared: Prepared,
    measured: Measured,
    name: str,
    costs: Mapping[Key, Cost],
    rhythm: Sequence[InRhythm],
    inside: nesting.Shares,
) -> Line:
    options, replay = prepared.options, prepared.replay
    its, now = prepared.travels[name], today(prepared.recording, name, prepared.calls[name], inside)
    work = next((work for work in replay.works if work.function == name), None)
    busy_us, ratio = 0.0, math.nan
    if work is not None and options.handler != defaults.NOTHING:
        cases = [replay.cargo.cases[number] for number in work.numbers]
        busy_us = statistics.fmean(case.busy_ns for case in cases) / 1000
        took, usual = _direct_us(measured, name, rhythm), statistics.median(case.duration_ns for case in cases) / 1000
        ratio = took / usual if usual and abs(took - usual) > OWN_US else math.nan
    splits = [
        what_if.split(now, costs[name, contender], options.callers, options.workers, busy_us)
        for contender in prepared.contenders
        if contender != DIRECT and (name, contender) in costs
    ]
    refused = prepared.recording.functions[name].refused
    why_not = prepared.not_run.get(name) or _why_no_figures(prepared, measured, name)
    found = what_if.verdict(now, splits, refused, (its.mutated, its.mutation_looked_at), why_not)
    return Line(now, its, splits, found, ratio)


def _direct_us(measured: Measured, name: str, rhythm: Sequence[InRhythm]) -> float:
    """The median call of the function in one process, back to back; else in the recorded rhythm, if that was made
    alone. NaN without either.
    """
    if (name, DIRECT) in measured.timed:
        rounds = [figures.latencies(each) for each in measured.timed[name, DIRECT].values()]
        return float(np.median(np.vstack(rounds)))
    own = [each.own_p50_us for each in rhythm if each.function == name and not math.isnan(each.own_p50_us)]
    return statistics.median(own) if own else math.nan


def _why_no_figures(prepared: Prepared, measured: Measured, name: str) -> str:
    others = [contender for contender in prepared.contenders if contender != DIRECT]
    if not others:
        return "no contender but direct was replayed"
    failures = [measured.failures[name, other] for other in others if (name, other) in measured.failures]
    if failures:
        return f"every contender failed: {failures[0]}"
    if not prepared.options.rounds:
        return "calls back to back were not made (--rounds 0)"
    reasons = [prepared.choices[name, other].why_not for other in others if (name, other) in prepared.choices]
    return f"nothing carries it: {next(filter(None, reasons), 'no contender has a lane for it')}"
