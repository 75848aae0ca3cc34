"""The commands that read what was measured: tables, pictures, the report, advice, comparison, what is published."""

from __future__ import annotations

import argparse

from rich.console import Console

from scenarios.cli.arguments import rate_per_s, size_bytes, time_us
from scenarios.cli.problems import Reporter
from scenarios.common.errors import RunError, UsageError
from scenarios.plan import cells, circumstances, filters
from scenarios.records import environment, store


def plots(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Draw the pictures of a run again."""
    from scenarios.plots import pictures

    _to_be_written(asked)
    pictures.draw(_found(asked), console)
    return 0


def report(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Write the page of a run again."""
    from scenarios.report import page

    run = _to_be_written(asked)
    written = run.folder / page.FILE
    if written.exists() and not run.has_samples():
        raise RunError(
            f"{run.folder} has no samples: a new page would lose the percentile curves of the one that is there. "
            f"Look at {written}; to write it all the same, remove it first"
        )
    page.write(run, console)
    return 0


def table(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Print the table of a run again."""
    from scenarios.cli import table

    table.show(_found(asked), console)
    return 0


def compare(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """What is slower, faster or the same in one run than in another."""
    from scenarios.cli.comparison import show
    from scenarios.statistics import comparison
    from scenarios.statistics.significance import Floor

    runs = [store.find(asked.results, name) for name in (asked.before, asked.after)]
    floor = Floor(asked.floor, asked.floor_us)
    found = comparison.compare(runs[0], runs[1], floor, f"{asked.percentile}_us", force=asked.force)
    if asked.json:
        print(found.as_json())
    else:
        show(found, console)
    return found.exit_code


def publish(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Make a finished run the committed one."""
    from scenarios.publish import reference

    folder = reference.publish(store.find(asked.results, asked.run), asked.results)
    console.print(f"published as {folder}", highlight=False)
    return 0


def readme(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Write the committed run into the documents."""
    from scenarios.publish import documents

    documents.write(environment.PROJECT, store.find(asked.results, "reference"))
    return 0


def advise(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """The contender that fits a question."""
    from scenarios.advice.question import Question
    from scenarios.cli import advice, streams

    if asked.items is not None:
        run = store.find(asked.results, asked.run) if asked.run else streams.choose(asked.results, asked.lane)
        item_bytes = size_bytes(asked.payload, "--payload")
        streams.show(run, asked.lane, round(item_bytes), asked.items, console, as_json=asked.json)
        return 0
    if asked.rate is None:
        raise UsageError("--rate is needed: how many calls a second, all clients together; or --items of a stream")
    question = Question(
        payload_bytes=size_bytes(asked.payload, "--payload"),
        rate=rate_per_s(asked.rate, "--rate"),
        handler_us=time_us(asked.handler, "--handler"),
        lane=asked.lane,
        caller=asked.caller,
        beside=_beside(asked.beside),
        clients=asked.clients,
    )
    run = store.find(asked.results, asked.run) if asked.run else advice.choose(asked.results, question)
    advice.show(run, question, console, as_json=asked.json)
    return 0


def _to_be_written(asked: argparse.Namespace) -> store.Run:
    """The run that was asked for, to write into it: the committed one only where it is named."""
    run = store.find(asked.results, asked.run)
    if asked.run is None and run.folder == (asked.results / "reference").resolve():
        raise RunError(f"there is no run in {asked.results} but the committed one: make bench makes one")
    return run


def _found(asked: argparse.Namespace) -> store.Run:
    """The run that was asked for, or the part of it that was."""
    run = store.find(asked.results, asked.run)
    chosen = filters.parse(asked.only, asked.skip)
    chosen.check(run.rows(), cells.AXES)
    return store.PartOfRun(run.folder, chosen) if chosen else run


def _beside(text: str) -> str:
    try:
        return circumstances.validated_beside(text)
    except ValueError as error:
        raise UsageError(f"--beside {error}") from None
