"""The decision model's answer for the terminal: a table and two sentences, or JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from scenarios.advice import words
from scenarios.advice.choice import recommended
from scenarios.advice.curves import AdviceError, Curves, Estimate, curves_of
from scenarios.advice.model import answer
from scenarios.advice.negligible import SHARE, BreakEven, break_even
from scenarios.advice.question import Advice, Question
from scenarios.cli import layout
from scenarios.common.errors import RunError
from scenarios.common.units import micros, size
from scenarios.records import store
from scenarios.records.store import Run
from scenarios.statistics import figures

PARKED, CAVEAT = "¹", "²"
NO_COMPARISON = ("capacity", "a-a")
"""Runs of these commands measure contenders, but not to be compared with each other."""
HEADINGS = ("contender", *words.HEADINGS, f"IPC under {SHARE:.0%} from handler")


def show(run: Run, question: Question, console: Console, *, as_json: bool = False) -> None:
    """Print the answer of one run. Raises :class:`scenarios.common.errors.UserError` for what it cannot be asked."""
    curves = curves_of(run, question.lane)
    rows = answer(curves, question)
    limits = break_even(curves, question.payload_bytes)
    said = words.sentences(curves, question, rows, words.where(run))
    if as_json:
        console.print_json(json.dumps(_as_json(run, question, rows, limits, said)))
        return
    console.print(table(curves, question, rows, limits, console))
    for sentence in said:
        console.print(sentence, highlight=False, soft_wrap=not console.is_terminal)
    console.print(f"answered from the run {run.id}", highlight=False, style="dim")


def choose(results: Path, question: Question) -> Run:
    """The newest finished run of a scenario that holds the question, pauses between calls included, else the reference;
    one without pauses where there is no other.

    Raises :class:`scenarios.common.errors.RunError` when there is none.
    """
    finished = [run for run in reversed(store.runs(results)) if _is_comparison(run)]
    reference = store.committed(results)
    for with_pauses in (True, False):
        for run in (*finished, *reference):
            if _holds(run, question, with_pauses):
                return run
    if reference:
        return reference[0]
    asked = f"{size(question.payload_bytes)} in lane {question.lane}"
    raise RunError(
        f"no finished run in {results} holds {asked}, and there is no reference: python -m scenarios run full"
    )


def _is_comparison(run: Run) -> bool:
    about = run.about()
    finished = about.get("state") == store.FINISHED and about["scenario"]["name"] not in NO_COMPARISON
    return bool(finished and run.rows())


def _holds(run: Run, question: Question, with_pauses: bool) -> bool:
    try:
        curves = curves_of(run, question.lane)
    except AdviceError:
        return False
    if with_pauses and not curves.pauses.are_measured(question.caller):
        return False
    return any(curves.at(name, "p50_us", question.payload_bytes) for name in curves.ipc)


def table(curves: Curves, question: Question, rows: list[Advice], limits: list[BreakEven], console: Console) -> Table:
    """A line per contender; what was not measured says so. Columns the console has no room for are left out, the last
    ones first."""
    best = recommended(rows)
    asked = [f"{size(question.payload_bytes)} each way", f"{question.rate:,.10g} calls/s"]
    _, _, block = curves.scenario.partition("/")
    lane = f"lane {question.lane}{f' ({block})' if block else ''}"
    title = ", ".join([*asked, f"handler {micros(question.handler_us)}", lane])
    from_handler = {limit.contender: limit.handler_us for limit in limits}
    lines = [_line(row, from_handler.get(row.contender), best=row is best) for row in rows]
    first, *others = layout.tables(console, HEADINGS, lines, title=title)
    notes = _footnotes(curves, question, rows)
    if others:
        left_out = HEADINGS[len(first.columns) :]
        notes.append(f"no room for {', '.join(left_out)}: a wider terminal or --json has them")
    first.caption, first.caption_justify = "\n".join(notes), "left"
    return first


def _line(row: Advice, limit: Estimate | None, *, best: bool) -> layout.Line:
    mark = PARKED if row.figures_of != row.contender else CAVEAT if row.caveat else ""
    style = "bold" if best else "dim" if row.in_process or not row.measured else None
    return layout.Line([f"{row.contender}{mark}", *words.fields(row), _limit(limit)], style)


def _footnotes(curves: Curves, question: Question, rows: list[Advice]) -> list[str]:
    notes = [
        "p50 and p99 include the handler; cores don't. p99 is the median of the repeats' own, ≥ where slower ones have "
        "none. The handler that makes IPC negligible is for calls back to back."
    ]
    repeats = [row.repeats for row in rows if row.measured]
    if sure := figures.sureness(repeats):
        notes.append(f"intervals: {sure}")
    if any(row.is_estimated for row in rows):
        notes.append(words.ABOUT_SAYS)
    parked = [row for row in rows if row.figures_of != row.contender]
    sources = dict.fromkeys(row.figures_of for row in parked)
    notes += [f"{PARKED} parks in waits this long: figures of {source}, both sides asleep" for source in sources]
    for caveat in dict.fromkeys(row.caveat for row in rows if row.caveat):
        names = [row.contender for row in rows if row.caveat == caveat]
        notes.append(f"{CAVEAT} {', '.join(names)}: {caveat}")
    return notes


def _limit(handler_us: Estimate | None) -> str:
    if handler_us is None:
        return ""
    ends = words.interval(handler_us)
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
