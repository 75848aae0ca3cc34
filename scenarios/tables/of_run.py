"""Which tables a run has: latency by payload, every figure of one client, several clients, several calls in flight,
quick calls beside slow ones, offered rates, streams, circumstances."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pandas as pd

from scenarios.common.units import figure, size
from scenarios.plan.cells import GROUP
from scenarios.statistics import clients_and_rates, figures, streams
from scenarios.statistics.figures import BASE, FLOOR
from scenarios.statistics.real import by_case
from scenarios.tables import columns
from scenarios.tables.columns import Field, frame

LANE_WORDS = {
    "native": "text, sent as a user of each would",
    "pickle": "Python objects, pickled by everybody: dataclass, datetime, tuple, nested lists",
    "json": "one document, the same codec for everybody",
    "bytes": "raw bytes, no codec: the transport alone",
    "arrays": "a NumPy array of float32, sent as a user of each would",
}
"""What the lanes mean, the one most people ask about first."""
SHORT_LIST = ("direct", BASE, "shm-block", "mp-pipe", "zmq-ipc", "asyncio-uds", "http-uds", "grpc-uds")
"""The contenders that most ask about first."""
OF_ONE = [
    *(columns.PAYLOAD, columns.CONTENDER, columns.P50, columns.P99, columns.LONGEST, columns.RATIO, columns.WAITS),
    *(columns.ANSWERED, columns.CPU, columns.SWITCHES, columns.RSS, columns.COLD, columns.DISTURBED),
]
OF_CLIENTS = [
    *(columns.CONTENDER, columns.CLIENTS, columns.ANSWERED, columns.P50, columns.SLOWEST_CLIENT, columns.P99),
    *(columns.LONGEST, columns.FAIRNESS, columns.CPU, columns.SWITCHES, columns.DISTURBED),
]
OF_IN_FLIGHT = [
    *(columns.CONTENDER, columns.CLIENTS, columns.IN_FLIGHT, columns.ANSWERED, columns.P50, columns.P99),
    *(columns.LONGEST, columns.TICK_P50, columns.TICK_P99, columns.CPU, columns.SWITCHES, columns.DISTURBED),
]
OF_SLOW_CALLS = [
    *(columns.CONTENDER, columns.BESIDE, columns.CLIENTS, columns.P50, columns.P99, columns.LONGEST),
    *(columns.ANSWERED, columns.FAIRNESS, columns.DISTURBED),
]
OF_RATES = [
    *(columns.CONTENDER, columns.CLIENTS, columns.OFFERED, columns.ANSWERED, columns.SKIPPED, columns.P50),
    *(columns.P99, columns.LONGEST, columns.LATE_P50, columns.LATE_P99, columns.CPU, columns.SWITCHES),
    columns.DISTURBED,
]

OF_STREAMS = [
    *(columns.CONTENDER, columns.BESIDE, columns.CLIENTS, columns.ITEMS, columns.RECEIVED, columns.AN_ITEM),
    *(columns.LONGEST, columns.ITEM_CPU, columns.DISTURBED),
]
OF_CASES = [
    *(columns.CASE, columns.CONTENDER, columns.P50, columns.P99, columns.LONGEST, columns.ANSWERED, columns.CPU),
    *(columns.SWITCHES, columns.FAULTS, columns.DISTURBED),
]

CLIENTS_CAPTION = (
    "p50: of all calls, so mostly of the clients that make the most; fairness: most calls of a client over fewest; "
    "CPU: clients + server"
)
IN_FLIGHT_CAPTION = (
    "a client sends so many calls before it takes the answer to the oldest, and another when it has it; latency from "
    "sending a call to having taken its answer, in turn; CPU: client + server; ticker: a task of the same event loop "
    "that wants to run every ms, and how late it does"
)
SLOW_CALLS_CAPTION = (
    "of the quick calls alone; beside them so many other clients of the same server call a method that takes 10 ms, "
    "asleep or computing, one call after the other"
)
PINNED = (
    "on one CPU: both sides pinned to it, so nobody is woken on another one, which is much of what a short call takes, "
    "and nothing else of either runs meanwhile: quicker for small calls one after the other, and for nothing else"
)
"""What to know of such figures, wherever they stand."""
CASES_CAPTION = (
    "asleep: the caller sleeps until it calls, and its call begins when it has woken; awake: it computes until then; "
    f"{PINNED}; pale: more was offered than was answered; the benchmarking guide says how each is made"
)
STREAMS_CAPTION = (
    "the server produces the items of a stream one after the other, and the client consumes them all: of the median "
    "stream, from asking for it to having its last item; CPU: client + server"
)
RATES_CAPTION = (
    "offered: on average, by chance a little more or less; latency from the intended send, skipped calls taken for "
    "slower than any, ∞ where they decide; late: how late the dispatcher sent calls though the caller was free; pale: "
    "more was offered than was answered"
)


class Table(NamedTuple):
    """A frame of :mod:`scenarios.tables.columns` with what stands above and below it."""

    title: str
    frame: pd.DataFrame
    caption: str


def lanes(lines: pd.DataFrame) -> list[tuple[str, str, pd.DataFrame]]:
    """Scenario, lane and lines, lanes in the order of :data:`LANE_WORDS`, unknown ones behind."""
    order = {lane: place for place, lane in enumerate(LANE_WORDS)}
    groups = [(str(scenario), str(lane), each) for (scenario, lane), each in lines.groupby(["scenario", "lane"])]
    return sorted(groups, key=lambda group: (group[0], order.get(group[1], len(order)), group[1]))


def of_one(lines: pd.DataFrame, ratios: pd.DataFrame) -> pd.DataFrame:
    """Every figure of each payload size and contender, the fastest first, and its `ratios` to :data:`BASE`."""
    known = ratios[ratios["contender"] != FLOOR].astype(lines[list(GROUP)].dtypes.to_dict())
    ends = {f"ratio_{end}": known[end].where(known["contender"] != BASE) for end in ("low", "high")}
    lines = lines.merge(known.drop(columns=["low", "high"]).assign(**ends), "left", list(GROUP))
    return frame(lines.sort_values(["payload_bytes", "p50_us"]), OF_ONE)


def by_payload(lines: pd.DataFrame) -> pd.DataFrame:
    """Median latency of one lane, a line per contender, the fastest first, and a column per payload size. The best are
    those that are IPC and tied for the lowest median of a size.
    """
    found: dict[float, dict[str, Field]] = {}
    for at, each in lines.groupby("payload_bytes"):
        remote = each[each["server_cpu_us_per_call"].notna()]
        best = figures.tied(dict(zip(remote["contender"], remote["p50_us"], strict=True)))
        fields = {str(line["contender"]): columns.P50.field(dict(line)) for _, line in each.iterrows()}
        found[float(str(at))] = {name: dataclasses.replace(of, best=name in best) for name, of in fields.items()}
    rows = {name: [each.get(name, Field()) for each in found.values()] for name in lines["contender"].unique()}
    names = sorted(rows, key=lambda name: [(not field.key, field.value) for field in rows[name]] + [(True, name)])
    contenders = pd.DataFrame({("contender", ""): [Field(name, name) for name in names]})
    medians = pd.DataFrame([rows[name] for name in names], columns=[(size(at), "µs") for at in found])
    return pd.concat([contenders, medians], axis=1).set_axis([columns.kind(name) for name in names])


def real(
    lines: pd.DataFrame, contenders: Sequence[str], shown: Callable[[columns.Line], Field] | None = None
) -> pd.DataFrame:
    """Of lines of :func:`scenarios.statistics.real.by_case` of one lane and payload: a line per case, a column per
    contender: "median / p99", or what else is `shown`."""
    shown = shown or with_p99
    found = {str(case): each.set_index("contender") for case, each in lines.groupby("case", sort=False)}
    fields = {("the calls", ""): [Field(case, case) for case in found]}
    for name in contenders:
        known = [dict(each.loc[name]) if name in each.index else None for each in found.values()]
        fields[name, ""] = [shown(line) if line else Field() for line in known]
    return pd.DataFrame(fields)


def along(
    lines: pd.DataFrame, axis: str, head: Callable[[Any], tuple[str, str]], shown: Callable[[columns.Line], Field]
) -> pd.DataFrame:
    """A line per contender and a column per value of an axis, headed by heading and unit."""
    names = list(lines["contender"].unique())
    fields = {("contender", ""): [Field(name, name) for name in names]}
    for value, each in lines.groupby(axis, sort=True):
        known = {str(line["contender"]): shown(dict(line)) for _, line in each.iterrows()}
        fields[head(value)] = [known.get(name, Field()) for name in names]
    return pd.DataFrame(fields, [columns.kind(name) for name in names])


def with_p99(line: columns.Line) -> Field:
    """ "median / p99", or that more was offered than was answered, and how much was."""
    p50, p99 = (column.field(line) for column in (columns.P50, columns.P99))
    if not line.get("served", True):
        return Field(f"overloaded, {figure(line['calls_per_s'])}/s", p50.value)
    return dataclasses.replace(p50, text=f"{p50.text} / {p99.text}" if p99.key else p50.text)


def _cases(cells: pd.DataFrame) -> pd.DataFrame:
    """In one table, whatever the blocks of the run are called."""
    lines = by_case(cells)
    return lines.assign(scenario=lines["scenario"].iloc[-1].partition("/")[0] if len(lines) else "")


def of_load(cells: pd.DataFrame) -> list[Table]:
    """Of closed loops of several clients, of several calls in flight and of quick calls beside slow ones, of calls at
    an offered rate, of streams, and of calls as programs make them, those a run has the data for."""
    found = []
    for kind, of_kind, shown, caption in (
        ("several clients, closed loop", clients_and_rates.by_clients(cells), OF_CLIENTS, CLIENTS_CAPTION),
        ("several calls in flight", clients_and_rates.by_in_flight(cells), OF_IN_FLIGHT, IN_FLIGHT_CAPTION),
        ("quick calls beside slow ones", clients_and_rates.beside_slow_calls(cells), OF_SLOW_CALLS, SLOW_CALLS_CAPTION),
        ("open loop", clients_and_rates.by_rate(cells), OF_RATES, RATES_CAPTION),
        ("streams", streams.by_items(cells), OF_STREAMS, STREAMS_CAPTION),
        ("calls as programs make them", _cases(cells), OF_CASES, CASES_CAPTION),
    ):
        for scenario, lane, lines in lanes(of_kind):
            for at, each in lines.groupby("payload_bytes"):
                told = [column for column in shown if column is not columns.CLIENTS or each["clients"].nunique() > 1]
                title = f"{scenario}, lane {lane}, {size(float(str(at)))}: {kind}"
                found.append(Table(title, frame(each, told), caption))
    return found
