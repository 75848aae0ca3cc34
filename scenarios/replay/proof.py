"""Was it true? What a replay has predicted of a split program, beside the program that was really split.

A *prediction* is what the program takes today and what a replay says its calls will take more: a replay with the real
functions in the server, at the recorded moments, beside the same calls in one process. Per function that is the median
call, for the program CPU time. *Today* and *measured* are recordings of the same run, before and after: of the split
program its calls were recorded where they are made, so a call's time has everything in it. Several of each are repeats:
medians are taken, and intervals over them.

Within :data:`WITHIN` a prediction holds. Where it does not, what a replay cannot know is said: it replays on a machine
with nothing else to do, and between calls its callers wait, where the program works. Pure functions over what is read.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scenarios.common.errors import UserError
from scenarios.replay.defaults import DIRECT, REAL
from scenarios.replay.figures import Estimate
from scenarios.replay.recorded import Recording

WITHIN = 0.25
"""Of what was measured."""
TOTAL = ""
"""The name of all functions together, as in the rhythm's figures."""


@dataclasses.dataclass(frozen=True)
class Claim:
    """One figure that was predicted, and what came of it."""

    what: str
    """"p50" of a function, "time" of all its calls, or "CPU" of the program."""
    function: str
    """:data:`TOTAL` for the program."""
    unit: str
    today: Estimate
    """Before the split."""
    predicted: Estimate
    measured: Estimate

    @property
    def off(self) -> float:
        """The prediction as a multiple of what was measured, less 1."""
        return self.predicted.value / self.measured.value - 1 if self.measured.value else math.nan

    @property
    def holds(self) -> bool:
        return abs(self.off) <= WITHIN


def claims(
    replays: Sequence[Mapping[str, Any]], today: Sequence[Recording], split: Sequence[Recording], contender: str
) -> list[Claim]:
    """Of the functions that were replayed and are in both kinds of recordings, the program's own claims first.

    Raises :class:`UserError` for replays that cannot predict anything, and where no function is in all of them.
    """
    rhythms = [_rhythm(replay, contender) for replay in replays]
    names = [name for name in rhythms[0] if name != TOTAL and all(name in each.totals for each in (*today, *split))]
    names = [name for name in names if all(each.totals[name].calls for each in (*today, *split))]
    if not names:
        raise UserError("no function is in the replay, in the recording of today and in that of the split program")
    program = _cpu([each[TOTAL] for each in rhythms], contender, today, split, names)
    return [program, *(_p50([each[name] for each in rhythms], contender, today, split, name) for name in names)]


def _rhythm(replay: Mapping[str, Any], contender: str) -> dict[str, dict[str, dict[str, Any]]]:
    """By function and contender, of a replay that ran the real functions."""
    if replay["options"]["handler"] != REAL:
        raise UserError("the replay was made without --with-handler: what the functions take behind IPC is not in it")
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for each in replay["rhythm"]:
        found.setdefault(each["function"], {})[each["contender"]] = each
    for name in (contender, DIRECT):
        if name not in found.get(TOTAL, {}):
            raise UserError(f"{name} was not replayed in the recorded rhythm: name it with --contender")
    return {name: of for name, of in found.items() if contender in of and DIRECT in of}


def _p50(
    rhythms: Sequence[Any], contender: str, today: Sequence[Recording], split: Sequence[Recording], name: str
) -> Claim:
    now = Estimate.of([_median_us(each, name) for each in today])
    more = [each[contender]["p50_us"] - each[DIRECT]["p50_us"] for each in rhythms]
    return Claim(
        "p50",
        name,
        "µs",
        now,
        Estimate.of([now.value + each for each in more]),
        Estimate.of([_median_us(each, name) for each in split]),
    )


def _cpu(
    rhythms: Sequence[Any],
    contender: str,
    today: Sequence[Recording],
    split: Sequence[Recording],
    names: Sequence[str],
) -> Claim:
    """Of the whole program: what it takes today, and what its calls will take more."""
    now = Estimate.of([_cpu_seconds(each) for each in today])
    calls = float(np.median([sum(each.totals[name].calls for name in names) for each in today]))
    more = [(_call_us(each[contender]) - _call_us(each[DIRECT])) * calls / 1e6 for each in rhythms]
    return Claim(
        "CPU",
        TOTAL,
        "s",
        now,
        Estimate.of([now.value + each for each in more]),
        Estimate.of([_cpu_seconds(each) for each in split]),
    )


def _call_us(rhythm: Mapping[str, Any]) -> float:
    """CPU time of both processes."""
    return float(rhythm["client_cpu_us"]) + float(rhythm["server_cpu_us"] or 0.0)


def _median_us(recording: Recording, name: str) -> float:
    return float(np.median([call.duration_ns for call in recording.calls if call.function == name])) / 1000


def _cpu_seconds(recording: Recording) -> float:
    """Of the process that was recorded, and of its children: those of other files are among these."""
    first = recording.processes[0]
    return first.cpu_seconds + first.children_cpu_seconds
