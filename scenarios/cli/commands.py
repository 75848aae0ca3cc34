"""What each command does. What can be typed, and the exit codes, are in :mod:`scenarios.cli.arguments`.

A command imports what it needs when it is called: `list` need not wait for pandas and matplotlib.
"""

from __future__ import annotations

import argparse
import dataclasses
import errno
import os
import shlex
import sys
from pathlib import Path

from rich.console import Console

from contenders.registry import ContenderUnavailable, Registered
from scenarios.cli.arguments import DEFAULT, RESULTS, parser, rate_per_s, size_bytes, time_us
from scenarios.cli.problems import Reporter, errors_format
from scenarios.common.errors import RunError, UsageError, UserError
from scenarios.plan import cells, circumstances, filters, scenario_files
from scenarios.plan.scenario import Scenario
from scenarios.records import environment, store

PLAIN_WIDTH = 200
"""Columns of a table that goes into a file or a pipe, where rich would assume 80. COLUMNS says otherwise."""
NOT_WRITABLE = tuple(
    getattr(errno, name)
    for name in ("EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR", "EISDIR", "EEXIST", "ENAMETOOLONG")
)
"""What the system answers where a folder cannot be written, for the user to put right."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    say = Reporter(errors_format(arguments))
    asked = argparse.Namespace()
    try:
        parser().parse_args(arguments, asked)
        console = Console()
        if not console.is_terminal and "COLUMNS" not in os.environ:
            console = Console(width=PLAIN_WIDTH)
        return COMMANDS[asked.command](asked, console, say)
    except UserError as error:
        say.error(error)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output left, as head does
        sys.stderr.close()
        return 1
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        say.error(_unwritable(error, getattr(asked, "results", RESULTS)))
        return UserError.exit_code
    except KeyboardInterrupt:
        say.interrupted("interrupted")
        return 130


def _unwritable(error: OSError, results: Path) -> RunError:
    where = error.filename2 or error.filename or results
    return RunError(
        f"cannot write {where}: {error.strerror}; make it writable or make room, or name another folder with "
        f"--results (now {results}); what is measured already is kept"
    )


def _run(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.cli import verdict
    from scenarios.plots import pictures
    from scenarios.report import page
    from scenarios.running import runner

    catalogue = Registered()
    scenario = _asked_scenario(asked, catalogue)
    command = shlex.join(["python", "-m", "scenarios", *sys.argv[1:]])
    start = runner.resume if asked.resume else runner.begin
    run = start(scenario, catalogue, asked.results, command)
    for line in scenario.left_out:
        console.print(f"left out: {line}", highlight=False)
    try:
        failed = runner.measure(run, scenario, catalogue, console)
    except KeyboardInterrupt:
        # The same words again, whatever they were: another results folder is one of them.
        again = command if asked.resume else f"{command} --resume"
        say.interrupted(f"interrupted; {len(run.rows())} cells are in {run.folder}", run, [f"go on with: {again}"])
        return 130
    try:
        if run.rows():
            pictures.draw(run, console)
            page.write(run, console)
            verdict.show(run, console)
    except KeyboardInterrupt:
        again = " && ".join(
            shlex.join(["python", "-m", "scenarios", what, str(run.folder)]) for what in ("plots", "report")
        )
        say.interrupted(f"interrupted; the run is whole: {run.folder}", run, [f"draw it with: {again}"])
        return 130
    say.failures(run)
    return 1 if failed else 0


def _asked_scenario(asked: argparse.Namespace, catalogue: Registered) -> Scenario:
    """The scenario as named and filtered; of a run to be resumed, as far as nothing else is said, as it was begun."""
    from scenarios.running import runner

    stored = None
    if asked.resume:
        name = None if asked.scenario is None else scenario_files.find(asked.scenario).stem
        stored = Scenario.from_resolved(runner.unfinished(asked.results, name).about()["scenario"])
    if stored and asked.scenario is None:
        scenario = stored
    else:
        scenario = scenario_files.read(scenario_files.find(asked.scenario or DEFAULT), catalogue)
    if asked.reruns is not None:
        scenario = dataclasses.replace(scenario, reruns=asked.reruns)
    elif stored:
        scenario = dataclasses.replace(scenario, reruns=stored.reruns)
    if asked.only or asked.skip:
        return _filtered(scenario, asked)
    return dataclasses.replace(scenario, filter=stored.filter) if stored else scenario


def _filtered(scenario: Scenario, asked: argparse.Namespace) -> Scenario:
    chosen = filters.parse(asked.only, asked.skip)
    everything = dataclasses.replace(scenario, filter=filters.Filter())
    skipped = chosen.skip.get("contender", ())
    left_out = [name for name in skipped if name in Registered() and not _available(name)]
    chosen.check([cell.axes for cell in cells.expand(everything)], cells.AXES, left_out)
    return dataclasses.replace(scenario, filter=chosen)


def _available(name: str) -> bool:
    try:
        return bool(Registered()[name])
    except ContenderUnavailable:
        return False


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


def _plan(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.running import estimate

    scenario = _filtered(scenario_files.read(scenario_files.find(asked.scenario), Registered()), asked)
    estimate.show(scenario, cells.expand(scenario), console)
    return 0


def _plots(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.plots import pictures

    _to_be_written(asked)
    pictures.draw(_found(asked), console)
    return 0


def _report(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
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


def _table(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.cli import table

    table.show(_found(asked), console)
    return 0


def _compare(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
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


def _ab(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.cli import ab

    question = ab.Question(
        before=asked.before,
        after=asked.after,
        calls=ab.calls(
            payload_bytes=round(size_bytes(asked.payload, "--payload")),
            codec=asked.codec,
            wait=asked.wait,
            rate=rate_per_s(asked.rate, "--rate") if asked.rate else None,
            clients=asked.clients,
            seconds=time_us(asked.seconds, "--seconds") / 1e6,
        ),
        blocks=asked.blocks,
        threshold=asked.threshold,
        seed=asked.seed,
    )
    return ab.answer(question, console, as_json=asked.json)


def _capacity(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.running import capacity

    names = [name.strip() for name in asked.contender.split(",")]
    questions = [
        capacity.Question(
            contender=name,
            lane=asked.lane,
            payload_bytes=round(size_bytes(asked.payload, "--payload")),
            clients=asked.clients,
            p99_us=time_us(asked.p99, "--p99"),
            seconds=time_us(asked.seconds, "--seconds") / 1e6,
            constant=asked.constant,
        )
        for name in names
    ]
    run = capacity.search(questions, Registered(), asked.results, console)
    capacity.show(run, console)
    return 0


def _selftest(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.selftest import checks

    return 0 if checks.run(asked.results, console) else 1


def _publish(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.publish import reference

    folder = reference.publish(store.find(asked.results, asked.run), asked.results)
    console.print(f"published as {folder}", highlight=False)
    return 0


def _readme(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.publish import documents

    documents.write(environment.PROJECT, store.find(asked.results, "reference"))
    return 0


def _advise(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.advice.model import Question
    from scenarios.cli import advice

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


def _beside(text: str) -> str:
    try:
        return circumstances.validated_beside(text)
    except ValueError as error:
        raise UsageError(f"--beside {error}") from None


def _list(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios.cli import listing

    listing.show(Registered(), console)
    return 0


COMMANDS = {
    "run": _run,
    "plan": _plan,
    "plots": _plots,
    "report": _report,
    "table": _table,
    "compare": _compare,
    "ab": _ab,
    "capacity": _capacity,
    "selftest": _selftest,
    "publish": _publish,
    "readme": _readme,
    "advise": _advise,
    "list": _list,
}
