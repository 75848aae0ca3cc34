"""Where to cut a recorded program: tables and sentences for the terminal, or JSON; and a folder with a page."""

from __future__ import annotations

import argparse
import json
import textwrap
from pathlib import Path

from rich.console import Console

from scenarios.advice.curves import Curves, curves_of
from scenarios.cli import layout
from scenarios.cli.problems import Reporter
from scenarios.common.errors import UserError
from scenarios.cuts import document, folder, passages, prices, sentences
from scenarios.cuts.document import Found
from scenarios.cuts.passages import Program
from scenarios.pages import page
from scenarios.plan import filters
from scenarios.plots import pictures, style
from scenarios.records import environment, folders, store
from scenarios.records.store import Run
from scenarios.replay import defaults
from scenarios.tables import of_cuts
from scenarios.tables.table import Table

CONTENDERS = ("shm", "mp-pipe", "zmq-ipc", "grpc-uds")
"""Asked about unless others are named, those of them that the run has: the library, and of three ways that most know
the one each that is chosen for speed, for its patterns and for other languages. More would not fit a terminal."""
SHOWN = 12
"""Lines of a table in the terminal."""


def run(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Say what would cross the borders of a recorded package, and leave it as a page."""
    program = passages.read(asked.recording, trust=asked.trust)
    measured = store.find(asked.results, asked.run) if asked.run else _reference(asked.results)
    curves = curves_of(measured, asked.lane)
    contenders = _contenders(asked.contender, curves)
    price = prices.of_curves(curves, _arrays(measured))
    groups = [_group(program, each) for each in asked.group]
    about = {"recording": Path(asked.recording).name, "run": measured.id, "lane": asked.lane}
    found = about | document.of_program(program, contenders, price, groups)
    said = list(sentences.of(found, curves.payloads[-1], f"{measured.id}, lane {asked.lane}"))
    with folders.new(asked.results, folder.KIND) as made:
        folder.write(found, said, made, about["recording"], f"Costs of calls: {pictures.about(measured)}")
    if asked.json:
        console.print_json(json.dumps(found | {"folder": str(made)}))
        return 0
    _show(found, said, console)
    console.print(f"in {made / page.FILE}", highlight=False, markup=False, style="dim")
    return 0


def _reference(results: Path) -> Run:
    """That of the results, else the one that is committed."""
    there = store.committed(results) or store.committed(environment.PROJECT / "results")
    return there[0] if there else store.find(results, store.REFERENCE)


def _arrays(measured: Run) -> Curves | None:
    """Of the run's own arrays, or of those that are committed beside it."""
    for place in (measured.folder, measured.folder / store.DATA):
        if (place / "cells.csv").is_file():
            part = store.PartOfRun(place, filters.parse([f"scenario={store.DATA}/first"], []))
            if any(row["lane"] == "arrays" for row in part.rows()):
                return curves_of(part, "arrays")
    return None


def _contenders(asked: list[str], curves: Curves) -> list[str]:
    named = [name.strip() for each in asked for name in each.split(",")]
    if defaults.ALL in named:
        # Those that are named come first: the first one ranks.
        named = list(dict.fromkeys([*named, *style.ordered(curves.ipc)]))
        named.remove(defaults.ALL)
    if missing := [name for name in named if not curves.sizes(name)]:
        raise UserError(f"{', '.join(missing)} was not measured in that run; there are {', '.join(curves.ipc)}")
    found = [name for name in dict.fromkeys(named or CONTENDERS) if curves.sizes(name)]
    if not found:
        raise UserError(f"that run has none of {', '.join(CONTENDERS)}; name others with --contender")
    return found


def _group(program: Program, text: str) -> frozenset[str]:
    group = frozenset(part.strip() for part in text.split(","))
    if unknown := group - set(program.modules):
        raise UserError(
            f"{', '.join(sorted(unknown))}: no such module was called; there are {', '.join(program.modules)}"
        )
    return group


def _show(found: Found, said: list[str], console: Console) -> None:
    for table in (of_cuts.modules(found), of_cuts.groups(found), of_cuts.stays(found), of_cuts.cuts(found)):
        if table is not None:
            _print(table, console)
    for sentence in said:
        console.print(sentence, highlight=False, markup=False, emoji=False, soft_wrap=not console.is_terminal)


def _print(table: Table, console: Console) -> None:
    # A long group takes a few lines: else each other column would have a table of its own.
    width = max(24, console.width // 4)
    lines = [layout.Line([textwrap.fill(fields[0], width), *fields[1:]]) for fields in table.lines[:SHOWN]]
    left_out = f"{len(table.lines) - SHOWN} more on the page and in --json" if len(table.lines) > SHOWN else ""
    for each in layout.tables(console, table.headings, lines, title=table.title, caption=left_out, left=table.left):
        console.print(each)
