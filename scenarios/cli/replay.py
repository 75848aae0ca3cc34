"""``python -m scenarios replay``: somebody's own calls over each contender, for the terminal or as JSON."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from pathlib import Path

from rich.console import Console

from scenarios.cli import layout
from scenarios.common.errors import UsageError
from scenarios.records import folders
from scenarios.replay import defaults, document, folder, preparation, rounds, sentences, study, tables
from scenarios.replay.preparation import Options, Prepared
from scenarios.replay.progress import Display
from scenarios.replay.study import Study
from scenarios.running.interrupts import terminated_as_interrupted
from scenarios.running.progress import duration
from scenarios.tables.table import Table


def options(asked: argparse.Namespace, rhythm_seconds: float) -> Options:
    """As typed. Raises :class:`UsageError`."""
    if asked.with_handler and asked.handler != defaults.NOTHING:
        raise UsageError("--with-handler runs the function itself, --handler recorded something as long: choose one")
    if 0 < asked.rounds < defaults.FEWEST_ROUNDS:
        raise UsageError(
            f"--rounds {asked.rounds} gives no interval to rely on; {defaults.FEWEST_ROUNDS} or more, or 0"
        )
    if not asked.rounds and not rhythm_seconds:
        raise UsageError(
            "--rounds 0 replays the recorded rhythm alone, and --seconds 0s replays it not: nothing is left"
        )
    return Options(
        recording=asked.recording,
        contenders=tuple(name.strip() for each in asked.contender for name in each.split(",")),
        functions=tuple(asked.function),
        handler=defaults.REAL if asked.with_handler else asked.handler,
        calls=asked.calls,
        most=asked.most,
        rhythm_seconds=rhythm_seconds,
        rounds=asked.rounds,
        round_s=rounds.ROUND_S,
        seed=asked.seed,
        callers=asked.callers,
        workers=asked.workers,
        allow_changed=asked.allow_changed,
        trust=asked.trust,
    )


def answer(
    asked: Options, paths: list[Path], results: Path, console: Console, *, travel_only: bool, as_json: bool
) -> int:
    """Say what travels, replay, say what it would cost; 1 where a contender failed."""
    for path in reversed(paths):
        if not path.is_dir():
            raise UsageError(f"--path {path} is not a folder")
        sys.path.insert(0, str(path.resolve()))  # a spawned process has the same
    aside = Console(stderr=True) if as_json else console
    with Display(aside) as display:
        prepared = preparation.prepare(asked, display.say)
    if travel_only:
        if as_json:
            print(json.dumps(document.of_prepared(prepared)))
        else:
            _show_travel(prepared, console)
        return 0
    if not as_json:
        _show_travel(prepared, console)
    rhythms = prepared.rhythms()
    seconds = rounds.expected_s(prepared.replay, rhythms)
    aside.print(f"some {duration(seconds)} of calls, {asked.rounds} rounds", highlight=False)
    with terminated_as_interrupted(), folders.new(results, folder.KIND) as made:
        with Display(aside) as display:
            display.total(rounds.steps(prepared.replay) + prepared.replay.turns * len(rhythms))
            found = study.measure(prepared, display.say)
        written = folder.write(found, made, shlex.join(["python", "-m", "scenarios", *sys.argv[1:]]))
    if as_json:
        print(json.dumps(written | {"folder": str(made)}))
    else:
        _show(found, console)
        console.print(f"in {made}", highlight=False, markup=False, style="dim")
    return 1 if found.measured.failures else 0


def _show_travel(prepared: Prepared, console: Console) -> None:
    _print(tables.of_travel(prepared), console)
    for sentence in sentences.of_travel(prepared):
        _say(sentence, console)


def _show(found: Study, console: Console) -> None:
    rhythm = [tables.of_rhythm(found), tables.of_functions_in_rhythm(found)]
    for table in (tables.of_contenders(found), *rhythm, tables.of_program(found)):
        if table is not None:
            _print(table, console)
    _print(tables.of_verdicts(found), console)
    for sentence in sentences.of_study(found):
        _say(sentence, console)


def _print(table: Table, console: Console) -> None:
    lines = [layout.Line(fields, None, place in table.sections) for place, fields in enumerate(table.lines)]
    made = layout.tables(console, table.headings, lines, keys=table.keys, left=table.left, title=table.title)
    for each in made:
        console.print(each)


def _say(sentence: str, console: Console) -> None:
    # No emoji: "shop:lock: refused" is a function's name.
    console.print(sentence, highlight=False, markup=False, emoji=False, soft_wrap=not console.is_terminal)
