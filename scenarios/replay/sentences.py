"""A study in sentences: what does not travel and why, the verdicts, and what a reader of the figures must know."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.common.units import micros, percent, size
from scenarios.replay import defaults
from scenarios.replay.preparation import Prepared
from scenarios.replay.study import REPRODUCED, Line, Study
from scenarios.replay.tasks import Compared
from scenarios.replay.travel import Travel, counted

CACHED = 4
"""A mean so many times the median: some calls do the work, and the others have it from them."""
LATE_SHARE = 0.1
"""Of the calls of a rhythm: one that is missed more often cannot be kept."""


def of_travel(prepared: Prepared) -> Iterator[str]:
    """What does not travel, and where; per function."""
    for name in prepared.functions:
        found = prepared.travels[name]
        if why := prepared.not_run.get(name, ""):
            yield f"{name}: not replayed: {why}"
        for sentence in (*_of_function(found, why), *_of_carriers(prepared, name)):
            yield f"{name}: {sentence}"


def _of_function(found: Travel, not_run: str) -> Iterator[str]:
    if found.mutated:
        looked_at = found.mutation_looked_at
        yield f"{found.mutated} of {looked_at} calls change their arguments in place: lost behind any IPC"
    if found.generated:
        yield "only sizes were recorded: what travels is not known, and texts and bytes of those sizes are replayed"
    else:
        for codec, way in found.ways.items():
            for reason, count in way.reasons:
                yield f"{codec}: {reason} ({count:,} of {found.calls:,} calls)"
    for reason, count in found.left_out.items():
        if reason not in not_run:
            yield f"left out: {reason} ({counted(count)})"
    if found.made_up:
        yield f"{found.made_up:,} calls have values in place of hidden ones, of the same types and lengths"
    if (state := found.self_state) is not None:
        kinds = ", ".join(f"{name} ({kind})" for name, kind, _ in state.attributes[:6])
        yield (
            f"its self holds {kinds or 'nothing'}: {size(state.pickled_bytes)} pickled, if it had to travel, the most "
            f"in {state.looked_at:,} looks, mostly at its first calls: later it may hold more"
        )
        for refused in state.refused:
            yield f"its self cannot travel: {refused}"
        if state.mutated:
            yield f"it changed its self in {state.mutated} of {state.looked_at} calls: self must stay in the server"


def _of_carriers(prepared: Prepared, name: str) -> Iterator[str]:
    """Which contenders carry it, as what; and which do not."""
    carried: dict[str, list[str]] = {}
    for (function, contender), choice in prepared.choices.items():
        if function != name or contender == defaults.DIRECT:
            continue
        if choice.carrier is None:
            yield f"not carried by {contender}: {choice.why_not}"
        else:
            carried.setdefault(choice.carrier.codec, []).append(contender)
    if carried:
        yield "carried " + "; ".join(f"as {codec} by {', '.join(names)}" for codec, names in carried.items())


def of_study(study: Study) -> Iterator[str]:
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
    if line.splits and line.today.mean_us > CACHED * line.today.p50_us:
        now = line.today
        said.append(
            f"half of its calls take {micros(now.p50_us)} or less and the mean {micros(now.mean_us)}, as with a cache: "
            "those that are quick today would all pay the cost of a call"
        )
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
        thinner = ": the recorded rhythm is so much thinner" if study.in_rhythm else ""
        yield f"{dropped:,} of {calls:,} calls were not kept by the recording{thinner}"
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
    for (function, contender), reason in study.measured.failures.items():
        yield f"failed: {contender}, {function or 'recorded rhythm'}: {reason}"
    if study.programs and any(call.parent for call in recording.calls):
        yield "the program: a function that others of them call is counted with each; --function names those to split"
    for name, kind in study.prepared.contenders.items():
        if kind.is_async:
            yield f"{name} is asyncio's own: it is called through a loop that runs for each call, which costs more"
    if uncalled := study.prepared.uncalled:
        yield f"never called: {', '.join(uncalled)}"
    yield from _of_rhythm(study)
    yield from study.prepared.left_out


def _of_rhythm(study: Study) -> Iterator[str]:
    wholes = [each for each in study.in_rhythm if not each.function]
    for each in wholes:
        if each.late > LATE_SHARE * each.calls:
            yield (
                f"recorded rhythm, {each.contender}: {percent(each.late / each.calls)} of the calls began over 1 ms "
                "late: it cannot keep this rhythm here, and since they were due its calls have mostly waited"
            )
    if wholes and any(call.parent for call in study.prepared.recording.calls):
        yield "recorded rhythm: calls that were made inside recorded calls are made beside them as well"
    if wholes and study.prepared.options.handler == defaults.REAL:
        yield "recorded rhythm: each function has a server process of its own"


def _total(compared: Compared) -> int:
    return compared.equal + compared.changed + compared.different
