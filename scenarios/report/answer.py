"""The first thing a report says: which IPC for a question, in the words of :mod:`scenarios.advice.words`.

The page holds the answers to a grid of questions (:func:`questions`), all computed here; its script only shows another.
"""

from __future__ import annotations

import dataclasses
import itertools
import math

import pandas as pd

from scenarios.advice import choice, model, words
from scenarios.advice.curves import Curves
from scenarios.advice.question import Advice, Question
from scenarios.common.units import BLANK, interval, least, percent, three
from scenarios.report.percentiles import Look
from scenarios.statistics import intervals
from scenarios.tables.of_run import LANE_WORDS

RATES = (100.0, 1000.0, 10_000.0)
HANDLERS_US = (0.0, 100.0, 500.0, 1000.0, 10_000.0)
"""The rates and handlers that can be chosen in a page, with every measured payload size and lane."""
TYPICAL_BYTES = 1000
TYPICAL_RATE = 1000.0
TYPICAL_HANDLER_US = 100.0
"""The question a page opens with: a small message, a method that does a little."""


@dataclasses.dataclass(frozen=True)
class Ranked:
    """A line of the ranking: one contender's figures for the question, as text; `best` where it is in the tie."""

    contender: str
    look: Look
    in_process: bool
    style: str
    best: bool
    fields: list[str]


@dataclasses.dataclass(frozen=True)
class Answer:
    """The answer to one question: clauses, the first of which is the recommendation, and the ranking."""

    question: Question
    recommendation: list[str]
    grounds: list[str]
    ranked: list[Ranked]
    sure: str
    """How sure its intervals are, ``94%``; empty without one."""
    about: str
    """What the mark of estimates says; empty without any."""

    @property
    def key(self) -> str:
        """What names the question in the page."""
        return key(self.question)


def key(question: Question) -> str:
    """A question as the values of the page's form, joined."""
    numbers = (question.payload_bytes, question.rate, question.handler_us)
    return "-".join([question.lane, *(f"{each:.10g}" for each in numbers)])


def lanes(cells: pd.DataFrame) -> list[str]:
    """The lanes a question can be about, the one most people ask about first."""
    there = set(cells["lane"])
    return [lane for lane in LANE_WORDS if lane in there] + sorted(there - LANE_WORDS.keys())


def opening(curves: Curves) -> Question:
    """The question a page opens with: the measured payload size that is nearest to the typical one."""
    nearest = min(curves.payloads, key=lambda each: (abs(math.log(each / TYPICAL_BYTES)), each))
    return Question(nearest, TYPICAL_RATE, TYPICAL_HANDLER_US, curves.lane)


def questions(curves: Curves) -> list[Question]:
    """Every question of a lane that the page has an answer to."""
    asked = itertools.product(curves.payloads, RATES, HANDLERS_US)
    return [Question(payload, rate, handler_us, curves.lane) for payload, rate, handler_us in asked]


def answer(curves: Curves, question: Question, where: str) -> Answer:
    """The answer to a question; `where` is the run and its machine, see :func:`scenarios.advice.words.where`."""
    rows = model.answer(curves, question)
    equal = {row.contender for row in choice.tie(rows)}
    fastest = next(iter(choice.candidates(rows)), None)
    ranked = [_ranked(row, fastest, row.contender in equal) for row in rows]
    repeats = {row.repeats for row in rows if row.measured}
    sure = sorted({intervals.coverage(each) for each in repeats if each >= intervals.FEWEST})
    said = " or ".join(f"{each:.0%}" for each in sure)
    about = words.ABOUT_SAYS if any(row.is_estimated for row in rows) else ""
    return Answer(question, *words.clauses(curves, question, rows, where), ranked, said, about)


def _ranked(row: Advice, fastest: Advice | None, top: bool) -> Ranked:
    style = "aside" if row.in_process else "" if row.gives else "no"
    fields = ["not measured", *[""] * 5]
    if row.ipc_p50_us and row.ipc_share:
        low, high = row.ipc_p50_us.low, row.ipc_p50_us.high
        fields = [
            f"{words.ABOUT if row.is_estimated else ''}{three(row.ipc_p50_us.value)}",
            BLANK if low is None or high is None else interval(low, high),
            BLANK if row.ipc_p99_us is None else least(row.ipc_p99_us, row.p99_of_all),
            three(row.p50_us.value / fastest.p50_us.value) if row.p50_us and fastest and fastest.p50_us else BLANK,
            BLANK if row.cores is None else percent(row.cores),
            percent(row.ipc_share.value) if row.gives else words.served(row),
        ]
    return Ranked(row.contender, Look.of(row.contender), row.in_process, style, top, fields)
