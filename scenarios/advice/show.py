"""The decision model's answer for the terminal: a table, two sentences, or JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from scenarios.advice.curves import Curves, Estimate
from scenarios.advice.model import (
    SHARE,
    Advice,
    BreakEven,
    Question,
    advise,
    break_even,
    cheaper,
    curves_of,
    recommended,
)
from scenarios.common.errors import RunError
from scenarios.common.units import least_micros, micros, size, three
from scenarios.records import environment
from scenarios.records.store import Run
from scenarios.statistics import bootstrap

PARKED, CAVEAT = "¹", "²"
BUSY = 0.7
"""From this share of a client's time in calls on, those due at random wait for each other about as long as one takes
(M/D/1: half of u / (1 - u) of a call, 1.2 calls at 0.7): worth a warning."""


def show(run: Run, question: Question, console: Console, *, as_json: bool = False) -> None:
    """Print the answer of one run. Raises :class:`scenarios.common.errors.UserError` for what it cannot be asked."""
    curves = curves_of(run, question.lane)
    rows = advise(curves, question.payload_bytes, question.rate, question.handler_us, question.lane)
    limits = break_even(curves, question.payload_bytes, question.lane)
    said = sentences(curves, question, rows, where(run))
    if as_json:
        console.print_json(json.dumps(_as_json(run, question, rows, limits, said)))
        return
    console.print(table(curves, question, rows, limits))
    for sentence in said:
        console.print(sentence, highlight=False, soft_wrap=True)


def table(curves: Curves, question: Question, rows: list[Advice], limits: list[BreakEven]) -> Table:
    """A line per contender; what was not measured says so."""
    best = recommended(rows)
    asked = [f"{size(question.payload_bytes)} each way", f"{question.rate:,.10g} calls/s"]
    title = ", ".join([*asked, f"handler {micros(question.handler_us)}", f"lane {question.lane}"])
    found = Table(title=title, title_justify="left", pad_edge=False)
    found.add_column("contender", no_wrap=True)
    headings = ("p50", "interval", "p99", "IPC share", "cores client + server", "one client gives", "clients")
    for heading in (*headings, f"IPC under {SHARE:.0%} from handler"):
        found.add_column(heading, justify="right", no_wrap=True)
    from_handler = {limit.contender: limit.handler_us for limit in limits}
    for row in rows:
        if not row.measured:
            found.add_row(row.contender, "not measured", style="dim")
            continue
        found.add_row(
            f"{row.contender}{PARKED if row.figures_of != row.contender else CAVEAT if row.caveat else ''}",
            micros(row.p50_us.value) if row.p50_us else "",
            interval(row.p50_us),
            p99(row),
            "none" if row.in_process else percent(row.ipc_share),
            cores(row),
            f"{row.most_calls_per_s.value:,.0f}/s" if row.most_calls_per_s else "",
            str(row.clients),
            _limit(from_handler.get(row.contender)),
            style="bold" if row is best else "dim" if row.in_process else None,
        )
    found.caption = "\n".join(_footnotes(curves, question, rows))
    found.caption_justify = "left"
    return found


def p99(row: Advice) -> str:
    """With the handler; marked where slower repeats have none, and none where most of them have none."""
    text = "" if row.p99_us is None else least_micros(row.p99_us, row.p99_of_all)
    return text or "not measured"


def _footnotes(curves: Curves, question: Question, rows: list[Advice]) -> list[str]:
    notes = [
        "p50 and p99 include the handler; cores don't. p99 is the median of the repeats' own, ≥ where slower ones have "
        "none."
    ]
    notes += [
        f"{PARKED} parks in waits this long: figures of {row.figures_of}, both sides asleep, the most it takes"
        f"{_at_a_rate(curves, question, row.contender)}"
        for row in rows
        if row.figures_of != row.contender
    ]
    notes += [f"{CAVEAT} {row.contender} {row.caveat}" for row in rows if row.caveat]
    return notes


def sentences(curves: Curves, question: Question, rows: list[Advice], where: str) -> tuple[str, str]:
    """The recommendation, and what it rests on: where it was measured, between what, how sure."""
    best = recommended(rows)
    if best is None or best.p50_us is None or best.ipc_share is None:
        sizes = sorted({each for name in curves.contenders for each in curves.sizes(name)})
        measured = f"{size(sizes[0])} to {size(sizes[-1])}" if sizes else "nothing"
        return (
            f"Not measured: no contender has figures on both sides of {size(question.payload_bytes)}, and nothing is "
            f"extrapolated.",
            f"Lane {question.lane} of this run holds {measured}, {where}.",
        )
    return _recommendation(question, rows, best), _grounds(curves, question, rows, best, where)


def _recommendation(question: Question, rows: list[Advice], best: Advice) -> str:
    assert best.p50_us is not None
    assert best.ipc_p50_us is not None
    ipc = f"{micros(best.ipc_p50_us.value)} ({percent(best.ipc_share)})"
    tail = ""
    if best.p99_us is not None and best.p99_of_all is not None:
        tail = f" and {'' if best.p99_of_all else 'at least '}{micros(best.p99_us)} at p99"
    costs = (
        f"a call takes {micros(best.p50_us.value)} at the median{tail}; {ipc} of the median are IPC, and the calls "
        f"burn {three(best.cores or 0.0)} cores beside the handler's"
    )
    if best.clients != 1:
        return _too_much(question, best) + costs + "."
    notes = []
    if best.utilization and best.utilization > BUSY:
        notes.append(
            f"one client would be in a call {best.utilization:.0%} of the time, so calls that come at random will wait"
        )
    if (less := cheaper(rows)) and less.p50_us and less.cores is not None:
        notes.append(f"{less.contender} takes {micros(less.p50_us.value)} and burns {three(less.cores)}")
    shares = [row.ipc_share.value for row in rows if row.ipc_share and not row.in_process]
    if max(shares) < SHARE:
        notes.append(f"with every other IPC here it is under {SHARE:.0%}, too, so choose by what else matters to you")
    return "; ".join([f"Use {best.contender}: {costs}", *notes]) + "."


def _too_much(question: Question, best: Advice) -> str:
    limit = question.server_limit
    alone = f"cannot give that, for the handler allows at most {limit:,.0f}/s; " if limit else ""
    server = f"one server, one call after the other, {alone}" if limit else ""
    most = f"at most {best.most_calls_per_s.value:,.0f}/s" if best.most_calls_per_s else "fewer"
    return (
        f"One client, calling back to back, cannot get {question.rate:,.10g} calls/s from any contender measured here: "
        f"with {best.contender}, the fastest, it gets {most}, so the rate takes {best.clients} such clients; {server}"
    )


def _grounds(curves: Curves, question: Question, rows: list[Advice], best: Advice, where: str) -> str:
    assert best.basis is not None
    at = size(best.basis[0])
    if best.basis[0] != best.basis[1]:
        at = f"{at} and {size(best.basis[1])}, interpolated between them"
    parts = [f"It rests on {curves.repeats(best.figures_of, question.payload_bytes)} repeats at {at}, {where}"]
    if best.figures_of != best.contender:
        parts.append(
            f"the figures are {best.figures_of}'s, because with waits this long {best.contender} parks as that does: "
            f"both sides asleep, the most it takes{_at_a_rate(curves, question, best.contender)}"
        )
    elif best.caveat:
        parts.append(f"{best.contender} {best.caveat}")
    alike = [row.contender for row in rows if row.told_apart is False and not row.in_process]
    if ends := interval(best.ipc_p50_us):
        sure = bootstrap.confidence(curves.repeats(best.figures_of, question.payload_bytes))
        parts.append(f"the {sure:.0%} interval of the IPC is {ends}")
    else:
        parts.append("from so few it cannot be said how sure it is")
    if alike:
        parts.append(f"{_and(alike)} cannot be told from it")
    elif any(row.told_apart and not row.in_process for row in rows):
        parts.append("every other IPC is told apart from it")
    noisy, repeats = curves.noise(best.figures_of, question.payload_bytes)
    if noisy:
        parts.append(f"{noisy} of the {repeats} measurements behind it were flagged as disturbed")
    return "; ".join(parts) + "."


def _at_a_rate(curves: Curves, question: Question, contender: str) -> str:
    """What the run has measured of that, with a handler that does nothing."""
    found = curves.at_a_rate(contender, question.payload_bytes, question.rate) if question.handler_us < 1 else None
    return f" (measured at {found[0]:,.10g}/s in an open loop: {micros(found[1])})" if found else ""


def _as_json(
    run: Run, question: Question, rows: list[Advice], limits: list[BreakEven], said: tuple[str, str]
) -> dict[str, Any]:
    best = recommended(rows)
    return {
        "run": run.id,
        "question": dataclasses.asdict(question),
        "recommended": best.contender if best else None,
        "rows": [dataclasses.asdict(row) for row in rows],
        "break_even": [dataclasses.asdict(limit) for limit in limits],
        "sentences": list(said),
    }


def where(run: Run) -> str:
    """The run and the machine it was made on, to go into a sentence."""
    try:
        return f"of run {run.id} on {environment.in_one_line(run.environment())}"
    except RunError:
        return f"of run {run.id}, which does not say where it was made"


def interval(estimate: Estimate | None) -> str:
    """Both ends of an interval of µs; empty without one."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    low, high = micros(estimate.low), micros(estimate.high)
    # One unit for both ends reads better than two.
    return f"{low[:-3] if low[-2:] == high[-2:] else low} to {high}"


def percent(share: Estimate | None) -> str:
    """A share of 0 to 1 in percent; empty without one."""
    if share is None or pd.isna(share.value):
        return ""
    return f"{share.value:.0%}" if share.value >= 0.1 else f"{share.value:.1%}"


def cores(row: Advice) -> str:
    """Cores of client and server; of the client alone within one process."""
    parts = [each for each in (row.client_cores, row.server_cores) if each is not None]
    return " + ".join(f"{each:.2f}" for each in parts)


def _limit(handler_us: Estimate | None) -> str:
    if handler_us is None:
        return ""
    ends = interval(handler_us)
    return micros(handler_us.value) + (f" ({ends})" if ends else "")


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
