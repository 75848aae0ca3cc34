"""The picture of streams: what an item takes, a dot per contender.

Takes lines of :func:`scenarios.statistics.streams.by_items`.
"""

from __future__ import annotations

import pandas as pd

from scenarios.common.units import size
from scenarios.plots import latency
from scenarios.plots.sheet import Sheet

AXES = ["scenario", "lane", "clients", "beside", "placement", "heap", "payload_bytes"]


def sheets(lines: pd.DataFrame) -> dict[str, Sheet]:
    """One per item's size, and per whatever else differs."""
    lines = lines[lines["item_us"].notna()]
    varied = [axis for axis in AXES if axis == "payload_bytes" or lines[axis].nunique() > 1]
    if len(lines) and lines.groupby(AXES)["items"].nunique().max() > 1:
        varied.append("items")
    return {
        "_".join(["streams", *(str(each).replace("/", "-") for each in values)]): _sheet(part)
        for values, part in lines.groupby(varied, sort=True)
    }


def _sheet(lines: pd.DataFrame) -> Sheet:
    first = lines.iloc[0]
    title = f"An item of a stream of {first['items']:,.0f}, {size(first['payload_bytes'])} each (lane {first['lane']})"
    shown = lines.assign(p50_us=lines["item_us"], p50_low=lines["item_low"], p50_high=lines["item_high"])
    sheet = latency.dots(shown, title)
    sheet.note("Of the median stream: its time over the number of its items. direct: the generator itself.")
    return sheet
