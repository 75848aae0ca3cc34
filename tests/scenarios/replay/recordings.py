"""Recording files, as :mod:`shm_rpc_bridge.record` writes them, of calls that a test makes up."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shm_rpc_bridge.record import Encoded, blocks, rows

SHOP = "tests.scenarios.replay.shop"
UNKNOWN = Encoded(-1, 0, "", -1, None)


@dataclasses.dataclass(frozen=True)
class Made:
    """A call that was recorded."""

    function: str
    """Of the shop, where it names no module."""
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    result: Any = None
    start_us: float = 0.0
    duration_us: float = 100.0
    cpu_us: float | None = None
    raised: str = ""
    mutated: bool | None = None
    request: Encoded | None = None
    """Instead of what pickling the arguments gives; likewise ..."""
    response: Encoded | None = None
    thread: int = 1
    parent: int = 0
    """The place, from 1, of the call in which it was made."""

    @property
    def name(self) -> str:
        return self.function if ":" in self.function else f"{SHOP}:{self.function}"


def pickled(value: Any) -> Encoded:
    """What the recorder keeps of a value."""
    data = pickle.dumps(value, 5)
    return Encoded(-1, 0, "", len(data), data)


def sizes(json_bytes: int, beside_bytes: int = 0) -> Encoded:
    """What it keeps where only sizes were asked for."""
    return Encoded(json_bytes, beside_bytes, "", -1, None)


def write(
    path: Path,
    calls: Sequence[Made],
    *,
    seconds: float = 2.0,
    totals: Mapping[str, tuple[int, float]] | None = None,
    kinds: Mapping[str, str] | None = None,
    asynchronous: Sequence[str] = (),
    refused: Mapping[str, str] | None = None,
    parameters: Mapping[str, Sequence[str]] | None = None,
    objects: Sequence[tuple[str, Mapping[str, Any]]] = (),
    payloads: str = "values",
    cpu_seconds: tuple[float, float] = (0.0, 0.0),
    children: Mapping[str, float] | None = None,
) -> Path:
    """One process's file. By name in the shop: `totals` are calls and seconds (those of `calls` unless given), `kinds`
    other than "function", `refused` functions that have no calls."""
    kinds, refused, parameters = kinds or {}, refused or {}, parameters or {}
    names = list(dict.fromkeys([call.name for call in calls] + [_full(name) for name in refused]))
    functions = [
        {
            "name": name,
            "kind": kinds.get(_short(name), "function"),
            "async": _short(name) in asynchronous,
            "parameters": list(parameters.get(_short(name), ())),
            "refused": refused.get(_short(name), ""),
        }
        for name in names
    ]
    begin = {
        "kind": "begin",
        "run": "ab12",
        "pid": 7,
        "program": "shop.py",
        "python": "3.11.7",
        "started": 1000.0,
        "start_ns": 0,
        "settings": {"payloads": payloads, "sample": 1},
        "functions": functions,
    }
    if objects:
        begin["objects"] = [[_full(name), what] for name, what in objects]
    found = rows.with_blobs([_row(place, names.index(call.name), call) for place, call in enumerate(calls, 1)])
    made = {name: totals[_short(name)] if totals and _short(name) in totals else _sum(calls, name) for name in names}
    told = {
        name: [*each, sum(bool(call.raised) for call in calls if call.name == name), 0, None]
        for name, each in made.items()
    }
    path.write_bytes(
        blocks.MAGIC
        + blocks.encode(begin)
        + blocks.encode({"kind": "calls", "rows": found[0]}, found[1])
        + blocks.encode({"kind": "totals", "seconds": seconds, "totals": told})
        + blocks.encode({"kind": "end", "seconds": seconds, "cpu_seconds": cpu_seconds, "children": children or {}})
    )
    return path


def _full(name: str) -> str:
    return f"{SHOP}:{name}"


def _short(name: str) -> str:
    return name.removeprefix(f"{SHOP}:")


def _sum(calls: Sequence[Made], name: str) -> tuple[int, float]:
    mine = [call for call in calls if call.name == name]
    return len(mine), sum(call.duration_us for call in mine) / 1e6


def _row(number: int, function: int, call: Made) -> tuple[Any, ...]:
    request = call.request or pickled((call.args, dict(call.kwargs)))
    response = None if call.raised else call.response or pickled(call.result)
    cpu_ns = -1 if call.cpu_us is None else round(call.cpu_us * 1000)
    return rows.Row(
        function,
        number,
        call.parent,
        "main",
        call.thread,
        0,
        round(call.start_us * 1000),
        round(call.duration_us * 1000),
        cpu_ns,
        call.raised,
        request,
        response,
        call.mutated,
    )
