"""A table of texts, for whatever shows one: the terminal, a page, the documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """`keys`: the first so many columns say what a line is about. `left`: those that are not numbers."""

    title: str
    headings: Sequence[str]
    lines: Sequence[Sequence[str]]
    keys: int = 1
    left: Sequence[str] = ()
    sections: Sequence[int] = ()
    """Lines behind which another section begins."""
