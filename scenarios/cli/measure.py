"""The commands that measure: ``run``, ``capacity``, ``ab``, ``replay``, ``selftest``; and ``plan``, which says what."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys

from rich.console import Console

from contenders.registry import ContenderUnavailable, Registered
from scenarios.cli.arguments import DEFAULT, rate_per_s, size_bytes, time_us
from scenarios.cli.problems import Reporter
from scenarios.plan import cells, filters, scenario_files
from scenarios.plan.scenario import Scenario


def run(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Measure a scenario, draw it, report it; 1 where a cell failed."""
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


def plan(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Show what would be measured, and how long it would take."""
    from scenarios.running import estimate

    scenario = _filtered(scenario_files.read(scenario_files.find(asked.scenario), Registered()), asked)
    estimate.show(scenario, cells.expand(scenario), console)
    return 0


def ab(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Whether the library is slower in one checkout than in another."""
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
            beside=asked.beside,
        ),
        blocks=asked.blocks,
        threshold=asked.threshold,
        seed=asked.seed,
    )
    return ab.answer(question, console, as_json=asked.json)


def capacity(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Search the highest rate that is served within a limit."""
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


def replay(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """What it would cost to split somebody's own program; 1 where a contender failed."""
    from scenarios.cli import replay

    options = replay.options(asked, time_us(asked.seconds, "--seconds") / 1e6)
    return replay.answer(options, asked.path, asked.results, console, travel_only=asked.travel, as_json=asked.json)


def selftest(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """Let the harness measure what it must find; 1 where it did not."""
    from scenarios.selftest import checks

    return 0 if checks.run(asked.results, console) else 1


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
