"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import pandas as pd

from scenarios.statistics.figures import BASE
from scenarios.tables.columns import texts


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the first column to the left, the others, figures, to the right."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def of_frame(table: pd.DataFrame, intervals: Collection[str] = ()) -> str:
    """A table of :mod:`scenarios.tables.columns`, of the small print only those `intervals`; :data:`BASE` is bold."""
    shown = texts(table, intervals)
    rows = [[f"**{text}**" if text == BASE else text for text in row] for row in zip(*shown.values(), strict=True)]
    return markdown([", ".join(filter(None, head)) for head in shown], rows)
