"""What a stream of so many items costs with each contender: of the streams that a run has measured.

An item's cost is that of the median stream over the number of its items, :mod:`scenarios.statistics.streams`. Between
two measured sizes of items it lies where a call's cost would, :func:`scenarios.advice.curves.between`. It hardly
depends on how many there are, once they are many: what a stream costs to begin is spread over them. So a number of
items is answered from :data:`FEWEST` times what was measured on; fewer were not measured.

Pure functions over a table of cells.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pandas as pd

from scenarios.advice.curves import AdviceError, Estimate, between
from scenarios.common.units import size
from scenarios.statistics import streams

FEWEST = 0.5
"""Of the items that were measured: with fewer, what it costs to begin would be more of the cost than it was there."""


@dataclasses.dataclass(frozen=True)
class StreamAdvice:
    """One contender's answer."""

    contender: str
    in_process: bool
    item_us: Estimate
    client_cpu_us: float
    server_cpu_us: float
    """Of an item; NaN in process."""

    @property
    def items_per_s(self) -> float:
        return 1e6 / self.item_us.value


def answer(cells: pd.DataFrame, lane: str, item_bytes: int, items: int) -> list[StreamAdvice]:
    """The contenders that were measured, the quickest first. Raises :class:`AdviceError` where none was."""
    lines = streams.by_items(cells[cells["lane"] == lane]) if "items" in cells else pd.DataFrame()
    if not len(lines):
        raise AdviceError(f"the run has no streams in lane {lane}: python -m scenarios run streams")
    enough = lines[lines["items"] * FEWEST <= items]
    found = [of for _, part in enough.groupby("contender") if (of := _of(part, item_bytes)) is not None]
    if not found:
        measured = sorted({(int(line["items"]), int(line["payload_bytes"])) for line in lines.to_dict("records")})
        known = ", ".join(f"{count:,} of {size(each)}" for count, each in measured)
        raise AdviceError(f"streams of {items:,} items of {size(item_bytes)} were not measured; the run has {known}")
    return sorted(found, key=lambda each: each.item_us.value)


def _of(part: pd.DataFrame, item_bytes: int) -> StreamAdvice | None:
    lines = {int(line["payload_bytes"]): line for line in part.to_dict("records")}
    below = max((each for each in lines if each <= item_bytes), default=None)
    above = min((each for each in lines if each >= item_bytes), default=None)
    if below is None or above is None:
        return None

    def at(column: str, low: str = "", high: str = "") -> Estimate | None:
        ends = [
            Estimate.of(lines[each][column], (lines[each][low], lines[each][high]) if low else None)
            for each in (below, above)
        ]
        return ends[0] if below == above else between((below, above), item_bytes, *ends)

    item = at("item_us", "item_low", "item_high")
    if item is None or math.isnan(item.value):
        return None
    client, server = at("client_cpu_us_per_item"), at("server_cpu_us_per_item")
    name: Any = part["contender"].iloc[0]
    in_process = bool(part["server_cpu_us_per_item"].isna().all())
    return StreamAdvice(str(name), in_process, item, _value(client), math.nan if in_process else _value(server))


def _value(estimate: Estimate | None) -> float:
    return math.nan if estimate is None else estimate.value
