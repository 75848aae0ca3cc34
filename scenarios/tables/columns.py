"""Every column a figure is shown in: heading, unit, number, text and small print."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import pandas as pd

from scenarios.common.units import BLANK, figure, interval, least, pair, size
from scenarios.plan.circumstances import NOTHING
from scenarios.statistics.figures import BASE

Line = Mapping[str, Any]
"""A line of :func:`scenarios.statistics.figures.summary` and what is made of one."""
ASIDE = "aside"
"""The kind of a line that is not to be compared with the others: more was offered than was answered."""


@dataclasses.dataclass(frozen=True)
class Field:
    """One field of a table: its text, what it is sorted by, small print below it, whether it is the best."""

    text: str = BLANK
    value: float | str = math.nan
    small: str = ""
    best: bool = False

    @property
    def key(self) -> str:
        """What it is sorted by, as text; empty for a number that does not exist, which sorts last."""
        return "" if isinstance(self.value, float) and math.isnan(self.value) else str(self.value)


@dataclasses.dataclass(frozen=True)
class Column:
    """One column; it is sorted by `value`, the name of a figure or a function of the line."""

    heading: str
    unit: str
    value: str | Callable[[Line], float | str]
    text: Callable[[Line], str] | None = None
    """Without one, the value as :func:`scenarios.common.units.figure` has it."""
    small: Callable[[Line], str] = lambda line: ""

    def field(self, line: Line) -> Field:
        """The field of a line."""
        value = line[self.value] if isinstance(self.value, str) else self.value(line)
        value = value if isinstance(value, str) else float(value)
        text = self.text(line) if self.text else value if isinstance(value, str) else figure(value)
        return Field(text, value, self.small(line))


def frame(lines: pd.DataFrame, columns: Iterable[Column]) -> pd.DataFrame:
    """A table: a :class:`Field` per line and column, columns named by heading and unit. The index says of what kind a
    line is: of :data:`BASE`, :data:`ASIDE`, or empty. Columns without a figure are left out.
    """
    records: list[dict[str, Any]] = lines.to_dict("records")  # type: ignore[assignment]
    fields = {(each.heading, each.unit): [each.field(line) for line in records] for each in columns}
    kinds = [ASIDE if not line.get("served", True) else kind(line["contender"]) for line in records]
    return pd.DataFrame({head: each for head, each in fields.items() if any(field.key for field in each)}, kinds)


def texts(table: pd.DataFrame, intervals: Collection[str] = ()) -> dict[tuple[str, str], list[str]]:
    """The texts of a table's columns by heading and unit; those headed as in `intervals` have their small print in a
    column beside them."""
    found: dict[tuple[str, str], list[str]] = {}
    for heading, unit in heads(table):
        fields = table[heading, unit]
        found[heading, unit] = [field.text for field in fields]
        if heading in intervals:
            found["interval", f"of {heading}"] = [field.small for field in fields]
    return found


def heads(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Heading and unit of every column."""
    return [(head[0], head[1]) for head in table.columns]


def kind(contender: str) -> str:
    """Of what kind a contender's line is."""
    return "base" if contender == BASE else ""


def _two(heading: str, unit: str, first: str, second: str) -> Column:
    """Two numbers that add up, sorted by their sum; there may be no second."""
    both = Column(heading, unit, lambda line: line[first] + (0 if pd.isna(line[second]) else line[second]))
    return dataclasses.replace(both, text=lambda line: pair(line[first], line[second]))


def _p99(line: Line) -> str:
    """Of how many repeats it is where some have none, else its interval."""
    if line["p99_of_all"]:
        return interval(line["p99_low"], line["p99_high"])
    return f"{line['p99_repeats']} of {line['repeats']} repeats" if line["p99_repeats"] else ""


CONTENDER = Column("contender", "", "contender")
PAYLOAD = Column("payload", "", "payload_bytes", lambda line: size(line["payload_bytes"]))
CLIENTS = Column("clients", "", "clients", lambda line: f"{line['clients']:.0f}")
IN_FLIGHT = Column("in flight", "per client", "in_flight", lambda line: f"{line['in_flight']:.0f}")
ITEMS = Column("items", "per stream", "items", lambda line: f"{line['items']:.0f}")
OFFERED = Column("offered", "calls/s", "rate", lambda line: f"{line['rate']:,.0f}{' even' if line['constant'] else ''}")
CASE = Column("circumstances", "", "case")
BESIDE = Column("beside", "", lambda line: "" if line["beside"] == NOTHING else line["beside"].replace("-", " "))
KEYS = (PAYLOAD, CONTENDER, CLIENTS, IN_FLIGHT, ITEMS, OFFERED, CASE, BESIDE)
"""They say what a line is about."""

P50 = Column("p50", "µs", "p50_us", small=lambda line: interval(line["p50_low"], line["p50_high"]))
AN_ITEM = Column("an item", "µs", "item_us", small=lambda line: interval(line["item_low"], line["item_high"]))
RECEIVED = Column(
    "received",
    "items/s",
    "items_per_s",
    small=lambda line: interval(line["items_per_s_low"], line["items_per_s_high"]),
)
ITEM_CPU = _two("CPU", "µs/item", "client_cpu_us_per_item", "server_cpu_us_per_item")
SLOWEST_CLIENT = Column("slowest client", "p50 µs", "slowest_client_p50_us")
P99 = Column("p99", "µs", "p99_us", lambda line: least(line["p99_us"], line["p99_of_all"]), _p99)
LONGEST = Column("longest", "µs", "longest_us")
RATIO = Column(f"x {BASE}", "p50", "ratio", small=lambda line: interval(line["ratio_low"], line["ratio_high"]))
LATE_P50, LATE_P99 = (Column(f"late {each}", "µs", f"lateness_{each}_us") for each in ("p50", "p99"))
TICK_P50, TICK_P99 = (Column(f"ticker late {each}", "µs", f"ticker_{each}_us") for each in ("p50", "p99"))
ANSWERED = Column("answered", "calls/s", "calls_per_s")
SKIPPED = Column("skipped", "%", lambda line: line["skipped_share"] * 100)
FAIRNESS = Column("fairness", "most/least", "fairness")
CPU = _two("CPU", "µs/call", "client_cpu_us_per_call", "server_cpu_us_per_call")
SWITCHES = _two("switches", "per call", "voluntary_switches_per_call", "involuntary_switches_per_call")
RSS = _two("RSS", "MiB", "client_rss_mib", "server_rss_mib")
FAULTS = _two("page faults", "per call", "client_page_faults_per_call", "server_page_faults_per_call")
COLD = Column("cold start", "ms", "cold_start_ms")
WAITS = Column("waits", "", "wait")
DISTURBED = Column(
    "disturbed",
    "repeats",
    lambda line: line["noisy"] / line["repeats"],
    lambda line: f"{line['noisy']} of {line['repeats']}",
    lambda line: line["flags"].replace(";", ", "),
)
