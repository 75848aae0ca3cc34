"""The decision model's answer in words: two sentences, and the numbers of its table as text."""

from __future__ import annotations

import pandas as pd

from scenarios.advice.choice import candidates, cheaper, recommended, tie
from scenarios.advice.crossovers import CONFIDENCE, Crossover
from scenarios.advice.curves import Curves, Estimate
from scenarios.advice.negligible import SHARE
from scenarios.advice.question import SPIN, Advice, Question
from scenarios.common.errors import RunError
from scenarios.common.units import least, micros, size, span, three
from scenarios.records import environment
from scenarios.records.store import Run
from scenarios.statistics import intervals

BUSY = 0.7
"""From this share of a client's time in calls on, those due at random wait for each other about as long as one takes
(M/D/1: half of u / (1 - u) of a call, 1.2 calls at 0.7): worth a warning."""


ABOUT = "≈ "
"""Before what was not measured so and may be more than a quarter off."""
ABOUT_SAYS = f"{ABOUT}not measured so: between what was, and anywhere in its interval"

HEADINGS = ("p50", "interval", "p99", "IPC share", "cores, client + server", "one client gives", "clients")


def fields(row: Advice) -> list[str]:
    """A line of the table, under :data:`HEADINGS`."""
    if not row.measured or row.p50_us is None:
        return ["not measured", *[""] * (len(HEADINGS) - 1)]
    return [
        f"{ABOUT if row.is_estimated else ''}{micros(row.p50_us.value)}",
        interval(row.p50_us),
        p99(row),
        "none" if row.in_process else percent(row.ipc_share),
        cores(row),
        f"{row.most_calls_per_s.value:,.0f}/s" if row.most_calls_per_s else "",
        str(row.clients or "none"),
    ]


def served(row: Advice) -> str:
    """How many clients the rate takes: ``3 clients``."""
    return f"{row.clients} client{'s' if row.clients != 1 else ''}" if row.clients else "not served"


def p99(row: Advice) -> str:
    """With the handler; marked where slower repeats have none, and none where most of them have none."""
    if row.p99_us is None or row.p99_of_all is None:
        return "not measured"
    return least(row.p99_us, row.p99_of_all, micros)


def sentences(curves: Curves, question: Question, rows: list[Advice], where: str) -> tuple[str, str]:
    """The recommendation, and what it rests on: where it was measured, between what, how sure."""
    recommendation, grounds = clauses(curves, question, rows, where)
    return f"{'; '.join(recommendation)}.", f"{'; '.join(grounds)}."


def clauses(curves: Curves, question: Question, rows: list[Advice], where: str) -> tuple[list[str], list[str]]:
    """The clauses of the two :func:`sentences`; the first of all is the answer."""
    best = recommended(rows)
    if best is None or best.p50_us is None or best.ipc_share is None:
        sizes = curves.payloads
        measured = f"{size(sizes[0])} to {size(sizes[-1])}" if sizes else "nothing"
        return (
            [
                f"Not measured: no contender has figures on both sides of {size(question.payload_bytes)}, and nothing "
                "is extrapolated"
            ],
            [f"Lane {question.lane} of this run holds {measured}, {where}"],
        )
    return _recommendation(question, rows, best), _grounds(curves, question, rows, best, where)


def _recommendation(question: Question, rows: list[Advice], best: Advice) -> list[str]:
    assert best.p50_us is not None
    assert best.ipc_p50_us is not None
    ipc = f"{micros(best.ipc_p50_us.value)} ({percent(best.ipc_share)})"
    tail = ""
    if best.p99_us is not None and best.p99_of_all is not None:
        tail = f" and {'' if best.p99_of_all else 'at least '}{micros(best.p99_us)} at p99"
    takes = f"a call takes {'about ' if best.is_estimated else ''}{micros(best.p50_us.value)} at the median{tail}"
    costs = f"{ipc} of the median are IPC, and the calls burn {three(best.cores or 0.0)} cores beside the handler's"
    if not best.gives:
        return [*_too_much(question, best), *_perhaps(question, rows), takes, costs]
    notes = []
    equal = [row.contender for row in tie(rows)]
    fastest = candidates(rows)[0]
    if fastest.p50_us and fastest.p50_us.value < best.p50_us.value and fastest.cores is not None:
        little = ", less by a tenth at most," if fastest.contender in equal else ""
        sleeps = ", which never sleeps" if fastest.wait == SPIN else ""
        notes.append(
            f"{fastest.contender}, the fastest{sleeps}, takes {micros(fastest.p50_us.value)}{little} and burns "
            f"{three(fastest.cores)}"
        )
    if best.utilization and best.utilization > BUSY:
        notes.append(
            f"one client would be in a call {best.utilization:.0%} of the time, so calls that come at random will wait"
        )
    if (less := cheaper(rows)) and less.p50_us and less.cores is not None:
        notes.append(f"{less.contender} takes {micros(less.p50_us.value)} and burns {three(less.cores)}")
    shares = [row.ipc_share.value for row in rows if row.ipc_share and not row.in_process]
    if max(shares) < SHARE:
        notes.append(f"with every other IPC here it is under {SHARE:.0%}, too, so choose by what else matters to you")
    return [f"Use {best.contender}: {takes}", costs, *notes]


def _too_much(question: Question, best: Advice) -> list[str]:
    who = f"{question.clients} clients" if question.clients > 1 else "One client"
    cannot = f"{who}, calling back to back, cannot get {question.rate:,.10g} calls/s from any contender measured here"
    gets = f"at most {best.most_calls_per_s.value:,.0f}/s" if best.most_calls_per_s else "fewer"
    most = f"with {best.contender} one gets {gets}"
    if best.clients:
        return [f"{cannot}: {most}, so the rate takes {served(best)}"]
    if (limit := question.server_limit) is None:
        return [f"{cannot}, nor do more: {most}, and several together do not get the rate"]
    return [
        f"{cannot}, nor do more: {most}",
        f"one server, one call after the other, cannot give that, for the handler allows at most {limit:,.0f}/s",
    ]


def _perhaps(question: Question, rows: list[Advice]) -> list[str]:
    """Those that might get a rate that no measured one gets."""
    names = [
        row.contender
        for row in rows
        if not row.measured
        and not row.in_process
        and row.most_calls_per_s
        and row.most_calls_per_s.value > question.rate
    ]
    more = "get more back to back, but with such pauses were not measured"
    return [f"{_and(names)} {more}"] if names else []


def _grounds(curves: Curves, question: Question, rows: list[Advice], best: Advice, where: str) -> list[str]:
    assert best.basis is not None
    at = size(best.basis[0])
    if best.basis[0] != best.basis[1]:
        at = f"{at} and {size(best.basis[1])}, interpolated between them"
    parts = [f"It rests on {best.repeats} repeats at {at}, {where}"]
    if best.figures_of != best.contender:
        parts.append(
            f"the figures are {best.figures_of}'s, because with waits this long {best.contender} parks as that does: "
            "both sides asleep"
        )
    elif best.caveat:
        parts.append(f"{best.contender} {best.caveat}")
    if best.crowd:
        parts.append(f"{' and '.join(map(str, best.crowd))} clients at once, as measured")
    elif best.rates_payloads:
        parts.append(paced(best, question))
    elif not curves.pauses.are_measured(question.caller):
        parts.append("pauses between calls were not measured in this run, and waking who sleeps costs more")
    if question.clients > 1 and not best.crowd:
        parts.append("the figures are those of one client that makes all calls: of two that come at once, one waits")
    alike = [row.contender for row in rows if row.told_apart is False and not row.in_process]
    sure = intervals.coverage(best.repeats)
    if ends := interval(best.ipc_p50_us):
        unsure = "that was not measured, and is anywhere in it: " if best.is_estimated else ""
        parts.append(f"{unsure}the {sure:.0%} interval of the IPC is {ends}")
    else:
        parts.append("from so few it cannot be said how sure it is")
    if alike:
        parts.append(f"{_and(alike)} cannot be told from it")
    elif any(row.told_apart and not row.in_process for row in rows):
        parts.append(f"every other IPC is told apart from it, each as {sure:.0%} sure")
    if best.disturbed:
        parts.append(f"{best.disturbed} of the {best.measurements} measurements behind it were flagged as disturbed")
    return parts


def paced(row: Advice, question: Question) -> str:
    """Where the pauses, and what runs beside, were measured; empty for calls back to back with nothing beside them."""
    if not row.rates_payloads:
        return ""
    lane = f" in lane {row.rates_lane}" if row.rates_lane != question.lane else ""
    listed = " and ".join(f"{rate:,.10g}/s" for rate in row.rates)
    said = f"pauses as measured at {listed}{lane}" if row.rates else f"{question.beside} beside as measured{lane}"
    if row.rates_payloads != (question.payload_bytes,):
        said += f" with {' and '.join(map(size, row.rates_payloads))}"
    if row.rates:
        said += f", the caller {row.rates_caller}"
    if row.rates and row.rates_caller != question.caller:
        said += f", as all here, for none {question.caller} was measured to get such a rate"
    if row.far:
        said += f"; that is far from {size(question.payload_bytes)}: it may be as much, or nothing, and the interval "
        said += "holds both"
    return said


def where(run: Run) -> str:
    """The run and the machine it was made on, to go into a sentence."""
    try:
        return f"of run {run.id} on {environment.in_one_line(run.environment())}"
    except RunError:
        return f"of run {run.id}, which does not say where it was made"


def crossing(found: Crossover) -> str:
    """Where the faster one changes, with two digits, as it is no more precise; and what is known of it."""
    at = found.payload_bytes
    ends = (
        ""
        if at.low is None or at.high is None
        else f" ({_about(at.low)} to {_about(at.high)} in {CONFIDENCE:.0%} of draws of repeats)"
    )
    below, above = map(size, found.between)
    sure = "" if found.clear else "; it may be chance, as the two are not told apart on both sides of it"
    if found.is_far:
        sure += "; those two are too far apart to say what either takes there"
    if found.is_disturbed:
        sure += "; at one of them every measurement was disturbed"
    between = f"on a line between {below} and {above}, as measured"
    return f"{found.smaller} is faster below about {_about(at.value)}{ends}, {found.larger} above: {between}{sure}."


def _about(count: float) -> str:
    return size(float(f"{count:.2g}"))


def interval(estimate: Estimate | None) -> str:
    """Both ends of an interval of µs; empty without one."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    return span(estimate.low, estimate.high)


def percent(share: Estimate | None) -> str:
    """A share of 0 to 1 in percent; empty without one."""
    if share is None or pd.isna(share.value):
        return ""
    return f"{share.value:.0%}" if share.value >= 0.1 else f"{share.value:.1%}"


def cores(row: Advice) -> str:
    """Cores of client and server; of the client alone within one process."""
    return " + ".join(f"{each:.2f}" for each in (row.client_cores, row.server_cores) if each is not None)


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
