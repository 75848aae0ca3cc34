"""What a report's page computes its answers from, as JSON types: the curves and ratios of
:mod:`scenarios.advice.model`.

``templates/report.js`` is the only reader. Everything is at measured payload sizes; the page interpolates as
:mod:`scenarios.advice.curves` does.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd

from scenarios.advice import model
from scenarios.advice.curves import Curves
from scenarios.report import tables
from scenarios.report.answer import lanes
from scenarios.report.percentiles import Look


def embedded(cells: pd.DataFrame, lines: pd.DataFrame) -> dict[str, Any]:
    """What the page computes answers from: each lane's curves and the paired ratios, as JSON types."""
    return {lane: _lane(Curves(cells, lane), cells, lines) for lane in lanes(cells)}


def _lane(curves: Curves, cells: pd.DataFrame, lines: pd.DataFrame) -> dict[str, Any]:
    lines = lines[(lines["lane"] == curves.lane) & (lines["scenario"] == curves.scenario)]
    contenders = {}
    for name in curves.contenders:
        own = lines[lines["contender"] == name].sort_values("payload_bytes")
        look = Look.of(name)
        contenders[name] = {
            "wait": curves.wait(name),
            "in_process": curves.in_process(name),
            "look": [look.colour, look.dashes],
            "sizes": [int(each) for each in own["payload_bytes"]],
            "noisy": [int(each) for each in own["noisy"]],
            "repeats": [int(each) for each in own["repeats"]],
            "p99_repeats": [int(each) for each in own["p99_repeats"]],
        } | {
            column: [_digits(value) for value in own[column]]
            for column in ("p50_us", "p99_us", "mean_us", "client_cpu_us", "server_cpu_us")
        }
        p50 = [curves.at(name, "p50_us", each) for each in own["payload_bytes"]]
        contenders[name]["p50_low"] = [_digits(each.low if each else None) for each in p50]
        contenders[name]["p50_high"] = [_digits(each.high if each else None) for each in p50]
    return {"contenders": contenders, "ratios": _ratios(curves, cells)}


def _ratios(curves: Curves, cells: pd.DataFrame) -> dict[str, dict[int, list[float]]]:
    """Intervals of the paired ratio of p50 by payload size, for each contender against each that may be recommended.

    Where the ratios of all repeats are on one side of 1, and those of the neighbouring sizes on the same, any interval
    tells the two apart: there the range stands in for the bootstrap, which would take seconds for the pairs of twenty
    contenders.
    """
    own = tables.cells_of(cells, curves.scenario, curves.lane)
    by_size = {
        int(str(payload)): each.pivot_table(index="repeat", columns="contender", values="p50_us")
        for payload, each in own.groupby("payload_bytes")
    }
    found: dict[str, dict[int, list[float]]] = {}
    bases = _eligible(curves, own)
    for name, base in itertools.product(curves.contenders, sorted(bases)):
        if name == base:
            continue
        ratios = {
            payload: (table[name].to_numpy(float) / table[base].to_numpy(float))
            for payload, table in by_size.items()
            if name in table and base in table
        }
        ranges = [(float(np.nanmin(each)), float(np.nanmax(each))) for each in ratios.values()]
        sides = [(low > 1) - (high < 1) for low, high in ranges]
        found[f"{name} {base}"] = {}
        for place, (payload, each) in enumerate(ratios.items()):
            if not tables.enough(int(np.count_nonzero(~np.isnan(each)))):
                continue
            clear = abs(sum(sides[max(place - 1, 0) : place + 2])) == len(sides[max(place - 1, 0) : place + 2])
            ends = ranges[place] if clear else _interval(curves, name, base, payload)
            found[f"{name} {base}"][payload] = [float(f"{end:.5g}") for end in ends]
    return found


def _eligible(curves: Curves, cells: pd.DataFrame) -> set[str]:
    """Whose figures may be those of the recommended contender, for any question.

    Not those of one that another beats at every measured size in median and mean: between the sizes it is beaten then,
    too, whatever the handler takes, and gives no rate that the other cannot. Either may park, and then has the figures
    of its twin: the worse of the one's must beat the better of the other's.
    """
    figures = cells.groupby(["contender", "payload_bytes"])[["p50_us", "mean_us"]].median()
    remote = [name for name in curves.contenders if not curves.in_process(name)]
    sources = {name: [name, *({model.PARKED.format(name)} & set(remote))] for name in remote}

    def beats(one: str, other: str) -> bool:
        ours, theirs = ([figures.loc[source] for source in sources[name]] for name in (one, other))
        if any(not each.index.equals(theirs[0].index) for each in (*ours, *theirs)):
            return False
        return all(bool((our < their).to_numpy().all()) for our in ours for their in theirs)

    unbeaten = [name for name in remote if not any(beats(other, name) for other in remote if other != name)]
    return {source for name in unbeaten for source in sources[name]}


def _interval(curves: Curves, name: str, base: str, payload: int) -> tuple[float, ...]:
    ratio = curves.ratio(name, base, payload)
    return () if ratio is None or ratio.low is None or ratio.high is None else (ratio.low, ratio.high)


def _digits(value: float | None) -> float | None:
    """As many digits as cells.csv has of a small one; None for NaN, which JSON has not."""
    return None if value is None or math.isnan(value) else float(f"{value:.7g}")
