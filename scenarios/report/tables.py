"""The tables of a report: what stands in each cell, and what it is sorted by. Pure; HTML is the template's job.

The headline is one client that sends its next call when the answer to the last is there: that is what a latency
means. Rows with more clients or with an offered rate are about something else and have a table of their own.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import pandas as pd

from scenarios.common.units import size, three
from scenarios.plan.cells import GROUP
from scenarios.plots import style
from scenarios.report.percentiles import Look
from scenarios.statistics import figures

LANE_WORDS = {
    "native": "text, sent as a user of each would",
    "pickle": "Python objects, pickled by everybody: dataclass, datetime, tuple, nested lists",
    "json": "one document, the same codec for everybody",
    "bytes": "raw bytes, no codec: the transport alone",
}
"""What the lanes mean, the one most people ask about first."""
BASE = "shm"
FLOOR = "noop"
BLANK = "\N{EN DASH}"
"""Stands for a number that does not exist; it sorts last."""


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a table: its text, small print below it, the number it is sorted by, whether it is the best."""

    text: str
    value: float | str = math.nan
    small: str = ""
    best: bool = False

    @property
    def key(self) -> str:
        """What the page sorts by; empty sorts last."""
        return "" if isinstance(self.value, float) and math.isnan(self.value) else str(self.value)


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of a table; its first field is the contender, or what stands in its place."""

    contender: str
    look: Look
    fields: list[Field]
    group: str = ""
    """What the page filters by: a payload size."""


@dataclasses.dataclass(frozen=True)
class Table:
    """Heads with their units, and lines."""

    heads: list[tuple[str, str]]
    lines: list[Line]
    groups: list[str] = dataclasses.field(default_factory=list)


def is_headline(lines: pd.DataFrame) -> pd.Series:
    """Which lines are of one client in a closed loop."""
    return (lines["clients"] == 1) & (lines["load"] == "closed")


def cells_of(cells: pd.DataFrame, scenario: str, lane: str) -> pd.DataFrame:
    """The headline's rows of one scenario and lane."""
    return cells[(cells["scenario"] == scenario) & (cells["lane"] == lane) & is_headline(cells)]


def lane_order(lane: str) -> tuple[int, str]:
    """What sorts lanes as a report names them, unknown ones behind."""
    return (list(LANE_WORDS).index(lane) if lane in LANE_WORDS else len(LANE_WORDS), lane)


def extras(cells: pd.DataFrame) -> pd.DataFrame:
    """Medians over the repeats of what a summary leaves out."""
    columns = [
        *("voluntary_switches_per_call", "involuntary_switches_per_call", "client_rss_mib", "server_rss_mib"),
        *(
            "fairness",
            "slowest_client_p50_us",
            "offered_rps",
            "skipped",
            "lateness_p50_us",
            "lateness_p99_us",
            "mean_us",
        ),
    ]
    grouped = cells.groupby(list(GROUP), sort=False)
    return grouped[[column for column in columns if column in cells]].median().reset_index()


@functools.cache
def enough(repeats: int) -> bool:
    """Whether an interval is given over so many repeats."""
    return figures.interval([float(each) for each in range(repeats)]) is not None


def equally_fast(cells: pd.DataFrame) -> dict[float, list[str]]:
    """By payload size the fastest contender that is IPC, and behind it those that cannot be told apart from it: the
    interval of the ratio of medians, paired within repeats, holds 1. `cells` are of one scenario and lane."""
    found = {}
    for payload, each in cells[cells["server_cpu_us_per_call"].notna()].groupby("payload_bytes"):
        medians = each.pivot_table(index="repeat", columns="contender", values="p50_us")
        order = medians.median().sort_index().sort_values(kind="stable")
        first, *others = map(str, order.index)
        ratios = {name: figures.interval((medians[name] / medians[first]).to_numpy()) for name in others}
        found[float(str(payload))] = [first, *(name for name, ends in ratios.items() if ends and ends[0] <= 1)]
    return found


def latency(lines: pd.DataFrame, fastest: dict[float, list[str]]) -> Table:
    """Median latency by payload size, a line per contender; `fastest` are marked."""
    sizes = sorted(lines["payload_bytes"].unique())
    found = []
    for contender in style.ordered(lines["contender"]):
        own = lines[lines["contender"] == contender].set_index("payload_bytes")
        fields = []
        for each in sizes:
            if each not in own.index:
                fields.append(Field(BLANK))
                continue
            line = own.loc[each]
            best = contender in fastest.get(each, ())
            fields.append(_field(line["p50_us"], interval(line["p50_low"], line["p50_high"]), best))
        found.append(Line(contender, Look.of(contender), fields))
    found.sort(key=lambda line: [(not field.key, field.value) for field in line.fields])
    return Table([(size(each), "µs") for each in sizes], found)


def everything(lines: pd.DataFrame, ratio: pd.DataFrame) -> Table:
    """Every figure of each contender and payload size: tail, cost, memory, start."""
    heads = [
        *(("payload", ""), ("p50", "µs"), ("p99", "µs"), ("calls/s", ""), ("CPU client", "µs/call")),
        *(("CPU server", "µs/call"), ("switches", "per call"), ("RSS client", "MiB"), ("RSS server", "MiB")),
        *(("cold start", "ms"), (f"x {BASE}", "p50"), ("disturbed", "repeats")),
    ]
    found = []
    for _, line in lines.sort_values(["payload_bytes", "p50_us"]).iterrows():
        group = tuple(line[axis] for axis in GROUP)
        against = ratio.loc[group] if group in ratio.index else None
        switches = line.get("voluntary_switches_per_call", math.nan) + line.get(
            "involuntary_switches_per_call", math.nan
        )
        fields = [
            Field(size(line["payload_bytes"]), float(line["payload_bytes"])),
            _field(line["p50_us"], interval(line["p50_low"], line["p50_high"])),
            _p99(line),
            _field(line["calls_per_s"]),
            _field(line["client_cpu_us"]),
            _field(line["server_cpu_us"]),
            _field(switches),
            _field(line.get("client_rss_mib", math.nan)),
            _field(line.get("server_rss_mib", math.nan)),
            _field(line["cold_start_ms"]),
            Field(BLANK)
            if against is None or line["contender"] == FLOOR
            else _field(
                against["ratio"], "" if line["contender"] == BASE else interval(against["low"], against["high"])
            ),
            _disturbed(line),
        ]
        contender = str(line["contender"])
        found.append(Line(contender, Look.of(contender), fields, size(line["payload_bytes"])))
    return Table(heads, found, [size(each) for each in sorted(lines["payload_bytes"].unique())])


def load(lines: pd.DataFrame) -> Table:
    """Many clients, or calls at an offered rate: what got through, how late, how evenly."""
    heads = [
        *(("payload", ""), ("clients", ""), ("load", ""), ("offered", "calls/s"), ("done", "calls/s")),
        *(
            ("skipped", "calls"),
            ("p50", "µs"),
            ("slowest client p50", "µs"),
            ("p99", "µs"),
            ("fairness", "max/min"),
            ("dispatch late p99", "µs"),
        ),
        *(("CPU both", "µs/call"), ("disturbed", "repeats")),
    ]
    lines = lines.sort_values(["payload_bytes", "offered_rps", "load", "clients", "contender"])
    found = []
    for _, line in lines.iterrows():
        fields = [
            Field(size(line["payload_bytes"]), float(line["payload_bytes"])),
            Field(f"{line['clients']:g}", float(line["clients"])),
            Field(str(line["load"]), str(line["load"])),
            _field(line.get("offered_rps", math.nan)),
            _field(line["calls_per_s"]),
            _field(line.get("skipped", math.nan)),
            _field(line["p50_us"], interval(line["p50_low"], line["p50_high"])),
            _field(line.get("slowest_client_p50_us", math.nan)),
            _p99(line),
            _field(line.get("fairness", math.nan)),
            _field(line.get("lateness_p99_us", math.nan)),
            _field(line["cpu_us"]),
            _disturbed(line),
        ]
        contender = str(line["contender"])
        found.append(Line(contender, Look.of(contender), fields))
    return _without_empty(Table(heads, found))


def _without_empty(table: Table) -> Table:
    """The table without the columns that no line has a figure in."""
    kept = [place for place, _ in enumerate(table.heads) if any(line.fields[place].key for line in table.lines)]
    lines = [dataclasses.replace(line, fields=[line.fields[place] for place in kept]) for line in table.lines]
    return dataclasses.replace(table, heads=[table.heads[place] for place in kept], lines=lines)


DETAILS = {
    "payload_bytes": "payload [B]",
    "contender": "contender",
    "repeat": "repeat",
    "order_index": "order",
    "calls": "calls",
    "errors": "errors",
    "skipped": "skipped",
    "offered_rps": "offered [calls/s]",
    "p50_us": "p50 [µs]",
    "p90_us": "p90",
    "p99_us": "p99",
    "p999_us": "p99.9",
    "max_us": "max",
    "mean_us": "mean",
    "client_cpu_us_per_call": "CPU client",
    "server_cpu_us_per_call": "CPU server",
    "voluntary_switches_per_call": "switches, own",
    "involuntary_switches_per_call": "switches, forced",
    "client_rss_mib": "RSS client",
    "server_rss_mib": "RSS server",
    "cold_start_ms": "cold start [ms]",
    "fairness": "fairness",
    "lateness_p50_us": "late p50 [µs]",
    "lateness_p99_us": "late p99 [µs]",
    "noise_flags": "flags",
}
"""Columns of cells.csv in a cell's details."""


def details(cells: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Every cell as it stands in cells.csv, all attempts, one row each: heads and texts. Axes that do not vary and
    columns that are empty are left out."""
    varying = [axis for axis in ("clients", "load", "attempt") if axis in cells and cells[axis].nunique() > 1]
    columns = [*varying, *(column for column in DETAILS if column in cells and (cells[column] != "").any())]
    places = {column: pd.to_numeric(cells[column].replace("", "0")) for column in ("payload_bytes", "repeat")}
    ordered = cells.assign(**places).sort_values(["payload_bytes", "contender", *varying, "repeat"])
    rows = [[_short(value) for value in row] for row in ordered[columns].astype(str).itertuples(index=False)]
    return [DETAILS.get(column, column) for column in columns], rows


def interval(low: float, high: float) -> str:
    """Both ends, without unit; empty for none."""
    return "" if math.isnan(low) else f"{_figure(low)} {BLANK} {_figure(high)}"


def _field(value: float, small: str = "", best: bool = False) -> Field:
    value = float(value)
    return Field(BLANK if math.isnan(value) else _figure(value), value, small, best)


def _p99(line: pd.Series) -> Field:
    """A p99 that only some repeats have is of the faster ones, so it is a least; of half of them it is none."""
    there, repeats = int(line["p99_repeats"]), int(line["repeats"])
    known = figures.of_all(there, repeats)
    if known is None:
        return Field(BLANK, small=f"{there} of {repeats} repeats" if there else "")
    if not known:
        return Field(f"≥ {_figure(line['p99_us'])}", float(line["p99_us"]), f"{there} of {repeats} repeats")
    return _field(line["p99_us"], interval(line["p99_low"], line["p99_high"]))


def _disturbed(line: pd.Series) -> Field:
    """How many of the repeats were, and by what."""
    share = float(line["noisy"] / line["repeats"])
    return Field(f"{line['noisy']} of {line['repeats']}", share, str(line["flags"]).replace(";", ", "))


def _figure(value: float) -> str:
    return "0" if value == 0 else three(value)


def _short(text: str) -> str:
    """A number without the zeros at its end: half of a page's bytes."""
    return text.rstrip("0").rstrip(".") if "." in text and text.replace(".", "").isdigit() else text
