"""Runs a scenario: every cell once, each on disk as soon as it is done, whatever interrupts it.

What can go wrong with a cell is recorded with that cell (failures.json) and the next one begins. What can go
wrong with the runner leaves a run that :func:`resume` goes on with: finished cells are never measured again.
"""

from __future__ import annotations

import dataclasses
import itertools
import traceback
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from contenders.interface import Contender
from scenarios.common.errors import RunError
from scenarios.common.units import micros
from scenarios.measuring import noise
from scenarios.plan.cells import Cell, expand
from scenarios.plan.load import Load
from scenarios.plan.scenario import Scenario
from scenarios.records import environment, store
from scenarios.records.store import Run
from scenarios.running import reruns, session, stopping
from scenarios.running.combine import Measurement
from scenarios.running.interrupts import terminated_as_interrupted
from scenarios.running.progress import Display
from scenarios.running.yardsticks import UNREAD, Reading, Yardsticks
from scenarios.statistics import caveats

Catalogue = Mapping[str, type[Contender]]


def begin(scenario: Scenario, catalogue: Catalogue, results: Path, command: str = "") -> Run:
    """A new run of `scenario`, nothing measured yet."""
    run = store.create(results, scenario.resolved())
    run.write_json("environment.json", _environment(scenario, catalogue, command))
    return run


def resume(scenario: Scenario, catalogue: Catalogue, results: Path, command: str = "") -> Run:
    """The newest unfinished run of `scenario`.

    Raises :class:`RunError` when there is none, or when the scenario or what matters of the environment has been
    changed since: its rows would not be comparable with those to come.
    """
    run = unfinished(results, scenario.name)
    stored = Scenario.from_resolved(run.about()["scenario"]).resolved()
    if stored != scenario.resolved():
        changed = [key for key, value in scenario.resolved().items() if stored[key] != value]
        raise RunError(
            f"{run.folder} was begun with another definition of {scenario.name} "
            f"(changed: {', '.join(changed)}): start a new run without --resume, or restore the definition"
        )
    now = _environment(scenario, catalogue, command)
    try:
        before = run.environment()
    except RunError:  # killed between the two files of a new run
        before = now
    if differences := environment.differences(before, now):
        raise RunError(
            f"{run.folder} was begun in another environment ({'; '.join(differences)}): "
            "start a new run without --resume, or restore the environment"
        )
    part = {key: now[key] for key in ("taken", "command", "load_average", *environment.CODE)}
    run.write_json("environment.json", before | {"resumed": [*before.get("resumed", []), part]})
    return run


def unfinished(results: Path, name: str | None = None) -> Run:
    """The newest run that can be resumed, of scenario `name` or of any. Raises :class:`RunError`."""
    names = {run: run.about()["scenario"]["name"] for run in store.unfinished(results)}
    ours = [run for run, its_name in names.items() if name in (None, its_name)]
    if ours:
        return ours[-1]
    others = f"; there are some of {', '.join(sorted(set(names.values())))}" if names else ""
    raise RunError(f"there is no unfinished run{f' of {name}' if name else ''} in {results}{others}")


def measure(
    run: Run, scenario: Scenario, catalogue: Catalogue, console: Console, yardsticks: Yardsticks | None = None
) -> int:
    """Measure what is not measured yet, then fill in what needs all repeats. Returns the number of failed
    cells. `yardsticks` are the run's own unless given.

    Repeat by repeat, and after each the most disturbed of its cells once more: :mod:`scenarios.running.reruns`. Cells
    that need no further repeat have none: :mod:`scenarios.running.stopping`.
    Ctrl-C and SIGTERM end the running cell's processes and raise :class:`KeyboardInterrupt`; the run can be
    resumed. Cells that failed in an earlier part of the run are tried again.
    """
    cells = expand(scenario)
    with run.locked(), terminated_as_interrupted(), yardsticks or Yardsticks() as of_machine:
        run.prepare_cells()
        done = run.finished_keys()
        failures = {key: why for key, why in run.failures().items() if key not in done}
        todo = [cell for cell in cells if cell.key not in done]
        with Display(console, todo, len(done)) as display:

            def attempt(cell: Cell) -> None:
                display.begin(cell)
                failure = _measure_cell(run, cell, scenario, catalogue, display, of_machine.of_block())
                if failure is not None:
                    failures[cell.key] = failure
                    run.write_json("failures.json", failures)
                elif failures.pop(cell.key, None):
                    run.write_json("failures.json", failures)

            for _, of_repeat in itertools.groupby(cells, lambda cell: cell.axes["repeat"]):
                whole = list(of_repeat)
                block = stopping.unanswered(whole, run.rows(), scenario.precision)
                display.leave_out(cell for cell in whole if cell not in block)
                for cell in block:
                    if cell.key not in done:
                        attempt(cell)
                while block and (again := reruns.following(block, run.rows(), failures, scenario.reruns)):
                    display.add(again)
                    attempt(again)
        finish(run)
    if said := reruns.outcome(run.rows()):
        console.print(said, highlight=False)
    return len(failures)


def finish(run: Run) -> None:
    """Write what needs all repeats: warnings.json."""
    caveats.write(run)
    run.set_state(store.FINISHED)


def _measure_cell(
    run: Run, cell: Cell, scenario: Scenario, catalogue: Catalogue, display: Display, machine: Reading
) -> dict[str, object] | None:
    """Measure and store one cell; None, or what failures.json is to say."""
    contender = catalogue[cell.contender]
    try:
        found = session.run_cell(cell, contender, scenario.seed, scenario.time_limit_s)
    except Exception as error:  # a failed cell is recorded as failed, whatever the reason, and stops no other
        kind = error.kind if isinstance(error, session.CellFailed) else type(error).__name__
        trace = getattr(error, "trace", "") or traceback.format_exc()
        display.end(cell, f"{kind}: {str(error).strip().splitlines()[-1] if str(error) else ''}", failed=True)
        return {
            "axes": dict(cell.axes),
            "method": cell.method,
            "kind": kind,
            "reason": str(error),
            "trace": trace,
        }
    row = to_row(run.id, cell, contender.wait, found, machine)
    run.append(cell.key, row, found.latency_ns, found.samples())
    display.end(cell, f"p50 {micros(float(row['p50_us']))}" if row["p50_us"] else f"{row['calls']} calls")
    return None


def to_row(run_id: str, cell: Cell, wait: str, found: Measurement, machine: Reading = UNREAD) -> store.Row:
    """A measured cell as a row of cells.csv; `machine` is the reading of its block."""
    calls, made = found.latency_ns.size, found.made
    server = found.server
    both = found.client + server if server else found.client
    row: dict[str, object] = {
        "run_id": run_id,
        "schema_version": store.SCHEMA_VERSION,
        **cell.axes,
        "offered_rps": Load.parse(cell.load).rate,  # a closed loop offers nothing
        "wait": wait,
        "order_index": cell.order_index,
        "calls": calls,
        "errors": 0,  # an error fails the cell
        "skipped": found.skipped,
        "verified": calls,
        **found.percentiles(),
        "client_cpu_us_per_call": found.client.cpu_ns / 1000 / made,
        "server_cpu_us_per_call": server.cpu_ns / 1000 / made if server else None,
        "wall_us_per_call": found.wall_ns / 1000 / made,
        "voluntary_switches_per_call": both.voluntary / made,
        "involuntary_switches_per_call": both.involuntary / made,
        "client_rss_mib": found.client.rss_mib / cell.clients,
        "server_rss_mib": server.rss_mib if server else None,
        "cold_start_ms": found.cold_start_ms,
        "noise_flags": ";".join(found.noise_flags),
        "attempt": cell.axes.get("attempt", 0),
        "fairness": found.fairness(),
        **dict(zip(store.OF_CLIENTS, found.client_p50_us() or (None, None), strict=True)),
        "lateness_p50_us": found.lateness_us(0.5),
        "lateness_p99_us": found.lateness_us(0.99),
        "ticker_p50_us": found.ticker_us(0.5),
        "ticker_p99_us": found.ticker_us(0.99),
        "arrival_distance": found.arrivals.distance,
        "arrival_autocorrelation": found.arrivals.autocorrelation,
    }
    for side, used in (("client", found.client), ("server", found.server)):
        row[f"{side}_page_faults_per_call"] = used.faults / made if used else None
        row[f"{side}_migrations"] = used.migrations if used else None
        row[f"{side}_on_cpu"] = used.on_cpu if used and not used.migrations else None
    row |= dict.fromkeys(noise.FIGURES) | dict(found.noise)
    row |= {f"yardstick_{name}": value for name, value in dataclasses.asdict(machine).items()}
    return {column: _field(row[column]) for column in store.COLUMNS}


def _field(value: object) -> str:
    """A thousandth of a µs is a ns: more digits would be noise."""
    if value is None:
        return ""
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _environment(scenario: Scenario, catalogue: Catalogue, command: str) -> dict[str, object]:
    # A lane may be in several blocks, with other contenders in each.
    pairs = {(lane, name) for block in scenario.blocks for lane, names in block.contenders.items() for name in names}
    instances = [catalogue[name](lane) for lane, name in sorted(pairs)]
    return environment.describe(instances, scenario.seed, command)
