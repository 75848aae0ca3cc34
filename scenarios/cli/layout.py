"""Tables that fit the terminal: where it is too narrow for all columns, further tables below have the rest.

No name and no number is ever cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table


class Line(NamedTuple):
    """One line of a table."""

    fields: Sequence[str]
    style: str | None = None
    ends_section: bool = False


def tables(
    console: Console,
    headings: Sequence[str],
    lines: Sequence[Line],
    *,
    keys: int = 1,
    left: Sequence[str] = ("contender",),
    caption: str = "",
    **look: Any,
) -> list[Table]:
    """As few as fit the console. Each begins with the first `keys` columns, which say what a line is about.

    Columns are aligned to the right but for those in `left`; the last table has the caption, `look` is
    :class:`rich.table.Table`'s.
    """
    parts: list[list[int]] = [[]]
    for column in range(keys, len(headings)):
        if parts[-1] and not _fits(_table(headings, lines, [*range(keys), *parts[-1], column], left, look), console):
            parts.append([])
        parts[-1].append(column)
    made = [_table(headings, lines, [*range(keys), *part], left, look) for part in parts]
    made[-1].caption, made[-1].caption_justify = caption or None, "left"
    return made


def _fits(table: Table, console: Console) -> bool:
    return Measurement.get(console, console.options.update(max_width=10_000), table).maximum <= console.width


def _table(
    headings: Sequence[str], lines: Sequence[Line], columns: Sequence[int], left: Sequence[str], look: dict[str, Any]
) -> Table:
    table = Table(title_justify="left", pad_edge=False, **look)
    for column in columns:
        heading = headings[column]
        table.add_column(heading, justify="left" if heading in left else "right", no_wrap=True)
    for line in lines:
        table.add_row(*(line.fields[column] for column in columns), style=line.style, end_section=line.ends_section)
    return table
