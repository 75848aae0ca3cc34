"""From a file and what was asked for to what is to be replayed: samples, what of them travels, who carries it.

Nothing is measured. What cannot be replayed is named with its reason, and the rest goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from contenders.interface import Contender
from scenarios.common.errors import allowed
from scenarios.replay import carriers, codecs, defaults, recorded, rounds, sample, service, travel, window
from scenarios.replay.cargo import Cargo
from scenarios.replay.carriers import Carrier, Choice
from scenarios.replay.recorded import Call, Function, Recording, RecordingError
from scenarios.replay.rounds import ROUND_S, Key, Replay, Say, Work
from scenarios.replay.sample import Sample
from scenarios.replay.tasks import Rhythm
from scenarios.replay.travel import Travel, counted

MOST_NAMED = 6
"""Of a list in a sentence."""


@dataclasses.dataclass(frozen=True)
class Options:
    """What was asked for."""

    recording: Path
    contenders: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    """Names, or ends of names; none: all."""
    handler: str = defaults.NOTHING
    calls: int = defaults.CALLS
    most: int = defaults.MOST
    """Functions that are replayed, where none are named: those that take most time."""
    rhythm_seconds: float = defaults.RHYTHM_S
    rounds: int = defaults.ROUNDS
    round_s: float = ROUND_S
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
    """Calls that were kept, by function."""
    travels: Mapping[str, Travel]
    contenders: Mapping[str, type[Contender]]
    left_out: Sequence[str]
    """Contenders, each in a sentence."""
    choices: Mapping[Key, Choice]
    not_run: Mapping[str, str]
    """Functions that are not replayed, and why."""
    uncalled: Sequence[str]
    """Functions that were never called: nothing is said of them."""
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
            if name == defaults.DIRECT and self.options.handler == defaults.REAL:
                continue  # every other contender's rhythm has the functions in the client's own process, in turn
            works = [work for work in self.replay.works if work.carrier.contender == name]
            if not works:
                continue
            carrier = next((work.carrier for work in works if work.carrier.codec == codecs.PICKLE), works[0].carrier)
            alone = not kind(carrier.lane).many_clients
            rhythm = window.rhythm(calls, self.replay.cargo, [work.function for work in works], one_caller=alone)
            if rhythm.scheduled:
                found[carrier] = rhythm
        return found


def prepare(options: Options, say: Say) -> Prepared:
    """Read the recording, and see what of it travels. Raises :class:`scenarios.common.errors.UserError`."""
    recording = recorded.opened(options.recording, trust=options.trust)
    asked = _asked(recording, options.functions)
    functions = [function for function in asked if recording.totals[function.name].calls or function.refused]
    contenders, left_out = carriers.found(list(options.contenders))
    calls: dict[str, list[Call]] = {function.name: [] for function in recording.functions.values()}
    for call in recording.calls:
        calls[call.function].append(call)
    samples: dict[str, Sample] = {}
    travels: dict[str, Travel] = {}
    for function in functions:
        say(f"what travels: {function.name}", "")
        samples[function.name] = sample.of(function, calls[function.name], options.calls, options.seed)
        travels[function.name] = travel.of(recording, samples[function.name])
    if not any(each.kept for each in samples.values()):
        names = ", ".join(function.name for function in asked[:MOST_NAMED]) or "any function"
        raise RecordingError(f"{recording.path} holds no call of {names}: nothing can be replayed")
    not_run = {name: why for name, each in samples.items() if (why := _why_not_run(each, options.handler))}
    if not options.functions:
        not_run |= _beyond(options.most, [name for name in samples if name not in not_run], recording)
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
    return Prepared(
        options=options,
        recording=recording,
        calls=calls,
        travels=travels,
        contenders=contenders,
        left_out=left_out,
        choices=choices,
        not_run=not_run,
        uncalled=[function.name for function in asked if function not in functions],
        replay=replay,
    )


def _beyond(most: int, names: Sequence[str], recording: Recording) -> dict[str, str]:
    """Those that are too many, and what to do about it."""
    by_time = sorted(names, key=lambda name: -recording.totals[name].seconds)
    why = f"{most} functions take more time: name it with --function, or ask for --most {len(names)}"
    return dict.fromkeys(by_time[most:], why)


def _asked(recording: Recording, names: Sequence[str]) -> list[Function]:
    known = list(recording.functions)
    if not names:
        return list(recording.functions.values())
    found = []
    for name in names:
        fitting = [each for each in known if each == name or each.endswith((f".{name}", f":{name}"))]
        if not fitting:
            ends = [each.partition(":")[2] for each in known]
            raise RecordingError(f"{recording.path} has no function {name!r}; {allowed(name, ends)}")
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
        reasons = "; ".join(f"{reason} ({counted(count)})" for reason, count in each.left_out.most_common(2))
        return f"nothing carries it: {reasons}" if _none_can(each) else f"none of its calls can be replayed: {reasons}"
    if handler != defaults.REAL:
        return ""
    if function.kind == "method":
        return "a method needs its object, which the recording has not: replay it without --with-handler"
    if each.generated:
        return "its values were not recorded, only their sizes: replay it without --with-handler"
    if each.mutated[0]:
        return "it changes its arguments in place, so that each call would be another: replay it without --with-handler"
    if function.name.startswith("__main__:"):
        return "it is in the program's main file, which cannot be imported: move it into a module"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            service.called(function.name)
    except (Exception, SystemExit) as error:  # of somebody's program, which is imported
        hint = f"; {recorded.PATH_HINT}" if isinstance(error, ImportError) else ""
        return f"its function cannot be imported: {type(error).__name__}: {error}{hint}"
    return ""


def _none_can(each: Sample) -> bool:
    """Whether what was left out was so for what it holds, and not for what is missing here."""
    words = ("cannot be pickled", recorded.NOT_PICKLED)
    return all(any(each in reason for each in words) for reason in each.left_out)
