"""The committed run of arrays and streams as Markdown, for a page in ``docs``."""

from __future__ import annotations

from scenarios.records import environment
from scenarios.records.store import DATA, Run
from scenarios.statistics import figures
from scenarios.statistics import streams as of_streams
from scenarios.tables import columns, of_run
from scenarios.tables.markdown import of_frame

LANE = "arrays"
METHODS = {
    "first": "The server looks at one item: what handing an array over costs",
    "total": "The server reads all of it: the array's sum",
    "echo": "There and back",
}
"""By the names of the run's blocks, in this order."""
STREAM = (columns.CONTENDER, columns.RECEIVED, columns.AN_ITEM, columns.ITEM_CPU)


def arrays(run: Run) -> str:
    """What a call with an array takes, by its size: a table per method."""
    data = Run(run.folder / DATA)
    lines = figures.summary(figures.headline(figures.frame(data.rows())))
    parts = []
    for block, title in METHODS.items():
        each = lines[(lines["scenario"] == f"{DATA}/{block}") & (lines["lane"] == LANE)]
        parts += [f"**{title}**", "", of_frame(of_run.by_payload(each)), ""]
    return "\n".join([*parts, _made(data)])


def streams(run: Run) -> str:
    """What an item of a stream takes: a table per size of the items."""
    data = Run(run.folder / DATA)
    parts = []
    for _, each in of_streams.by_items(figures.frame(data.rows())).groupby("payload_bytes"):
        line = dict(each.iloc[0])
        title = f"{columns.ITEMS.field(line).text} items of {columns.PAYLOAD.field(line).text}"
        parts += [f"**{title}**", "", of_frame(columns.frame(each, STREAM)), ""]
    return "\n".join([*parts, _made(data)])


def _made(run: Run) -> str:
    about = run.environment()
    where = f"Measured on {environment.in_one_line(about)}, by `{about['command']}`"
    return f"{where}; all but the single latencies is in `results/reference/data`.\n"
