"""What a stream costs, for the terminal: a table and a sentence, or JSON."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

from rich.console import Console

from scenarios.advice import words
from scenarios.advice.streams import StreamAdvice, answer
from scenarios.cli import layout
from scenarios.common.errors import RunError
from scenarios.common.units import BLANK, figure, micros, size
from scenarios.records import store
from scenarios.records.store import Run
from scenarios.statistics import figures

HEADINGS = ("contender", "an item, µs", "interval", "items/s", "the stream", "CPU of client + server, µs an item")


def choose(results: Path, lane: str) -> Run:
    """The newest run that has streams, else the committed one. Raises :class:`RunError` where there is none."""
    for run in (*reversed(store.runs(results)), *store.committed(results)):
        if any(row["lane"] == lane and int(row["items"] or 0) for row in run.rows()):
            return run
    raise RunError(f"no run in {results} has streams in lane {lane}: python -m scenarios run streams")


def show(run: Run, lane: str, item_bytes: int, items: int, console: Console, *, as_json: bool = False) -> None:
    """Print the answer of one run. Raises :class:`scenarios.common.errors.UserError` for what it cannot be asked."""
    rows = answer(figures.frame(run.rows()), lane, item_bytes, items)
    if as_json:
        console.print_json(
            json.dumps(
                {
                    "run": run.id,
                    "items": items,
                    "item_bytes": item_bytes,
                    "rows": [dataclasses.asdict(row) | {"items_per_s": row.items_per_s} for row in rows],
                }
            ).replace("NaN", "null")
        )
        return
    lines = [layout.Line(_fields(row, items), "dim" if row.in_process else None) for row in rows]
    title = f"A stream of {items:,} items of {size(item_bytes)}, lane {lane}"
    for table in layout.tables(console, HEADINGS, lines, title=title):
        console.print(table)
    console.print(_sentence(rows), highlight=False, soft_wrap=not console.is_terminal)
    console.print(f"answered from the run {run.id}", highlight=False, style="dim")


def _fields(row: StreamAdvice, items: int) -> list[str]:
    cpu = " + ".join(figure(each) for each in (row.client_cpu_us, row.server_cpu_us) if each == each)
    return [
        row.contender,
        figure(row.item_us.value),
        words.interval(row.item_us),
        f"{row.items_per_s:,.0f}",
        micros(row.item_us.value * items),
        cpu or BLANK,
    ]


def _sentence(rows: list[StreamAdvice]) -> str:
    others = [row for row in rows if not row.in_process]
    if not others:
        return "Nothing but the generator itself was measured."
    best = others[0]
    behind = f"; {others[1].contender} takes {figure(others[1].item_us.value)}" if len(others) > 1 else ""
    return (
        f"{best.contender} is the quickest way into another process: {figure(best.item_us.value)} µs an item{behind}."
    )
