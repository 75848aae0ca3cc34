"""The replay itself: every function over every contender, round by round, then all of them in the recorded rhythm.

Each round has all contenders in an order drawn anew, each in fresh processes, so that a machine that drifts is slow to
all of them alike, and what a process happens to be lucky with counts once. A contender that fails is named with the
function it failed at, which it is not asked for again; the others go on.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from contenders.interface import Contender
from scenarios.replay import window
from scenarios.replay.cargo import Cargo
from scenarios.replay.carriers import Carrier
from scenarios.replay.defaults import NOTHING, REAL
from scenarios.replay.processes import Pair, ReplayFailed
from scenarios.replay.tasks import BackToBack, Kept, Rhythm, Task, Timed

ROUND_S = 0.25
"""Of timed calls of one function, at least; and in whole passes, so that all contenders make the same calls."""
START_S, BESIDE_S = 1.2, 0.15
"""What starting a server and a client takes on a slow machine of two cores, and comparing and warming one function."""
TURNS, TURNS_OF_REAL = 3, 4
"""Of each contender in the recorded rhythm; an even number where every other burst is made in the client itself."""
FEWEST_CALLS = 3
HANDLER_S = 0.5
"""Where a handler works, a pass is of so many calls as take this long: some 20 calls of 25 ms."""
LIMIT_S, LIMIT_PER_CALL_S = 60.0, 0.1
"""A contender that needs longer has failed."""

Key = tuple[str, str]
"""A function and a contender."""


@dataclasses.dataclass(frozen=True)
class Work:
    """One function over one carrier."""

    function: str
    carrier: Carrier
    numbers: tuple[int, ...]

    @property
    def key(self) -> Key:
        return self.function, self.carrier.contender


@dataclasses.dataclass
class Measured:
    """What came of it."""

    timed: dict[Key, dict[int, Timed]] = dataclasses.field(default_factory=dict)
    """By the number of the round."""
    kept: dict[str, Kept] = dataclasses.field(default_factory=dict)
    """The rhythm, by contender."""
    failures: dict[Key, str] = dataclasses.field(default_factory=dict)
    """Why there is nothing; function "" is the rhythm's."""
    traces: dict[Key, str] = dataclasses.field(default_factory=dict)
    """Of those, the client's traceback; "" where it had none."""

    def fail(self, key: Key, error: ReplayFailed) -> None:
        """It has no figures, or no further ones."""
        self.failures[key], self.traces[key] = str(error), error.trace


@dataclasses.dataclass(frozen=True)
class Replay:
    """What is to be measured, and how."""

    contenders: Mapping[str, type[Contender]]
    works: Sequence[Work]
    cargo: Cargo
    handler: str
    rounds: int
    seed: int
    round_s: float = ROUND_S

    @property
    def turns(self) -> int:
        """Of each contender in the recorded rhythm."""
        return TURNS_OF_REAL if self.handler == REAL else TURNS

    def apart(self, contender: str) -> tuple[str, ...]:
        """In the rhythm: functions that have a server each, which is all where they run themselves, and none else."""
        names = [work.function for work in self.works if work.carrier.contender == contender]
        return tuple(names) if self.handler == REAL else ()


Say = Callable[[str, str], None]
"""What is about to be done, and what has failed since."""


def numbers(cargo: Cargo, function: str, handler: str) -> tuple[int, ...]:
    """The cases of a pass: all, or where a handler works as many as it has time for, evenly taken."""
    found = cargo.numbers(function)
    if handler == NOTHING or not found:
        return tuple(found)
    mean_s = sum(cargo.cases[number].duration_ns for number in found) / len(found) / 1e9
    most = max(FEWEST_CALLS, int(HANDLER_S / mean_s)) if mean_s else len(found)
    if most >= len(found):
        return tuple(found)
    return tuple(found[place * len(found) // most] for place in range(most))


def steps(replay: Replay) -> int:
    """How often :data:`Say` says that something is done, the rhythm left out."""
    return replay.rounds * len(replay.works)


def expected_s(replay: Replay, rhythms: Mapping[Carrier, Rhythm]) -> float:
    """About how long it takes: every function is compared, warmed and timed, and processes start."""
    carriers = {work.carrier for work in replay.works}
    kept = sum(rhythm.scheduled[-1][0] / 1e9 + START_S for rhythm in rhythms.values() if rhythm.scheduled)
    back_to_back = replay.rounds * (len(replay.works) * (replay.round_s + BESIDE_S) + len(carriers) * START_S)
    return back_to_back + replay.turns * kept


def measure(replay: Replay, file: Path, say: Say) -> Measured:
    """Back to back. The calls are in `file`. Raises nothing of a contender's."""
    rng, measured = random.Random(replay.seed), Measured()
    for number in range(replay.rounds):
        for name in rng.sample(sorted(replay.contenders), len(replay.contenders)):
            works = [work for work in replay.works if work.carrier.contender == name]
            for carrier in sorted({work.carrier for work in works}, key=str):
                mine = [work for work in works if work.carrier == carrier]
                _round(replay, number, rng.sample(mine, len(mine)), file, measured, say)
    return measured


def _round(replay: Replay, number: int, works: Sequence[Work], file: Path, measured: Measured, say: Say) -> None:
    """One carrier's functions, in one pair of processes, or in another one behind each that fails."""
    todo = [work for work in works if work.key not in measured.failures]
    while todo:
        reached = None
        try:
            with Pair(_task(replay, todo[0].carrier, file)) as pair:
                while todo:
                    reached = todo[0]
                    say(f"round {number + 1}/{replay.rounds}: {reached.carrier.contender} {reached.function}", "")
                    asked = BackToBack(reached.function, reached.numbers, replay.round_s)
                    timed = pair.ask(asked, _limit_s(replay, len(reached.numbers)))
                    assert isinstance(timed, Timed)
                    measured.timed.setdefault(reached.key, {})[number] = timed
                    del todo[0]
        except ReplayFailed as error:
            failed = [reached] if reached is not None and todo and todo[0] is reached else todo[:]
            for work in failed:
                measured.fail(work.key, error)
                say("", f"failed: {work.carrier.contender}, {work.function}: {error}")
            todo = [work for work in todo if work not in failed]


def keep_rhythm(replay: Replay, rhythms: Mapping[Carrier, Rhythm], file: Path, measured: Measured, say: Say) -> None:
    """Every carrier in several turns, in an order drawn anew for each: a phase of the machine that lasts as long as one
    turn is in one turn's calls of each."""
    rng = random.Random(replay.seed)
    for turn in range(replay.turns):
        for carrier in rng.sample(sorted(rhythms, key=repr), len(rhythms)):
            name = carrier.contender
            say(f"recorded rhythm: {name}", "")
            if ("", name) in measured.failures:
                continue
            try:
                kept = _keep(replay, carrier, rhythms[carrier], file, turn)
                before = measured.kept.get(name)
                measured.kept[name] = kept if before is None else before.and_also(kept)
            except ReplayFailed as error:
                measured.fail(("", name), error)
                say("", f"failed: {name}, recorded rhythm: {error}")


def _keep(replay: Replay, carrier: Carrier, asked: Rhythm, file: Path, turn: int) -> Kept:
    if replay.handler == REAL and not replay.contenders[carrier.contender].in_process:
        asked = dataclasses.replace(asked, own=window.in_turn(asked.scheduled, turn))
    took_s = asked.scheduled[-1][0] / 1e9 if asked.scheduled else 0.0
    with Pair(_task(replay, carrier, file, apart=replay.apart(carrier.contender))) as pair:
        kept = pair.ask(asked, took_s + LIMIT_S)
        assert isinstance(kept, Kept)
        return kept


def _task(replay: Replay, carrier: Carrier, file: Path, apart: tuple[str, ...] = ()) -> Task:
    contender = replay.contenders[carrier.contender](carrier.lane)
    return Task(contender, carrier.codec, str(file), replay.handler, apart)


def _limit_s(replay: Replay, calls: int) -> float:
    longest = max((case.duration_ns for case in replay.cargo.cases), default=0) / 1e9
    of_handler = 0.0 if replay.handler == NOTHING else 10 * longest
    return LIMIT_S + calls * (LIMIT_PER_CALL_S + of_handler)
