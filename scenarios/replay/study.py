"""One recording, from its file to the verdicts: what of it travels, who carries it, what that costs, what the program
would have of it.

Everything that is shown or written comes from a :class:`Study`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from contenders.interface import Contender
from scenarios.common.errors import allowed
from scenarios.replay import (
    carriers,
    codecs,
    defaults,
    figures,
    recorded,
    rounds,
    sample,
    service,
    travel,
    what_if,
    window,
)
from scenarios.replay.cargo import Cargo
from scenarios.replay.carriers import Carrier, Choice
from scenarios.replay.defaults import DIRECT
from scenarios.replay.figures import Cost, InRhythm
from scenarios.replay.recorded import Call, Function, Recording, RecordingError
from scenarios.replay.rounds import Key, Measured, Replay, Work
from scenarios.replay.sample import Sample
from scenarios.replay.tasks import Rhythm
from scenarios.replay.travel import Travel
from scenarios.replay.what_if import Split, Today, Verdict

REPRODUCED = 0.25
"""The direct call's time may differ so much from the recorded one; else the machine, or the function, is another."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What was asked for."""

    recording: Path
    contenders: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    """Names, or ends of names; none: all."""
    handler: str = defaults.NOTHING
    calls: int = defaults.CALLS
    rhythm_seconds: float = defaults.RHYTHM_S
    rounds: int = defaults.ROUNDS
    round_s: float = rounds.ROUND_S
    seed: int = defaults.SEED
    callers: int = 1
    workers: int = 1
    allow_changed: bool = False
    trust: bool = False


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What is known before anything is measured."""

    options: Options
    recording: Recording
    calls: Mapping[str, Sequence[Call]]
    """That were kept, by function."""
    travels: Mapping[str, Travel]
    contenders: Mapping[str, type[Contender]]
    left_out: Sequence[str]
    """Contenders, each in a sentence."""
    choices: Mapping[Key, Choice]
    not_run: Mapping[str, str]
    """Functions that are not replayed, and why."""
    replay: Replay

    @property
    def functions(self) -> list[str]:
        """By the time they take, the most first."""
        return sorted(self.travels, key=lambda name: -self.recording.totals[name].seconds)

    def rhythms(self) -> dict[Carrier, Rhythm]:
        """One for each contender: of all its functions over one carrier, the one that takes most."""
        if not self.options.rhythm_seconds:
            return {}
        names = {work.function for work in self.replay.works}
        calls = window.busiest(
            [call for call in self.recording.calls if call.function in names], self.options.rhythm_seconds
        )
        found = {}
        for name, kind in self.contenders.items():
            works = [work for work in self.replay.works if work.carrier.contender == name]
            if not works:
                continue
            carrier = next((work.carrier for work in works if work.carrier.codec == codecs.PICKLE), works[0].carrier)
            alone = not kind(carrier.lane).many_clients
            rhythm = window.rhythm(calls, self.replay.cargo, [work.function for work in works], one_caller=alone)
            if rhythm.scheduled:
                found[carrier] = rhythm
        return found


@dataclasses.dataclass(frozen=True)
class Line:
    """One function's answer."""

    today: Today
    travel: Travel
    splits: Sequence[Split]
    """By contender; ``direct`` is not among them."""
    verdict: Verdict
    reproduced: float
    """The direct call's time as a multiple of the recorded one; NaN where no handler ran."""


@dataclasses.dataclass(frozen=True)
class Study:
    """The whole answer."""

    prepared: Prepared
    lines: Sequence[Line]
    """By the time the functions take, the most first."""
    direct: Mapping[str, Cost]
    in_rhythm: Sequence[InRhythm]
    measured: Measured


Say = rounds.Say


def prepare(options: Options, say: Say) -> Prepared:
    """Read the recording, and see what of it travels. Raises :class:`scenarios.common.errors.UserError`."""
    recording = recorded.opened(options.recording, trust=options.trust)
    functions = _asked(recording, options.functions)
    contenders, left_out = carriers.found(list(options.contenders))
    calls: dict[str, list[Call]] = {function.name: [] for function in recording.functions.values()}
    for call in recording.calls:
        calls[call.function].append(call)
    samples: dict[str, Sample] = {}
    travels: dict[str, Travel] = {}
    for function in functions:
        say(f"what of {function.name} travels", "")
        samples[function.name] = sample.of(function, calls[function.name], options.calls, options.seed)
        travels[function.name] = travel.of(recording, samples[function.name])
    if not any(each.kept for each in samples.values()):
        raise RecordingError(f"{recording.path} holds no calls of {len(functions)} functions: nothing can be replayed")
    not_run = {name: why for name, each in samples.items() if (why := _why_not_run(each, options.handler))}
    cargo = Cargo(
        tuple(chosen.case for name, each in samples.items() if name not in not_run for chosen in each.chosen),
        frozenset(function.name for function in functions if function.is_async),
    )
    choices, works = {}, []
    for name in travels:
        if name in not_run:
            continue
        numbers = rounds.numbers(cargo, name, options.handler)
        for contender, kind in contenders.items():
            choice = carriers.choice(
                travels[name], carriers.of(contender, kind.lanes), allow_changed=options.allow_changed
            )
            choices[name, contender] = choice
            if choice.carrier is not None:
                works.append(Work(name, choice.carrier, numbers))
    replay = Replay(contenders, works, cargo, options.handler, options.rounds, options.seed, options.round_s)
    return Prepared(options, recording, calls, travels, contenders, left_out, choices, not_run, replay)


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
    lines = [_line(prepared, measured, name, costs) for name in prepared.functions]
    names = [case.function for case in prepared.replay.cargo.cases]
    rhythm = [each for name, kept in measured.kept.items() for each in figures.in_rhythm(name, kept, names)]
    direct = {name: cost for (name, contender), cost in costs.items() if contender == DIRECT}
    return Study(prepared, lines, direct, rhythm, measured)


def today(recording: Recording, name: str, kept: Sequence[Call]) -> Today:
    """What the recording says of a function, of which these calls were kept."""
    totals, kind = recording.totals[name], recording.functions[name].kind
    seen = [call for call in kept if call.cpu_ns >= 0]
    took = sum(call.duration_ns for call in seen)
    busy = min(1.0, sum(call.cpu_ns for call in seen) / took) if took else math.nan
    return Today(
        function=name,
        kind=kind,
        calls=totals.calls,
        seconds=totals.seconds,
        program_seconds=recording.seconds,
        cpu_seconds=totals.seconds * busy,
        raised=totals.raised,
        dropped=totals.dropped,
        recorder_us=totals.own_us,
    )


def _asked(recording: Recording, names: Sequence[str]) -> list[Function]:
    known = list(recording.functions)
    if not names:
        return list(recording.functions.values())
    found = []
    for name in names:
        fitting = [each for each in known if each == name or each.endswith((f".{name}", f":{name}"))]
        if not fitting:
            raise RecordingError(f"{recording.path} has no function {name!r}; {allowed(name, known)}")
        found += fitting
    return [recording.functions[name] for name in dict.fromkeys(found)]


def _why_not_run(each: Sample, handler: str) -> str:
    """Why a function is not replayed; "" where it is."""
    function = each.function
    if function.refused:
        return f"it could not be recorded: {function.refused}"
    if not each.kept:
        return "none of its calls were kept"
    if not each.chosen:
        reasons = "; ".join(f"{reason} ({count} calls)" for reason, count in each.left_out.most_common(2))
        return f"nothing carries it: {reasons}" if _none_can(each) else f"none of its calls can be replayed: {reasons}"
    if handler != defaults.REAL:
        return ""
    if function.kind == "method":
        return "a method needs its object, which the recording has not: replay it without --with-handler"
    if each.generated:
        return "its values were not recorded, only their sizes: replay it without --with-handler"
    if each.mutated[0]:
        return "it changes its arguments in place, so that each call would be another: replay it without --with-handler"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            service.called(function.name)
    except Exception as error:  # of somebody's program, which is imported
        hint = f"; {recorded.PATH_HINT}" if isinstance(error, ImportError) else ""
        return f"its function cannot be imported: {type(error).__name__}: {error}{hint}"
    return ""


def _none_can(each: Sample) -> bool:
    """Whether what was left out was so for what it holds, and not for what is missing here."""
    return all("cannot be pickled" in reason for reason in each.left_out)


def _cost(prepared: Prepared, measured: Measured, work: Work) -> Cost:
    cargo, sizes = prepared.replay.cargo, prepared.travels[work.function].sizes[work.carrier.codec]
    first = cargo.numbers(work.function)[0]
    of_calls = [sizes[number - first] for number in work.numbers]
    direct = measured.timed.get((work.function, DIRECT), {})
    return figures.cost(work.key, str(work.carrier), measured.timed[work.key], direct, of_calls)


def _line(prepared: Prepared, measured: Measured, name: str, costs: Mapping[Key, Cost]) -> Line:
    options, replay = prepared.options, prepared.replay
    its, now = prepared.travels[name], today(prepared.recording, name, prepared.calls[name])
    work = next((work for work in replay.works if work.function == name), None)
    busy_us, ratio = 0.0, math.nan
    if work is not None and options.handler != defaults.NOTHING:
        cases = [replay.cargo.cases[number] for number in work.numbers]
        busy_us = statistics.fmean(case.busy_ns for case in cases) / 1000
        if (name, DIRECT) in measured.timed:
            took = np.median(np.vstack([figures.latencies(each) for each in measured.timed[name, DIRECT].values()]))
            usual = statistics.median(case.duration_ns for case in cases) / 1000
            ratio = float(took) / usual if usual else math.nan
    splits = [
        what_if.split(now, costs[name, contender], options.callers, options.workers, busy_us)
        for contender in prepared.contenders
        if contender != DIRECT and (name, contender) in costs
    ]
    refused = prepared.recording.functions[name].refused
    why_not = prepared.not_run.get(name) or _why_no_figures(prepared, measured, name)
    found = what_if.verdict(now, splits, refused, (its.mutated, its.mutation_looked_at), why_not)
    return Line(now, its, splits, found, ratio)


def _why_no_figures(prepared: Prepared, measured: Measured, name: str) -> str:
    others = [contender for contender in prepared.contenders if contender != DIRECT]
    if not others:
        return "no contender but direct was replayed"
    failures = [measured.failures[name, other] for other in others if (name, other) in measured.failures]
    if failures:
        return f"every contender failed: {failures[0]}"
    reasons = [prepared.choices[name, other].why_not for other in others if (name, other) in prepared.choices]
    return f"nothing carries it: {next(filter(None, reasons), 'no contender has a lane for it')}"
