"""What an item of a stream costs: the lines of :func:`scenarios.statistics.figures.summary` about streams.

A call of such a cell is one whole stream, so everything that is said of a call is said of a stream: its median over a
cell's streams, the median and interval of that over repeats. What an item takes is the median stream's time over the
number of its items, and items per second its reciprocal: computed here, and shown by everybody.
"""

from __future__ import annotations

import pandas as pd

from scenarios.statistics import figures


def by_items(cells: pd.DataFrame) -> pd.DataFrame:
    """A line per group of streams. Columns: those of a summary; `item_us`, `item_low`, `item_high`: what an item takes
    and the interval of that; `items_per_s`, `items_per_s_low`, `items_per_s_high`; `client_cpu_us_per_item`,
    `server_cpu_us_per_item`."""
    lines = figures.summary(cells[cells["items"] > 0])
    items = lines["items"].astype(int)
    lines = lines.assign(
        item_us=lines["p50_us"] / items,
        item_low=lines["p50_low"] / items,
        item_high=lines["p50_high"] / items,
        items_per_s=items * 1e6 / lines["p50_us"],
        items_per_s_low=items * 1e6 / lines["p50_high"],
        items_per_s_high=items * 1e6 / lines["p50_low"],
        **{f"{side}_cpu_us_per_item": lines[f"{side}_cpu_us_per_call"] / items for side in ("client", "server")},
    )
    return lines.sort_values(["scenario", "lane", "payload_bytes", "items", "item_us"], ignore_index=True)
