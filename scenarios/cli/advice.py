"""The decision model's answer for the terminal: a table and two sentences, or JSON."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from rich.console import Console
from rich.table import Table

from scenarios.advice.curves import Curves, Estimate, curves_of
from scenarios.advice.model import SHARE, Advice, BreakEven, Question, advise, break_even, recommended
from scenarios.advice.words import at_a_rate, cores, interval, p99, percent, sentences, where
from scenarios.common.units import micros, size
from scenarios.records.store import Run

PARKED, CAVEAT = "¹", "²"


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


def _footnotes(curves: Curves, question: Question, rows: list[Advice]) -> list[str]:
    notes = [
        "p50 and p99 include the handler; cores don't. p99 is the median of the repeats' own, ≥ where slower ones have "
        "none."
    ]
    notes += [
        f"{PARKED} parks in waits this long: figures of {row.figures_of}, both sides asleep, the most it takes"
        f"{at_a_rate(curves, question, row.contender)}"
        for row in rows
        if row.figures_of != row.contender
    ]
    notes += [f"{CAVEAT} {row.contender} {row.caveat}" for row in rows if row.caveat]
    return notes


def _limit(handler_us: Estimate | None) -> str:
    if handler_us is None:
        return ""
    ends = interval(handler_us)
    return micros(handler_us.value) + (f" ({ends})" if ends else "")


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
