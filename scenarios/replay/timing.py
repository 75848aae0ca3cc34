"""The timed loops of a replay. Two stamps of ``time.perf_counter_ns`` per call, just before and just after.

*Back to back*: one caller, the calls of one function in the order they were recorded in, again and again, so that every
contender makes each of them equally often. Before the timed part each is made once and its result compared, which warms
the connection; in the timed part an answer is checked for the number of its call.

*In their rhythm*: a call is due when it was made in the recording. Callers take turns: the first that is free waits for
the next call to be due and makes it, while the next one waits. Where there is one caller it spins through the last
0.2 ms, as a program is running that has just decided to call; several sleep, for one that spins would hold the lock
that the others need to go on. A call that is made late, because all callers were busy or the machine was, is counted.
"""

from __future__ import annotations

import threading
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from scenarios.measuring.loops import Record, WrongAnswer, sleep_until, wait_until
from scenarios.replay import codecs
from scenarios.replay.tasks import Compared, Scheduled
from scenarios.replay.values import difference

Call = Callable[[Any], Any]
"""Makes one call with a payload ``[number, args, kwargs]``; its answer is ``[number, result]``."""

WARM_S = 0.05
MOST_CALLS = 100_000
"""Of a function in a round: there is room for so many stamps."""
DRAIN_S = 2.0
"""Calls that could not be made so long after the last was due are not made."""


def compare(call: Call, payloads: Sequence[Any], results: Sequence[Any], codec: str) -> Compared:
    """Every call once. Raises :class:`WrongAnswer` for the answer of another call."""
    answers = (checked(call(payload), payload) for payload in payloads)
    return compared(zip(results, answers, strict=True), codec)


def compared(results: Iterable[tuple[Any, Any]], codec: str) -> Compared:
    """Results that were recorded, and those that came."""
    equal = changed = different = 0
    first = ""
    for recorded, answer in results:
        found = difference(recorded, answer, "result")
        if found is None:
            equal += 1
            continue
        first = first or found
        if _is_the_codecs_doing(codec, recorded, answer):
            changed += 1
        else:
            different += 1
    return Compared(equal, changed, different, first)


def _is_the_codecs_doing(codec: str, recorded: Any, answer: Any) -> bool:
    try:
        after, _ = codecs.round_trip(codec, recorded)
    except Exception:  # as in the travel section: whatever a codec raises
        return False
    return difference(after, answer) is None


def checked(answer: Any, payload: Any) -> Any:
    """The result of an answer."""
    number, result = answer
    if number != payload[0]:
        raise WrongAnswer(f"call {payload[0]} was answered with the result of call {number}")
    return result


def warm(call: Call, payloads: Sequence[Any], seconds: float = WARM_S) -> None:
    """The timed loop itself, for nothing: the interpreter specialises the very code that is timed."""
    room = array("q", bytes(8 * len(payloads)))
    deadline = time.perf_counter_ns() + round(seconds * 1e9)
    while time.perf_counter_ns() < deadline:
        back_to_back(call, payloads, room, 0, give_up=deadline)


def back_to_back(call: Call, payloads: Sequence[Any], latencies: array[int], after: int, give_up: int = 0) -> int:
    """All calls again and again until the clock says `after` or there is no room for all of them once more. Returns how
    often. `give_up`: within a pass, too, at that moment; for warming."""
    clock, most = time.perf_counter_ns, len(latencies) - len(payloads)
    i = passes = 0
    while i <= most:
        for payload in payloads:
            start = clock()
            answer = call(payload)
            end = clock()
            latencies[i] = end - start
            i += 1
            if answer[0] != payload[0]:
                checked(answer, payload)
            # Freed here, not by the next assignment: that one is between the stamps.
            del answer
            if give_up and end > give_up:
                return passes
        passes += 1
        if end > after:
            break
    return passes


class Rhythm:
    """Calls that are due at moments, and callers that share them. One use.

    `places`: of each call, the place of its server among those that a caller is connected to.
    """

    def __init__(self, scheduled: Sequence[Scheduled], payloads: Mapping[int, Any], places: Sequence[int]) -> None:
        self.latency, self.late, self.cpu = (array("q", bytes(8 * len(scheduled))) for _ in range(3))
        """Of each call, ns: how long it took, how late it was made, and its thread's CPU time."""
        self.made = 0
        self.answers: dict[tuple[int, int], Any] = {}
        """The first of each call and place."""
        self.waited = Record(0)
        """What was spent waiting for the clock."""
        self._scheduled, self._payloads, self._places = scheduled, payloads, places
        self._turn = threading.Lock()
        self._wait = wait_until
        self._begin = self._give_up = 0
        self._errors: list[BaseException] = []

    def run(self, callers: Sequence[Sequence[Call]], lead_s: float = 0.02) -> None:
        """Begin after the lead, a thread per caller. Raises what the first one that failed has raised."""
        self._wait = wait_until if len(callers) == 1 else sleep_until
        self._begin = time.perf_counter_ns() + round(lead_s * 1e9)
        last = self._scheduled[-1][0] if self._scheduled else 0
        self._give_up = self._begin + last + round(DRAIN_S * 1e9)
        threads = [threading.Thread(target=self._work, args=(calls,), daemon=True) for calls in callers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _work(self, calls: Sequence[Call]) -> None:
        clock, cpu = time.perf_counter_ns, time.thread_time_ns
        try:
            while (i := self._take()) >= 0:
                due, number = self._scheduled[i]
                place, payload = self._places[i], self._payloads[number]
                call = calls[place]
                computed = cpu()
                start = clock()
                answer = call(payload)
                end = clock()
                self.cpu[i] = cpu() - computed
                self.latency[i], self.late[i] = end - start, start - self._begin - due
                self.answers.setdefault((number, place), checked(answer, payload))
        except BaseException as error:  # of a thread: who started it is told
            self._errors.append(error)

    def _take(self) -> int:
        """The place of the next call, when it is due; -1 for none."""
        with self._turn:
            if self._errors or self.made == len(self._scheduled) or time.perf_counter_ns() > self._give_up:
                return -1
            self._wait(self._begin + self._scheduled[self.made][0], self.waited)
            self.made += 1
            return self.made - 1
