"""Calls as programs make them, beside the same calls under ideal circumstances: lines of a summary and their words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from scenarios.plan.circumstances import (
    APART,
    CLIENT_THREAD,
    HEAPS,
    PLACEMENTS,
    SERVER_THREAD,
    TOGETHER,
    WORN,
    Circumstances,
    of,
)
from scenarios.plan.load import CLOSED, Load
from scenarios.statistics import clients_and_rates, figures

IDEAL = "back to back"
"""The case that the others are set beside: nothing else, free, fresh."""
_BESIDE = {CLIENT_THREAD: "computing thread in client", SERVER_THREAD: "computing thread in server"}
_PLACES = {TOGETHER: "on one CPU", APART: "on two CPUs"}


def by_case(cells: pd.DataFrame) -> pd.DataFrame:
    """One client's lines in the scenarios that have other circumstances than ideal ones, or callers that sleep, and
    beside them the lines of the same lane and payload that are ideal.

    Columns: those of a summary; `case`, in words; `place`, by which cases are ordered, the ideal one first; `served`:
    whether the calls that were offered were answered, see :mod:`scenarios.statistics.clients_and_rates`.
    """
    one = cells[(cells["clients"] == 1) & (cells["items"] == 0)]
    lines = figures.summary(one[one["scenario"].isin(figures.of_circumstances(one))])
    ideal = figures.summary(figures.headline(cells))
    asked = set(zip(lines["lane"], lines["payload_bytes"], lines["contender"], strict=True))
    known = [key in asked for key in zip(ideal["lane"], ideal["payload_bytes"], ideal["contender"], strict=True)]
    lines = pd.concat([ideal[known], lines], ignore_index=True)
    records = lines.to_dict("records")
    places = {place: number for number, place in enumerate(sorted({*map(_place, records)}))}
    lines = lines.assign(case=[*map(case, records)], place=[places[_place(each)] for each in records])
    lines = lines.assign(served=clients_and_rates.served(lines))
    lines = lines.drop_duplicates(["lane", "payload_bytes", "contender", "case"])
    return lines.sort_values(["lane", "payload_bytes", "place", "p50_us"])


def case(row: Mapping[Any, Any]) -> str:
    """A row's load and circumstances in words."""
    around = of(row)
    parts = [_rhythm(str(row["load"])), _beside(around), _PLACES.get(around.placement, "")]
    parts += ["worn heap"] if around.heap == WORN else []
    parts += [f"{around.in_flight} in flight"] if around.in_flight > 1 else []
    return ", ".join(filter(None, parts))


def _place(row: Mapping[Any, Any]) -> tuple[Any, ...]:
    """By which cases are ordered: what is ideal first, sleepers before the wakeful, quicker rhythms before slower."""
    around, load = of(row), Load.parse(str(row["load"]))
    beside = around.beside in _BESIDE, around.quota is not None, around.burners, around.beside
    return (
        PLACEMENTS.index(around.placement),
        HEAPS.index(around.heap),
        beside,
        around.in_flight,
        load.is_open,
        not load.asleep,
        -(load.rate or 0),
    )


def _rhythm(load: str) -> str:
    if load == CLOSED:
        return IDEAL
    parsed = Load.parse(load)
    even = " evenly" if parsed.constant else ""
    return f"{parsed.rate:,.0f}/s{even} {'asleep' if parsed.asleep else 'awake'}"


def _beside(around: Circumstances) -> str:
    if around.burners:
        return f"{around.burners} computing process{'es' * (around.burners > 1)} beside"
    if around.quota is not None:
        return f"quota of {around.quota:g} CPU{'s' * (around.quota > 1)}"
    if around.slow_callers:
        slow = "asleep" if around.slow_method == "sleep" else "computing"
        return f"{around.slow_callers} other client{'s' * (around.slow_callers > 1)} with calls of 10 ms, {slow}"
    return _BESIDE.get(around.beside, "")
