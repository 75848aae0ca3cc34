"""The command line: ``python -m scenarios run quick``, and what goes with it.

Exit codes: 0 done; 1 some cells failed (`run`), something is slower (`compare`), a check failed
(`selftest`); 2 a mistake in what was asked for,
two runs that cannot be compared; 130 interrupted, what is done is kept.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

from rich.console import Console

from contenders.interface import LANES
from scenarios import cells, environment, filters, reading, store
from scenarios.catalogue import Registered
from scenarios.errors import UserError
from scenarios.judging import Floor
from scenarios.options import Parser, at_least_one, count, errors_format, share, shared
from scenarios.reporting import FORMATS, Reporter
from scenarios.scenario import Scenario

RESULTS = environment.PROJECT / "results"
DEFAULT = "quick"
PLAIN_WIDTH = 200
"""Columns of a table that goes into a file or a pipe, where rich would assume 80."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    say = Reporter(errors_format(arguments))
    try:
        asked = _parser().parse_args(arguments)
        console = Console()
        if not console.is_terminal:
            console = Console(width=PLAIN_WIDTH)
        return int(asked.command(asked, console, say))
    except UserError as error:
        say.error(error)
        return error.exit_code
    except BrokenPipeError:  # the reader of our output left, as head does
        sys.stderr.close()
        return 1
    except KeyboardInterrupt:
        say.interrupted("interrupted")
        return 130


def _run(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios import plots, report, runner, table

    catalogue = Registered()
    scenario = _asked_scenario(asked, catalogue)
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
        # The same words again, whatever they were: another results folder is one of them.
        again = command if asked.resume else f"{command} --resume"
        say.interrupted(f"interrupted; {len(run.rows())} cells are in {run.folder}", run, [f"go on with: {again}"])
        return 130
    try:
        if run.rows():
            table.show(run, console)
            plots.draw(run, console)
            report.write(run, console)
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
    from scenarios import runner

    stored = None
    if asked.resume:
        name = None if asked.scenario is None else reading.find(asked.scenario).stem
        stored = Scenario.from_resolved(runner.unfinished(asked.results, name).about()["scenario"])
    if stored and asked.scenario is None:
        scenario = stored
    else:
        scenario = reading.read(reading.find(asked.scenario or DEFAULT), catalogue)
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
    chosen.check([cell.axes for cell in cells.expand(everything)], cells.AXES)
    return dataclasses.replace(scenario, filter=chosen)


def _found(asked: argparse.Namespace) -> store.Run:
    """The run that was asked for, or the part of it that was."""
    run = store.find(asked.results, asked.run)
    chosen = filters.parse(asked.only, asked.skip)
    chosen.check(run.rows(), cells.AXES)
    return store.Part(run.folder, chosen) if chosen else run


def _plan(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios import plan

    scenario = _filtered(reading.read(reading.find(asked.scenario), Registered()), asked)
    plan.show(scenario, cells.expand(scenario), console)
    return 0


def _plots(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios import plots

    plots.draw(_found(asked), console)
    return 0


def _report(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios import report

    report.write(store.find(asked.results, asked.run), console)
    return 0


def _table(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios import table

    table.show(_found(asked), console)
    return 0


def _compare(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios import compare

    runs = [store.find(asked.results, name) for name in (asked.before, asked.after)]
    floor = Floor(asked.floor, asked.floor_us)
    found = compare.compare(runs[0], runs[1], floor, f"{asked.percentile}_us", force=asked.force)
    if asked.json:
        print(found.as_json())
    else:
        compare.show(found, console)
    return found.exit_code


def _capacity(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios import capacity, quantities

    names = [name.strip() for name in asked.contender.split(",")]
    questions = [
        capacity.Question(
            contender=name,
            lane=asked.lane,
            payload_bytes=round(quantities.size_bytes(asked.payload, "--payload")),
            clients=asked.clients,
            p99_us=quantities.time_us(asked.p99, "--p99"),
            seconds=quantities.time_us(asked.seconds, "--seconds") / 1e6,
            constant=asked.constant,
        )
        for name in names
    ]
    run = capacity.search(questions, Registered(), asked.results, console)
    capacity.show(run, console)
    return 0


def _selftest(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios import selftest

    return 0 if selftest.run(asked.results, console) else 1


def _publish(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios import reference

    folder = reference.publish(store.find(asked.results, asked.run), asked.results)
    console.print(f"published as {folder}", highlight=False)
    return 0


def _readme(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios import reference

    reference.write_readme(store.find(asked.results, "reference"), environment.PROJECT / "README.md")
    return 0


def _advise(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    from scenarios import advice_show, quantities
    from scenarios.advice import Question

    question = Question(
        payload_bytes=quantities.size_bytes(asked.payload, "--payload"),
        rate=quantities.rate_per_s(asked.rate, "--rate"),
        handler_us=quantities.time_us(asked.handler, "--handler"),
        lane=asked.lane,
    )
    advice_show.show(store.find(asked.results, asked.run), question, console, as_json=asked.json)
    return 0


def _list(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    catalogue = Registered()
    for name in reading.names():
        scenario = reading.read(reading.find(name), catalogue)
        console.print(f"{name:10} {scenario.description}", highlight=False)
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="python -m scenarios",
        description="Measure ways to call a function in another process of this host.",
        epilog=(__doc__ or "").split("\n\n")[1],
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    name = {"metavar": "SCENARIO", "help": "a name from `list`, or the path of a .toml file"}
    scenario = shared(("scenario", name))
    one_scenario = shared(
        ("scenario", name | {"nargs": "?", "help": f"{name['help']} (default: {DEFAULT}; with --resume: any)"})
    )
    run_help = "a run's folder or id (default: the latest)"
    one_run = shared(("run", {"metavar": "RUN", "nargs": "?", "help": run_help}))
    results = shared(
        ("--results", {"type": Path, "default": RESULTS, "metavar": "DIR", "help": "default: %(default)s"})
    )
    several = {"action": "append", "default": [], "metavar": "AXIS=VALUE[,VALUE]"}
    chosen = shared(
        ("--only", several | {"help": f"cells that have one of these; AXIS is one of {', '.join(cells.AXES)}"}),
        ("--skip", several | {"help": "all but the cells that have one of these; both can be given several times"}),
    )
    errors = shared(
        ("--errors", {"choices": FORMATS, "default": "text", "help": "json: one object per problem and line on stderr"})
    )

    def add(name: str, function: object, text: str, *parents: Parser) -> Parser:
        command = commands.add_parser(
            name, help=text, description=text, parents=[*parents, errors], allow_abbrev=False, epilog=parser.epilog
        )
        command.set_defaults(command=function)
        return command

    text = "measure a scenario, then print its table, draw its plots and write its report"
    run = add("run", _run, text, one_scenario, chosen, results)
    run.add_argument("--resume", action="store_true", help="go on with the newest unfinished run")
    run.add_argument("--reruns", type=count, metavar="N", help="measure a disturbed cell again, at most N times")
    add("plan", _plan, "show the cells of a scenario and the expected time, without measuring", scenario, chosen)
    add("plots", _plots, "draw the plots of a run again", one_run, chosen, results)
    add("report", _report, "write the report.html of a run again", one_run, results)
    add("table", _table, "print the table of a run again", one_run, chosen, results)
    compare = add("compare", _compare, "what is slower, faster or the same in RUN_B than in RUN_A", results)
    compare.add_argument("before", metavar="RUN_A", help="a run's folder or id")
    compare.add_argument("after", metavar="RUN_B", help="a run's folder or id")
    compare.add_argument("--floor", type=share, default=0.05, metavar="5%", help="smaller changes do not matter")
    compare.add_argument("--floor-us", type=share, default=1.0, metavar="1", help="nor do those of fewer µs")
    compare.add_argument("--percentile", choices=("p50", "p90", "p99"), default="p50", help="default: %(default)s")
    compare.add_argument("--json", action="store_true", help="one JSON object on standard output")
    compare.add_argument("--force", action="store_true", help="compare what cannot be compared, and say so")
    text = "search the highest rate whose p99 stays under a limit, in an open loop; about 40 s per contender"
    capacity = add("capacity", _capacity, text, results)
    capacity.add_argument("--contender", default="shm", metavar="NAME[,NAME]", help="default: %(default)s")
    capacity.add_argument("--lane", choices=LANES, default="native", help="default: %(default)s")
    capacity.add_argument("--payload", default="100B", metavar="SIZE", help="100B, 20KB, 2MB; default: %(default)s")
    capacity.add_argument("--p99", default="1ms", metavar="TIME", help="500us, 1ms, 1s; default: %(default)s")
    capacity.add_argument("--clients", type=at_least_one, default=1, metavar="N", help="default: %(default)s")
    capacity.add_argument("--seconds", default="1.5s", metavar="TIME", help="of a trial; default: %(default)s")
    capacity.add_argument("--constant", action="store_true", help="an even pace instead of random moments")
    text = "let the harness measure what it must find: floor, known delay, stopped server, no difference in A/A"
    add("selftest", _selftest, f"{text}; one minute", results)
    add("publish", _publish, "make a finished run the committed results/reference", one_run, results)
    add("readme", _readme, "write the reference run into README.md", results)
    advise = add("advise", _advise, "say which contender fits a payload, a rate and a handler's time", results)
    advise.add_argument(
        "--payload", required=True, metavar="SIZE", help="of a request, the answer as large: 100B, 20KB"
    )
    advise.add_argument("--rate", required=True, metavar="CALLS", help="per second, all clients together: 2000")
    advise.add_argument("--handler", required=True, metavar="TIME", help="what the called function takes: 500us, 2ms")
    advise.add_argument("--lane", default="native", metavar="LANE", help="bytes, json, native (default: %(default)s)")
    advise.add_argument("--run", metavar="RUN", help="a run's folder or id (default: the latest, else the reference)")
    advise.add_argument("--json", action="store_true", help="print the answer as one JSON object")
    add("list", _list, "list the scenarios that come with the project")
    return parser


if __name__ == "__main__":
    sys.exit(main())
