"""What README.md and docs/ say that is written, not typed: each part stands between its marks in one file.

``make readme`` writes them all. Figures are those of the committed run, promises those of the fault contract, names and
sentences of contenders those of the registry.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from contenders import registry
from scenarios.common.errors import RunError
from scenarios.common.units import figure
from scenarios.plan.circumstances import DEFAULTS, NOTHING
from scenarios.plan.load import Load
from scenarios.publish import data, reference, reliability
from scenarios.records import environment
from scenarios.records.store import Run, replace_file
from scenarios.statistics import clients_and_rates, disturbed, figures
from scenarios.statistics.real import by_case
from scenarios.tables import columns, of_cuts, of_replay, of_run
from scenarios.tables.markdown import markdown, of_frame
from scenarios.tables.table import Table

LANE, FASTEST_COMMON, ELSEWHERE = "native", "mp-pipe", "grpc-uds"
PACED = "1,000/s asleep"
"""The case of :mod:`scenarios.statistics.real` that stands for calls with pauses."""
MOST_ASKED = (figures.BASE, "mp-pipe", "zmq-ipc", "grpc-uds")


class Part(NamedTuple):
    """One written part of a document."""

    file: str
    """Relative to the project."""
    name: str
    """In its marks."""
    text: Callable[[Path, Run], str]
    """From the project's folder and the committed run; ends with a line break."""


def write(project: Path, run: Run) -> None:
    """Write every part into its file. Raises :class:`RunError` where marks are missing."""
    for part in PARTS:
        path = project / part.file
        text = replaced(path.read_text(encoding="utf-8"), part, part.text(project, run))
        replace_file(path, text.encode())


def replaced(document: str, part: Part, new: str) -> str:
    """`document` with `new` between the marks of `part`. Raises :class:`RunError` when they are not there."""
    begin, end = f"<!-- {part.name}:begin -->", f"<!-- {part.name}:end -->"
    before, found, rest = document.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise RunError(f"{part.file} has no {begin} and {end}")
    return f"{before}{begin}\n{new}{end}{after}"


def in_short(_: Path, run: Run) -> str:
    """Three sentences: calls back to back, paced calls, and all cores busy."""
    cells = figures.frame(run.rows())
    headline = _headline(cells)
    smallest = headline["payload_bytes"].min()
    back_to_back = headline[headline["payload_bytes"] == smallest].set_index("contender")["p50_us"]
    cases = _of(_real(run))
    slow = cases[cases["case"] == PACED].set_index("contender")
    crowds = _of(clients_and_rates.by_clients(cells))
    crowd = crowds[crowds["clients"] == crowds["clients"].max()].set_index("contender")
    pace = Load.parse(str(slow["load"].iloc[0]))
    cpus = len(run.environment()["cpus_usable"])
    return "\n".join(
        [
            f"- **Calls back to back** take {_beside(back_to_back, 'µs', figure)} at the median; the plain "
            f"function call takes {figure(back_to_back['direct'])} µs.",
            f"- **Paced calls**, {pace.rate:,.0f} a second at random moments: caller and server sleep and have to be "
            f"woken. A call takes {_beside(slow['p50_us'], 'µs', figure)}. Waking them is most "
            "of the price, whatever the transport.",
            f"- **All cores busy**, {crowd['clients'].iloc[0]:.0f} clients on {cpus} CPUs: one server answers "
            f"{_beside(crowd['calls_per_s'], 'calls a second', lambda value: f'{value:,.0f}')}, and with this library "
            f"some clients get {crowd['fairness'][figures.BASE]:.1f} times as many calls as others.",
            "",
            f"100 B of text each way, {environment.in_one_line(run.environment())}.",
            "",
        ]
    )


def real(_: Path, run: Run) -> str:
    """Medians and p99 of calls as programs make them, beside the same calls back to back."""
    lines = _real(run)
    known = [name for name in of_run.SHORT_LIST if name in set(lines["contender"])]
    return f"{of_frame(of_run.real(lines, known))}\n"


def real_in_short(_: Path, run: Run) -> str:
    """The same for four contenders, without what only few programs have: a place of its own."""
    lines = _real(run)
    lines = lines[lines["placement"] == DEFAULTS["placement"]]
    known = [name for name in MOST_ASKED if name in set(lines["contender"])]
    return f"{of_frame(of_run.real(lines, known))}\n"


def in_flight(_: Path, run: Run) -> str:
    """Calls per second of one client by how many calls it has under way; of event loops, how late a ticker runs."""
    lines = clients_and_rates.by_in_flight(figures.frame(run.rows()))
    parts = []
    for scenario, each in lines[lines["lane"] == LANE].groupby("scenario"):
        ticked = bool(each["ticker_p99_us"].notna().any())
        whose = "one event loop" if ticked else "one client"
        name = str(scenario).rpartition("/")[2]
        parts += [f"Calls per second of {whose} (`{name}`):", ""]
        parts += [_along_in_flight(each, columns.ANSWERED), ""]
        if ticked:
            parts += ["How late a task of the same loop runs that wants to run every ms, p99 in µs:", ""]
            parts += [_along_in_flight(each[each["in_flight"] > 1], columns.TICK_P99), ""]
    return "\n".join(parts)


def _along_in_flight(lines: pd.DataFrame, column: columns.Column) -> str:
    return of_frame(of_run.along(lines, "in_flight", lambda count: (f"{count}", "in flight"), column.field))


def slow_calls(_: Path, run: Run) -> str:
    """p50 and p99 of one client's quick calls, by what other clients call."""
    lines = clients_and_rates.beside_slow_calls(figures.frame(run.rows()))
    lines = lines[(lines["lane"] == LANE) & (lines["clients"] == 1)].sort_values(["beside", "p50_us"])
    lines = lines.assign(place=lines["beside"].map(lambda beside: (beside != NOTHING, beside)))
    words = {
        place: columns.BESIDE.field({"beside": place[1]}).text or "nothing beside" for place in set(lines["place"])
    }
    return f"{of_frame(of_run.along(lines, 'place', lambda place: (words[place], 'µs'), of_run.with_p99))}\n"


def _real(run: Run) -> pd.DataFrame:
    lines = by_case(figures.frame(run.rows()))
    return pd.DataFrame(lines[(lines["lane"] == LANE) & (lines["payload_bytes"] == lines["payload_bytes"].min())])


def short_list(_: Path, run: Run) -> str:
    """The best-known contenders for the smallest payload: latency and cost, and how sure its intervals are."""
    cells = figures.headline(figures.frame(run.rows()))
    cells = cells[cells["lane"] == LANE]
    lines = figures.summary(cells[cells["payload_bytes"] == cells["payload_bytes"].min()])
    lines = lines[lines["contender"].isin(of_run.SHORT_LIST)].sort_values("p50_us")
    shown = columns.frame(lines, (columns.CONTENDER, columns.P50, columns.P99, columns.CPU))
    return f"{of_frame(shown, ['p50'])}\n\nIntervals: {figures.sureness(lines['repeats'])}.\n"


def power_of_flags(_: Path, run: Run) -> str:
    """How many of the cells that show a disturbance have a flag of the system."""
    cells = figures.frame(run.rows())
    return f"In the reference run, of {len(cells):,} cells, {disturbed.slow(cells)}.\n"


def contenders(_: Path, __: Run) -> str:
    """Every built-in contender with its sentence."""
    rows = ["| name | what it is | waits by |", "|---|---|---|"]
    for name in registry.BUILT_IN:
        kind = registry.described(name)
        rows.append(f"| `{name}` | {kind.summary} | {WAITS[kind.wait]} |")
    return "\n".join([*rows, ""])


def verdicts(_: Path, run: Run) -> str:
    """Of the example program: what each function is to it, and whether it is worth moving."""
    found = of_replay.read(run.folder / reference.MONOLITH, of_replay.REPLAY)
    return f"{markdown(of_replay.VERDICTS, of_replay.verdicts(found))}\n"


def proof(_: Path, run: Run) -> str:
    """What was predicted of the example program, and what came of it."""
    return _proof(run, of_replay.PROOF)


def fit(_: Path, run: Run) -> str:
    """The same of a function of an installed package."""
    return _proof(run, of_replay.FIT)


def _proof(run: Run, name: str) -> str:
    found = of_replay.read(run.folder / reference.MONOLITH, name)
    return f"{markdown(of_replay.CLAIMS, of_replay.claims(found))}\n\n{of_replay.held(found)}\n"


def cuts(_: Path, run: Run) -> str:
    """Of the example program: where it is best cut."""
    return _cuts(run, of_cuts.cuts)


def groups(_: Path, run: Run) -> str:
    """Of the example program: which modules are cheaper together than apart."""
    return _cuts(run, of_cuts.groups)


def _cuts(run: Run, table: Callable[[of_cuts.Found], Table | None]) -> str:
    made = table(of_replay.read(run.folder / reference.MONOLITH, of_cuts.FILE))
    if made is None:
        raise RunError(f"{run.folder / reference.MONOLITH} has no such line")
    moves = [[", ".join(f"`{name}`" for name in line[0].split(", ")), *line[1:]] for line in made.lines]
    return f"{markdown(made.headings, moves)}\n"


WAITS = {"adaptive": "spinning, then sleeping", "block": "sleeping", "spin": "spinning", "none": "not at all"}


def _headline(cells: pd.DataFrame) -> pd.DataFrame:
    found = figures.headline(cells)
    return figures.summary(found[found["lane"] == LANE])


def _of(lines: pd.DataFrame) -> pd.DataFrame:
    return lines[(lines["lane"] == LANE) & lines["contender"].isin([figures.BASE, FASTEST_COMMON, ELSEWHERE])]


def _beside(values: pd.Series[float], unit: str, shown: Callable[[float], str]) -> str:
    own, common, elsewhere = (shown(float(values[name])) for name in (figures.BASE, FASTEST_COMMON, ELSEWHERE))
    return f"**{own} {unit}** with this library, {common} with a `multiprocessing` pipe, {elsewhere} with gRPC"


PARTS = (
    Part("README.md", "figures", in_short),
    Part("README.md", "real", real_in_short),
    Part("docs/results.md", "real", real),
    Part("docs/results.md", "in-flight", in_flight),
    Part("docs/results.md", "slow-calls", slow_calls),
    Part("docs/results.md", "arrays", lambda project, run: data.arrays(run)),
    Part("docs/results.md", "streams", lambda project, run: data.streams(run)),
    Part("docs/choose.md", "short-list", short_list),
    Part("docs/choose.md", "contenders", contenders),
    Part("docs/benchmark/methods.md", "flags", power_of_flags),
    Part("docs/results.md", "reference", lambda project, run: reference.section(run)),
    Part("docs/benchmark/monolith.md", "verdicts", verdicts),
    Part("docs/benchmark/monolith.md", "proof", proof),
    Part("docs/benchmark/monolith.md", "fit", fit),
    Part("docs/benchmark/monolith.md", "cuts", cuts),
    Part("docs/benchmark/monolith.md", "groups", groups),
    Part("docs/survives.md", "reliability", lambda project, run: reliability.section(project)),
)
