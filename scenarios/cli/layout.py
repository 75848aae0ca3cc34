"""Tables that fit the terminal: where it is too narrow for all columns, further tables below have the rest.

No name and no number is ever cut.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import pandas as pd
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from scenarios.tables import columns

LEFT = ("contender",)
STYLES = {"base": "bold", columns.ASIDE: "dim"}


class Line(NamedTuple):
    """One line of a table."""

    fields: Sequence[str]
    style: str | None = None
    ends_section: bool = False


def of_frame(console: Console, frame: pd.DataFrame, intervals: Collection[str] = (), **look: Any) -> list[Table]:
    """A table of :mod:`scenarios.tables.columns`; those of `intervals` have their small print in a column beside them.

    Lines with the same first field are a section, which names it once.
    """
    shown = columns.texts(frame, intervals)
    rows = list(zip(*shown.values(), strict=True))
    names = [row[0] for row in rows]
    begins = [place == 0 or names[place - 1] != name for place, name in enumerate(names)]
    lines = [
        Line([row[0] if begin else "", *row[1:]], STYLES.get(kind), ends)
        for row, kind, begin, ends in zip(rows, frame.index, begins, [*begins[1:], True], strict=True)
    ]
    keys = sum(heading in {key.heading for key in columns.KEYS} for heading, _ in columns.heads(frame))
    return tables(console, [*map("\n".join, shown)], lines, keys=keys, box=box.SIMPLE_HEAD, **look)


def tables(
    console: Console,
    headings: Sequence[str],
    lines: Sequence[Line],
    *,
    keys: int = 1,
    left: Sequence[str] = LEFT,
    caption: str = "",
    **look: Any,
) -> list[Table]:
    """As few as fit the console. Each begins with the first `keys` columns, which say what a line is about. Where these
    and one more do not fit, fields are folded; none is cut.

    Columns are aligned to the right but for those in `left`; the last table has the caption, `look` is
    :class:`rich.table.Table`'s.
    """
    alone = [_width(_table(headings, lines, [column], left, look), console) for column in range(len(headings))]
    one, two = (_width(_table([""] * number, [], range(number), left, look), console) for number in (1, 2))
    parts: list[list[int]] = [[]]
    widest = 0
    for column in range(keys, len(headings)):
        asked = [*range(keys), *parts[-1], column]
        # Measured once by column: rich parses every field to measure a table, and these would be many of all columns.
        width = sum(alone[each] for each in asked) + (len(asked) - 1) * (two - 2 * one)
        if parts[-1] and width > console.width:
            parts.append([])
            width = sum(alone[each] for each in (*range(keys), column)) + keys * (two - 2 * one)
        parts[-1].append(column)
        widest = max(widest, width)
    folds = widest > console.width
    made = [_table(headings, lines, [*range(keys), *part], left, look, folds=folds) for part in parts]
    made[-1].caption, made[-1].caption_justify = caption or None, "left"
    return made


def _width(table: Table, console: Console) -> int:
    """In characters, with no field cut."""
    return Measurement.get(console, console.options.update(max_width=10_000), table).maximum


def _table(
    headings: Sequence[str],
    lines: Sequence[Line],
    columns: Sequence[int],
    left: Sequence[str],
    look: dict[str, Any],
    *,
    folds: bool = False,
) -> Table:
    table = Table(title_justify="left", pad_edge=False, **look)
    for column in columns:
        heading = headings[column].rstrip()
        table.add_column(heading, justify="left" if heading in left else "right", no_wrap=not folds, overflow="fold")
    for line in lines:
        table.add_row(*(line.fields[column] for column in columns), style=line.style, end_section=line.ends_section)
    return table
