"""Was it true? What replays have predicted of a split program, beside the program that was really split.

A *run* is a replay with the real functions in servers of their own, at the recorded moments; and recordings of the
program as it is (*today*) and split (*measured*), whose calls were recorded where they are made, so that a call's time
has everything in it. Of several of a run the median is taken: made in turn, they have the same phases of the machine. A
run has its own prediction:

========================  =============================================================================================
of a function, p50        the median call in the replay. Not what it takes today and a difference: a function that moves
                          leaves its program's memory behind, and with it long collections of garbage
of a function, CPU        of a call in the replay, both processes. Measured: of the calling thread, and of the child
                          whose command line names the function's module
of what calls them, p50   of each function around them, as of a web request: its call today, less the calls that were
                          made in it, and for each of these the replay's mean; then the median
of the program, CPU       of all its processes: today's, less that of the calls, and for each of these the replay's
========================  =============================================================================================

A prediction holds if it is within :data:`WITHIN` in every run. Pure functions over what is read.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scenarios.common.errors import UserError
from scenarios.replay.defaults import REAL
from scenarios.replay.figures import Estimate
from scenarios.replay.recorded import Recording, busy_share

WITHIN = 0.25
"""Of what was measured."""
TOTAL = ""
"""In place of a function's name."""

Replayed = Mapping[str, Mapping[str, float]]
"""By function, what its calls took behind the contender, and in the client's own process in turn with them."""


@dataclasses.dataclass(frozen=True)
class Run:
    """See the module."""

    name: str
    replays: Sequence[Mapping[str, Any]]
    today: Sequence[Recording]
    split: Sequence[Recording]


@dataclasses.dataclass(frozen=True)
class Figures:
    """Of one run."""

    today: float
    """Before the split."""
    predicted: float
    measured: float
    replayed: float = math.nan
    """The same as `today`, in the replay: its direct call; NaN where that is not known."""

    @property
    def off(self) -> float:
        """The prediction as a multiple of what was measured, less 1."""
        return self.predicted / self.measured - 1 if self.measured else math.nan

    @property
    def holds(self) -> bool:
        return abs(self.off) <= WITHIN


@dataclasses.dataclass(frozen=True)
class Claim:
    """What was predicted of one thing, and what came of it, run by run."""

    what: str
    """"p50" or "CPU"."""
    function: str
    """:data:`TOTAL` for the program."""
    unit: str
    runs: tuple[Figures, ...]

    def over_runs(self, name: str) -> Estimate:
        """The median of a figure of :class:`Figures`, and its interval."""
        return Estimate.of([getattr(run, name) for run in self.runs])

    @property
    def off(self) -> float:
        """Of the medians."""
        return self.over_runs("predicted").value / self.over_runs("measured").value - 1

    @property
    def holds(self) -> bool:
        """In every run."""
        return all(run.holds for run in self.runs)


@dataclasses.dataclass(frozen=True)
class Judged:
    """All that was predicted."""

    claims: Sequence[Claim]
    """The program's own first, then by function. Of the functions that were replayed and are in all recordings."""
    left_out: Sequence[str]
    """What only some of the runs, or none, have figures of: named, not judged."""


def judged(runs: Sequence[Run], contender: str) -> Judged:
    """Raises :class:`UserError` for replays that cannot predict anything, and where no function is in all of a run."""
    found: dict[tuple[str, str, str], list[Figures]] = defaultdict(list)
    for run in runs:
        for key, figures in _claims(run, contender):
            found[key] += [] if math.isnan(figures.off) else [figures]
    return Judged(
        [Claim(*key, tuple(each)) for key, each in found.items() if len(each) == len(runs)],
        [
            f"{name or 'the program'}, {what}: there is a figure in {len(each)} of {len(runs)} runs only"
            for (what, name, _), each in found.items()
            if len(each) < len(runs)
        ],
    )


def _claims(run: Run, contender: str) -> Iterator[tuple[tuple[str, str, str], Figures]]:
    found = [_replayed(each, contender) for each in run.replays]
    replayed = {name: _median_of([each[name] for each in found]) for name in found[0] if all(name in e for e in found)}
    every = [*run.today, *run.split]
    names = [name for name in replayed if all(_calls(each, name) for each in every)]
    if not names:
        raise UserError(f"{run.name}: no function is in its replay, in all recordings of today and all that are split")
    yield ("CPU", TOTAL, "s"), _program(run, replayed, names)
    around = [name for name in run.today[0].totals if name not in replayed and _holds(run.today[0], name, names)]
    for name in around:
        if all(_calls(each, name) for each in every):
            yield ("p50", name, "µs"), _around(run, replayed, name)
    for name in names:
        yield ("p50", name, "µs"), _p50(run, replayed[name], name)
    for name in names:
        others = [other.partition(":")[0] for other in names if other != name]
        if all(_server_us(each, name, others) is not None for each in run.split):
            yield ("CPU", name, "µs"), _cpu(run, replayed[name], name, others)


def _replayed(replay: Mapping[str, Any], contender: str) -> Replayed:
    if replay["options"]["handler"] != REAL:
        raise UserError("the replay was made without --with-handler: what the functions take behind IPC is not in it")
    every = [each for each in replay["rhythm"] if each["contender"] == contender]
    found = {each["function"]: each for each in every if each["function"]}
    if not found:
        raise UserError(f"{contender} was not replayed in the recorded rhythm: name it with --contender")
    return {
        name: {
            "p50_us": of["p50_us"],
            "mean_us": of["mean_us"],
            "cpu_us": of["client_cpu_us"] + (of["server_cpu_us"] or 0.0),
            "own_p50_us": of["own_p50_us"],
            "own_cpu_us": of["own_cpu_us"],
        }
        for name, of in found.items()
        if of["own_p50_us"] is not None
    }


def _median_of(replays: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Figure by figure."""
    return {figure: statistics.median(each[figure] for each in replays) for figure in replays[0]}


def _program(run: Run, replayed: Replayed, names: Sequence[str]) -> Figures:
    def predicted(recording: Recording) -> float:
        more = [
            (replayed[name]["cpu_us"] - _own_cpu_us(recording, name)) * _calls(recording, name) / 1e6 for name in names
        ]
        return _cpu_seconds(recording) + sum(more)

    return Figures(_median(run.today, _cpu_seconds), _median(run.today, predicted), _median(run.split, _cpu_seconds))


def _p50(run: Run, replayed: Mapping[str, float], name: str) -> Figures:
    today, split = (_median(recordings, lambda each: _p50_us(each, name)) for recordings in (run.today, run.split))
    return Figures(today, replayed["p50_us"], split, replayed["own_p50_us"])


def _cpu(run: Run, replayed: Mapping[str, float], name: str, others: Sequence[str]) -> Figures:
    today = _median(run.today, lambda each: _own_cpu_us(each, name))
    split = _median(run.split, lambda each: _own_cpu_us(each, name) + (_server_us(each, name, others) or 0.0))
    return Figures(today, replayed["cpu_us"], split, replayed["own_cpu_us"])


def _around(run: Run, replayed: Replayed, name: str) -> Figures:
    """A call with others in it."""
    today, split = (_median(recordings, lambda each: _p50_us(each, name)) for recordings in (run.today, run.split))
    return Figures(today, _median(run.today, lambda each: _predicted_us(each, replayed, name)), split)


def _predicted_us(recording: Recording, replayed: Replayed, name: str) -> float:
    more: dict[tuple[int, int], float] = defaultdict(float)
    for call in recording.calls:
        if call.function in replayed:
            more[call.process, call.parent] += replayed[call.function]["mean_us"] - call.duration_ns / 1000
    calls = [call for call in recording.calls if call.function == name]
    return statistics.median(call.duration_ns / 1000 + more[call.process, call.number] for call in calls)


def _holds(recording: Recording, name: str, names: Sequence[str]) -> bool:
    """Whether calls of these functions are made in calls of that one."""
    inside = {(call.process, call.parent) for call in recording.calls if call.function in names}
    return any((call.process, call.number) in inside for call in recording.calls if call.function == name)


def _median(recordings: Sequence[Recording], figure: Callable[[Recording], float]) -> float:
    return statistics.median(figure(each) for each in recordings)


def _calls(recording: Recording, name: str) -> int:
    return recording.totals[name].calls if name in recording.totals else 0


def _p50_us(recording: Recording, name: str) -> float:
    return statistics.median(call.duration_ns for call in recording.calls if call.function == name) / 1000


def _own_cpu_us(recording: Recording, name: str) -> float:
    """Of the thread that calls, a call."""
    totals = recording.totals[name]
    share = busy_share([call for call in recording.calls if call.function == name])
    return totals.seconds / totals.calls * share * 1e6


def _server_us(recording: Recording, name: str, others: Sequence[str]) -> float | None:
    """CPU time per call of the child that serves it; None where there is none that serves it alone."""
    module = name.partition(":")[0]
    children = recording.processes[0].children
    words = {command: command.split() for command in children}
    served = [command for command, said in words.items() if module in said and not set(others) & set(said)]
    if not served or module in others:
        return None
    return sum(children[command] for command in served) / recording.totals[name].calls * 1e6


def _cpu_seconds(recording: Recording) -> float:
    """Of the process that was recorded, and of its children: those of other files are among these."""
    first = recording.processes[0]
    return first.cpu_seconds + first.children_cpu_seconds
