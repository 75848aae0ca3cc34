"""What splitting a function off would be to the program: pure functions over a recording's figures and a call's cost.

*Today* is what was recorded: how long the program ran, and how much of it was this function, calls that it made itself
included. *Split* is today with the cost of a call added to each of its calls.

*Verdict.* The cost of all calls beside the time the function takes itself: under 5% it is cheap to split; as much or
more is not worth it; in between it is worth it for what is gained, which is said. Where the cost's interval reaches
into another verdict, that is said, too. What nothing can carry, and what changes its arguments in place, is impossible.

*Batches.* A call of k items costs the part per call once and the part per byte k times, so an item costs ``a / k + b``.
Where b alone is beyond 5% of an item's work no batch helps.

*A rate.* The program's time is divided into calls: under so many per second the cost is under 5% of it.

*More at once.* With N callers in parallel and W workers, the program does at most so many times what it does today as
the least of these says: what N callers get through, each waiting for its own calls (``N T / (T + added)``); what the
main process computes (``T / (L - F + C)``, F the function's CPU time, C that of calling it); what the workers do
(``W T / (F + S)``, S that of answering). T is the program's time and L its CPU time, T at most, which is taken to hold
the interpreter's lock: a bound, not a forecast. It needs as many free CPUs as processes. Of the whole program `added`,
F, C and S are the sums over its functions; F is L at most, and what one of them computes inside another's call is once
in it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence

from scenarios.common.verdicts import CHEAP_SHARE
from scenarios.replay.figures import Cost

CHEAP, IF, NOT_WORTH_IT, IMPOSSIBLE, UNKNOWN = (
    *("cheap to split", "worth it only if", "not worth it", "impossible", "not known"),
)
WORTH_SAYING = 1.05
"""Times what the program does today."""


@dataclasses.dataclass(frozen=True)
class Today:
    """One function in the recorded program."""

    function: str
    kind: str
    calls: int
    seconds: float
    """Of all its calls, added up."""
    program_seconds: float
    p50_us: float
    """Of the calls that were kept; NaN where none was."""
    cpu_seconds: float
    """Of them, on a CPU: from the calls where it was looked at; NaN where it was not."""
    raised: int
    dropped: int
    recorder_us: float
    """What recording has cost a call; NaN where that is not known. It is in the time of whoever called."""
    program_cpu_seconds: float = math.nan
    """Of all processes that were recorded, without the recorder's threads; NaN where that is not known."""
    inside: Mapping[frozenset[str], float] = dataclasses.field(default_factory=dict)
    """What part of its time was inside calls of which functions."""

    @property
    def program_busy_seconds(self) -> float:
        """For so long the program computes, one thing at a time: its CPU time, and all of its time at most."""
        known = not math.isnan(self.program_cpu_seconds)
        return min(self.program_seconds, self.program_cpu_seconds) if known else self.program_seconds

    def once(self, functions: Collection[str]) -> float:
        """The part of its time that is not inside a call of one of these `functions`, which counts it already."""
        return 1 - sum(share for around, share in self.inside.items() if not around.isdisjoint(functions))

    @property
    def share(self) -> float:
        """Of the program's time: above 1 where threads or tasks are in it at the same time."""
        return self.seconds / self.program_seconds if self.program_seconds else math.nan

    @property
    def mean_us(self) -> float:
        """What a call takes today."""
        return self.seconds / self.calls * 1e6 if self.calls else math.nan

    @property
    def per_s(self) -> float:
        """Calls per second of the program."""
        return self.calls / self.program_seconds if self.program_seconds else math.nan


@dataclasses.dataclass(frozen=True)
class Split:
    """The same function behind one contender."""

    cost: Cost
    added_seconds: float
    """Of all its calls."""
    of_program: float
    """That, as a share of the program's time."""
    of_own: float
    """And of the function's."""
    leaves_cpu_seconds: float
    """CPU time that the calling process has no more; negative where calling costs more than the work did. NaN where
    the work's is not known."""
    batch: float
    """Calls that must become one for the cost to be under 5% of the work; 1 where it is, infinite where none is
    enough."""
    cheap_per_s: float
    """So many calls per second cost 5% of the program's time."""
    at_most: float
    """Times what the program does today, with the callers and workers that were asked for; NaN for one of each."""
    answers_cpu_seconds: float
    """CPU time that answering takes of the serving process, besides what the function computes in it."""


@dataclasses.dataclass(frozen=True)
class Program:
    """The whole program behind one contender: every function that it carries is split off, one that is worth it and
    one that is not, but none that is impossible. What a function costs inside another counts there, too: calls that are
    inside recorded calls are made all the same.
    """

    contender: str
    functions: int
    calls: int
    today_seconds: float
    added_seconds: float
    leaves_cpu_seconds: float
    """NaN where that is not known of one of them."""
    at_most: float
    """As a function's, with all of them split off."""

    @property
    def split_seconds(self) -> float:
        """The program's time then, calls being made one after the other as they are today."""
        return self.today_seconds + self.added_seconds


def programs(lines: Sequence[tuple[Today, Sequence[Split]]], callers: int = 1, workers: int = 1) -> list[Program]:
    """By contender, what all of them add up to, the cheapest of those that carry most functions first."""
    found: dict[str, list[tuple[Today, Split]]] = {}
    for today, splits in lines:
        for split in splits:
            found.setdefault(split.cost.contender, []).append((today, split))
    every = [
        Program(
            contender=name,
            functions=len(each),
            calls=sum(today.calls for today, _ in each),
            today_seconds=each[0][0].program_seconds,
            added_seconds=sum(split.added_seconds for _, split in each),
            leaves_cpu_seconds=_leaves(each),
            at_most=bound(each, callers, workers),
        )
        for name, each in found.items()
    ]
    return sorted(every, key=lambda program: (-program.functions, program.added_seconds))


def _leaves(parts: Sequence[tuple[Today, Split]]) -> float:
    names = {today.function for today, _ in parts}
    return sum(split.leaves_cpu_seconds - today.cpu_seconds * (1 - today.once(names)) for today, split in parts)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """In words; `contender` is the cheapest, "" where there is none."""

    word: str
    why: str
    contender: str = ""


def split(today: Today, cost: Cost, callers: int = 1, workers: int = 1, work_us: float = 0.0) -> Split:
    """`work_us`: of the server's CPU time per call, what was the handler's."""
    added = cost.added_mean_us.value * today.calls / 1e6
    answers_us = 0.0 if math.isnan(cost.server_cpu_us) else max(0.0, cost.server_cpu_us - work_us)
    found = Split(
        cost=cost,
        added_seconds=added,
        of_program=added / today.program_seconds if today.program_seconds else math.nan,
        of_own=added / today.seconds if today.seconds else math.inf,
        leaves_cpu_seconds=today.cpu_seconds - cost.client_cpu_us * today.calls / 1e6,
        batch=batch(today.mean_us, cost),
        cheap_per_s=CHEAP_SHARE * 1e6 / cost.added_mean_us.value if cost.added_mean_us.value > 0 else math.inf,
        at_most=math.nan,
        answers_cpu_seconds=answers_us * today.calls / 1e6,
    )
    return dataclasses.replace(found, at_most=bound([(today, found)], callers, workers))


def batch(work_us: float, cost: Cost) -> float:
    """Calls in one, so that an item's cost is under 5% of its work; see the module."""
    allowed = CHEAP_SHARE * work_us
    if cost.added_mean_us.value <= allowed:
        return 1.0
    per_item = 0.0 if math.isnan(cost.per_byte_ns) else cost.per_byte_ns * cost.bytes_per_call / 1000
    # What the mean has beyond the line, a few slow calls, is had once per call as well.
    per_call = max(cost.per_call_us, cost.added_mean_us.value - per_item)
    return math.ceil(per_call / (allowed - per_item)) if allowed > per_item else math.inf


def bound(parts: Sequence[tuple[Today, Split]], callers: int, workers: int) -> float:
    """Times what the program does today, with these functions split off; see the module. NaN for one caller and one
    worker. Where a function's CPU time is not known, its time is taken.
    """
    if max(callers, workers) <= 1:
        return math.nan
    whole, locked = parts[0][0].program_seconds, parts[0][0].program_busy_seconds
    names = {today.function for today, _ in parts}
    busy = sum(
        today.once(names) * (today.seconds if math.isnan(today.cpu_seconds) else today.cpu_seconds)
        for today, _ in parts
    )
    busy = min(busy, locked)
    added = sum(split.added_seconds for _, split in parts)
    calling = sum(split.cost.client_cpu_us * today.calls / 1e6 for today, split in parts)
    answering = sum(split.answers_cpu_seconds for _, split in parts)
    limits = [callers * whole / max(whole + added, 1e-9), whole / max(locked - busy + calling, 1e-9)]
    if busy + answering > 0:
        limits.append(workers * whole / (busy + answering))
    return min(limits)


def best(splits: Sequence[Split]) -> Split | None:
    """The cheapest that leaves the process."""
    outside = [each for each in splits if not math.isnan(each.cost.server_cpu_us)]
    return min(outside, key=lambda each: each.added_seconds, default=None)


def verdict(today: Today, splits: Sequence[Split], refused: str, mutated: tuple[int, int], why_not: str) -> Verdict:
    """`refused`: why it could not be recorded. `mutated`: of its calls, those that changed their arguments, and those
    of which that was looked at. `why_not`: why there are no figures."""
    if refused:
        return Verdict(IMPOSSIBLE, refused)
    if mutated[0]:
        return Verdict(
            IMPOSSIBLE,
            f"{mutated[0]} of {mutated[1]} calls that were looked at change their arguments in place, which is lost "
            "behind any IPC: return what was changed",
        )
    chosen = best(splits)
    if chosen is None:
        return Verdict(IMPOSSIBLE if why_not.startswith("nothing carries") else UNKNOWN, why_not)
    name, word = chosen.cost.contender, _word(chosen.of_own)
    adds = f"{name} adds {_percent(chosen.of_own)} of its own time{_unsure(today, chosen)}"
    if word == CHEAP:
        return Verdict(word, adds, name)
    return Verdict(word, f"{adds}{';' if word == NOT_WORTH_IT else ':'} {_advice(today, chosen)}", name)


def _word(of_own: float) -> str:
    return CHEAP if of_own < CHEAP_SHARE else IF if of_own < 1 else NOT_WORTH_IT


def _unsure(today: Today, chosen: Split) -> str:
    """The ends of the interval, where one of them would have had another verdict."""
    mean = chosen.cost.added_mean_us
    ends = [end * today.calls / 1e6 / today.seconds for end in (mean.low, mean.high) if today.seconds]
    others = {_word(end): None for end in ends if not math.isnan(end)}.keys() - {_word(chosen.of_own)}
    if not others:
        return ""
    low, high = map(_percent, ends)
    return f" ({low} to {high}, so it may be {' or '.join(sorted(others))!r})"


def _advice(today: Today, chosen: Split) -> str:
    said = []
    if chosen.batch < math.inf:
        said.append(f"under {_percent(CHEAP_SHARE)} in batches of {chosen.batch:,.0f}")
    else:
        said.append("no batch is enough, its bytes alone cost more than that")
    if chosen.cheap_per_s < today.per_s:
        said.append(
            f"under {_percent(CHEAP_SHARE)} of the program's time below {chosen.cheap_per_s:,.0f} calls/s (now "
            f"{today.per_s:,.0f})"
        )
    else:
        said.append(f"{_percent(chosen.of_program)} of the program's time at {today.per_s:,.0f} calls/s")
    if chosen.at_most >= WORTH_SAYING:
        said.append(f"at most {chosen.at_most:.2f} times as much done")
    return "; ".join(said)


def _percent(share: float) -> str:
    value = share * 100
    return f"{value:,.0f}%" if value >= 10 else f"{value:.2g}%"
