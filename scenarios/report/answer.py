"""The first thing a report says: which IPC, what it costs, how sure that is.

The model is :mod:`scenarios.advice.model`'s. Its answer to one question stands in the page as text; for every other
question the page has the same model in JavaScript (``templates/report.js``) and what it computes from,
:mod:`scenarios.report.data`. The two say the same: a test asks both.
"""

from __future__ import annotations

import dataclasses
import math

import pandas as pd

from scenarios.advice import model
from scenarios.advice.curves import Curves
from scenarios.advice.model import Advice, Question
from scenarios.common.units import micros, percent, size, span, three
from scenarios.report.percentiles import Look
from scenarios.report.tables import BLANK, LANE_WORDS
from scenarios.statistics import bootstrap

TYPICAL_BYTES = 1000
TYPICAL_RATE = 1000.0
TYPICAL_HANDLER_US = 100.0
"""The question a page opens with: a small message, a method that does a little. The reader puts in their own."""
SURE_REPEATS = 5
"""From fewer, what all repeats agree on is only likely: by chance alone n of them agree with probability 2 ** (1 - n),
which is 25% of 3 and 6% of 5."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """The answer to one question, as text; `facts` are pairs of a word and a sentence."""

    question: Question
    fastest: list[str]
    verdict: str
    """What stands behind the names of the fastest."""
    facts: list[tuple[str, str]]
    rows: list[Advice]


def lanes(cells: pd.DataFrame) -> list[str]:
    """The lanes a question can be about."""
    there = set(cells["lane"])
    return [lane for lane in LANE_WORDS if lane in there] + sorted(there - LANE_WORDS.keys())


def opening(curves: Curves) -> Question:
    """The question a page opens with: the measured payload size that is nearest to the typical one."""
    sizes = {each for contender in curves.contenders for each in curves.sizes(contender)}
    nearest = min(sizes, key=lambda each: (abs(math.log(each / TYPICAL_BYTES)), each))
    return Question(nearest, TYPICAL_RATE, TYPICAL_HANDLER_US, curves.lane)


def answer(curves: Curves, question: Question) -> Answer:
    """The answer in words. The question's payload size must have been measured."""
    rows = model.advise(curves, question.payload_bytes, question.rate, question.handler_us, question.lane)
    best = model.recommended(rows)
    if best is None or best.p50_us is None or best.ipc_p50_us is None:
        return Answer(question, [], f"not measured for {size(question.payload_bytes)}", [], rows)
    remote = [row for row in rows if row.measured and not row.in_process]
    equal = [row for row in remote if row is best or (row.told_apart is False and row.clients == best.clients)]
    return Answer(
        question,
        [row.contender for row in equal],
        _verdict(question, best, equal),
        [
            ("Latency", _latency(curves, best, question)),
            ("CPU", _cpu(best, question)),
            *_less_cpu(model.cheaper(rows)),
            ("How sure", _sure(curves, question, best, remote, equal)),
            ("Break-even", _break_even(curves, question, best)),
        ],
        rows,
    )


def _verdict(question: Question, best: Advice, equal: list[Advice]) -> str:
    values = [row.ipc_p50_us.value for row in equal if row.ipc_p50_us]
    payload = size(question.payload_bytes)
    same = len({row.figures_of for row in equal}) == 1
    each = f"{micros(min(values))} a call" if same else span(min(values), max(values)) + " a call"
    if best.clients != 1:
        return f"{'is' if len(equal) == 1 else 'are'} fastest for {payload}, but {_too_much(question, best)}"
    if len(equal) == 1:
        return f"is fastest for {payload}: {each}"
    return f"are fastest for {payload}, {'both the same here' if same else 'too close to tell apart'}: {each}"


def _too_much(question: Question, best: Advice) -> str:
    most = f"at most {three(best.most_calls_per_s.value)} calls/s" if best.most_calls_per_s else "fewer"
    text = f"one client, calling back to back, gets {most}: {three(question.rate)} take {best.clients} such clients"
    limit = question.server_limit
    if limit is None:
        return text
    return f"{text}. One server, one call after the other, cannot give them: the handler allows at most {three(limit)}"


def _latency(curves: Curves, best: Advice, question: Question) -> str:
    if best.ipc_p50_us is None or best.p50_us is None or best.ipc_share is None:
        return "not measured"
    low, high = best.ipc_p50_us.low, best.ipc_p50_us.high
    sure = bootstrap.confidence(curves.repeats(best.figures_of, question.payload_bytes))
    interval = "" if low is None or high is None else f" ({sure:.0%} interval {span(low, high)})"
    known = best.p99_of_all
    tail = {None: "p99 not measured", False: "p99 at least "}.get(known, "p99 ")
    tail += micros(best.ipc_p99_us) if known is not None and best.ipc_p99_us is not None else ""
    text = f"median {micros(best.ipc_p50_us.value)}{interval}, {tail}"
    if question.handler_us:
        text += f"; with the handler {micros(best.p50_us.value)}, {percent(best.ipc_share.value)} of it IPC"
    if best.figures_of != best.contender:
        own = curves.at(best.contender, "p50_us", question.payload_bytes)
        back_to_back = f"; back to back a call takes {micros(own.value)}" if own else ""
        text += f". Calls this seldom find it asleep, so the figures are those of {best.figures_of}"
        text += f", both sides asleep, the most it takes{back_to_back}"
    return text


def _cpu(best: Advice, question: Question) -> str:
    if best.client_cores is None or best.cores is None:
        return "not measured"
    per_call = 1e6 / question.rate
    server = "" if best.server_cores is None else f", server {micros(best.server_cores * per_call)}"
    both = f"{micros(best.cores * per_call)} per call (client {micros(best.client_cores * per_call)}{server})"
    return f"{both}; {percent(best.cores)} of a core at {three(question.rate)} calls/s, handler not included"


def _less_cpu(cheaper: Advice | None) -> list[tuple[str, str]]:
    if cheaper is None or cheaper.ipc_p50_us is None or cheaper.cores is None:
        return []
    return [
        ("For less", f"{cheaper.contender}: {micros(cheaper.ipc_p50_us.value)}, {percent(cheaper.cores)} of a core")
    ]


def _sure(curves: Curves, question: Question, best: Advice, remote: list[Advice], equal: list[Advice]) -> str:
    parts = []
    if len({row.figures_of for row in equal}) > 1:
        parts.append("not sure which of them is fastest: their paired ratios include 1")
    others = [row for row in remote if row not in equal and row.clients == best.clients and row.ipc_p50_us]
    if others and others[0].ipc_p50_us and best.ipc_p50_us:
        repeats = curves.repeats(best.figures_of, question.payload_bytes)
        slower = f"{others[0].contender}, the next, takes {three(others[0].ipc_p50_us.value / best.ipc_p50_us.value)}x"
        if others[0].told_apart is None:
            parts.append(f"{slower}, but {repeats} repeats are too few to be sure")
        elif repeats < SURE_REPEATS:
            parts.append(f"likely that {slower}: so in all of only {repeats} paired repeats")
        else:
            parts.append(f"sure that {slower}: so in {repeats} paired repeats")
    if best.basis and best.basis[0] != best.basis[1]:
        parts.append(f"interpolated between {size(best.basis[0])} and {size(best.basis[1])}")
    noisy, measured = curves.noise(best.figures_of, question.payload_bytes)
    parts.append(f"{noisy} of {measured} repeats behind this were disturbed by the machine")
    text = "; ".join(parts)
    return text[0].upper() + text[1:]


def _break_even(curves: Curves, question: Question, best: Advice) -> str:
    rows = {row.contender: row for row in model.break_even(curves, question.payload_bytes, question.lane)}
    handler = rows[best.contender].handler_us
    if handler is None:
        return "not measured"
    interval = "" if handler.low is None or handler.high is None else f" ({span(handler.low, handler.high)})"
    return f"IPC is under 5% of a call when the handler takes more than {micros(handler.value)}{interval}"


@dataclasses.dataclass(frozen=True)
class Ranked:
    """A line of the ranking: one contender's figures for the question, as text, and whether each is marked."""

    contender: str
    look: Look
    in_process: bool
    style: str
    fields: list[tuple[str, bool]]


def ranking(found: Answer) -> list[Ranked]:
    """The ranking beside an answer, the same that the page computes."""
    best = model.recommended(found.rows)
    return [_ranked(row, best, row.contender in found.fastest) for row in found.rows]


def _ranked(row: Advice, best: Advice | None, top: bool) -> Ranked:
    style = "aside" if row.in_process else "" if row.clients == 1 else "no"
    if row.ipc_p50_us is None:
        fields = [("not measured", False), *[("", False)] * 5]
        return Ranked(
            row.contender, Look.of(row.contender), row.in_process, "aside" if row.in_process else "no", fields
        )
    low, high = row.ipc_p50_us.low, row.ipc_p50_us.high
    interval = BLANK if low is None or high is None else f"{three(low)} {BLANK} {three(high)}"
    p99 = row.p99_of_all
    texts = [
        three(row.ipc_p50_us.value),
        interval,
        BLANK if p99 is None or row.ipc_p99_us is None else f"{'' if p99 else '≥ '}{three(row.ipc_p99_us)}",
        three(row.ipc_p50_us.value / best.ipc_p50_us.value) if best and best.ipc_p50_us else BLANK,
        BLANK if row.cores is None else percent(row.cores),
        percent(row.ipc_share.value) if row.clients == 1 and row.ipc_share else f"{row.clients} clients",
    ]
    marked = [top, *[False] * (len(texts) - 1)]
    return Ranked(row.contender, Look.of(row.contender), row.in_process, style, list(zip(texts, marked, strict=True)))
