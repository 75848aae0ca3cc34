"""The command line: ``python -m scenarios run quick``, and what goes with it.

Exit codes: 0 done, 1 some cells failed, 2 a mistake in what was asked for, 130 interrupted.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from rich.console import Console

from scenarios import environment, reading, store
from scenarios.catalogue import Registered
from scenarios.errors import UserError
from scenarios.scenario import Scenario

RESULTS = environment.PROJECT / "results"
DEFAULT = "quick"
PLAIN_WIDTH = 160
"""Columns of a table that goes into a file or a pipe, where rich would assume 80."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    asked = _parser().parse_args(arguments)
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    try:
        return int(asked.command(asked, console))
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output left, as head does
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


def _run(asked: argparse.Namespace, console: Console) -> int:
    from scenarios import plots, runner, table

    catalogue = Registered()
    if asked.resume and asked.scenario is None:
        unfinished = runner.unfinished(asked.results)
        scenario = Scenario.from_resolved(unfinished.about()["scenario"])
    else:
        scenario = reading.read(reading.find(asked.scenario or DEFAULT), catalogue)
    command = shlex.join(["python", "-m", "scenarios", *sys.argv[1:]])
    if asked.resume:
        run, changed = runner.resume(scenario, catalogue, asked.results, command)
        if changed:
            console.print(f"[yellow]since this run began these have changed: {', '.join(changed)}[/]")
    else:
        run = runner.begin(scenario, catalogue, asked.results, command)
    for line in scenario.left_out:
        console.print(f"left out: {line}", highlight=False)
    try:
        failed = runner.measure(run, scenario, catalogue, console)
    except KeyboardInterrupt:
        done = len(run.rows())
        print(f"\ninterrupted; {done} cells are in {run.folder}", file=sys.stderr)
        # The same words again, whatever they were: another results folder is one of them.
        again = command if asked.resume else f"{command} --resume"
        print(f"go on with: {again}", file=sys.stderr)
        return 130
    if run.rows():
        table.show(run, console)
        plots.draw(run, console)
    for why in run.failures().values():
        axes = " ".join(f"{axis}={value}" for axis, value in why["axes"].items())
        print(f"failed: {axes}: {why['kind']}: {why['reason']}", file=sys.stderr)
    if failed:
        print(f"{failed} cells failed; see {run.folder / 'failures.json'}", file=sys.stderr)
    return 1 if failed else 0


def _plan(asked: argparse.Namespace, console: Console) -> int:
    from scenarios import cells, plan

    scenario = reading.read(reading.find(asked.scenario), Registered())
    plan.show(scenario, cells.expand(scenario), console)
    return 0


def _plots(asked: argparse.Namespace, console: Console) -> int:
    from scenarios import plots

    plots.draw(store.find(asked.results, asked.run), console)
    return 0


def _table(asked: argparse.Namespace, console: Console) -> int:
    from scenarios import table

    table.show(store.find(asked.results, asked.run), console)
    return 0


def _publish(asked: argparse.Namespace, console: Console) -> int:
    from scenarios import reference

    folder = reference.publish(store.find(asked.results, asked.run), asked.results)
    console.print(f"published as {folder}", highlight=False)
    return 0


def _readme(asked: argparse.Namespace, console: Console) -> int:
    from scenarios import reference

    reference.write_readme(store.find(asked.results, "reference"), environment.PROJECT / "README.md")
    return 0


def _list(asked: argparse.Namespace, console: Console) -> int:
    catalogue = Registered()
    for name in reading.names():
        scenario = reading.read(reading.find(name), catalogue)
        console.print(f"{name:10} {scenario.description}", highlight=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scenarios",
        description="Measure ways to call a function in another process of this host.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    scenario = argparse.ArgumentParser(add_help=False)
    scenario.add_argument("scenario", metavar="SCENARIO", help="a name from `list`, or the path of a .toml file")
    one_scenario = argparse.ArgumentParser(add_help=False)
    one_scenario.add_argument(
        "scenario",
        metavar="SCENARIO",
        nargs="?",
        help=f"a name from `list`, or the path of a .toml file (default: {DEFAULT}; with --resume: any)",
    )
    one_run = argparse.ArgumentParser(add_help=False)
    one_run.add_argument("run", metavar="RUN", nargs="?", help="a run's folder or id (default: the latest)")
    results = argparse.ArgumentParser(add_help=False)
    results.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="default: %(default)s")

    def add(name: str, function: object, text: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, parents=parents)
        command.set_defaults(command=function)
        return command

    run = add("run", _run, "measure a scenario, then print its table and draw its plots", one_scenario, results)
    run.add_argument("--resume", action="store_true", help="go on with the newest unfinished run")
    add("plan", _plan, "show the cells of a scenario and the expected time, without measuring", scenario)
    add("plots", _plots, "draw the plots of a run again", one_run, results)
    add("table", _table, "print the table of a run again", one_run, results)
    add("publish", _publish, "make a finished run the committed results/reference", one_run, results)
    add("readme", _readme, "write the reference run into README.md", results)
    add("list", _list, "list the scenarios that come with the project")
    return parser


if __name__ == "__main__":
    sys.exit(main())
