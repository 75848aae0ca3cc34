"""Where to cut a program, in tables: from ``cuts.json``, the same in the terminal, the page and the documents."""

from __future__ import annotations

from typing import Any

from scenarios.common.units import BLANK, figure, seconds, size
from scenarios.tables.table import Table

FILE = "cuts.json"
STAYING = "would have to stay"
BORDERS = ("moves", "CPU that leaves", "calls in", "calls back", "crosses", STAYING)
MOST_NAMED = 1
"""Functions in a line, of those that would have to stay; all of them have a table."""

Found = dict[str, Any]


def cuts(found: Found) -> Table | None:
    """The best, or those that were asked for; None where there is none."""
    return _borders("The groups that were asked for" if found["asked_for"] else "The best cuts", found, found["cuts"])


def groups(found: Found) -> Table | None:
    """What is cheaper together than apart, and what it costs with the first contender apart; None where nothing is."""
    return _borders("Groups that are cheaper together than apart", found, found["groups"], is_of_groups=True)


def modules(found: Found) -> Table | None:
    """Each by itself."""
    return _borders("Each module by itself", found, found["modules"])


def stays(found: Found) -> Table | None:
    """Functions that cannot simply be called from another process; None where all of them can."""
    lines = [
        [name, ", ".join(each["called_from"]), f"{each['calls']:,}", each["why"]]
        for name, each in found["stays"].items()
    ]
    title = "What would have to stay with its callers, and why"
    return (
        Table(title, ("function", "called from", "calls", "why"), lines, left=("function", "called from", "why"))
        if lines
        else None
    )


def _borders(title: str, found: Found, borders: list[Found], *, is_of_groups: bool = False) -> Table | None:
    contenders = found["contenders"]
    apart = [f"{contenders[0]}, apart"] if is_of_groups else []
    headings = [*BORDERS, *(f"{name} costs" for name in contenders), *apart]
    lines = [_border(found, each, contenders, contenders[:1] if is_of_groups else []) for each in borders]
    return Table(title, headings, lines, left=("moves", STAYING)) if lines else None


def _border(found: Found, border: Found, contenders: list[str], apart: list[str]) -> list[str]:
    def cost(value: float | None) -> str:
        return BLANK if value is None else f"{seconds(value)}, {percent(value, found['seconds'])}"

    return [
        ", ".join(border["modules"]),
        f"{seconds(border['moved_cpu_seconds'])}, {percent(border['moved_cpu_seconds'], found['cpu_seconds'])}",
        f"{border['calls']:,}",
        f"{border['calls_back']:,}",
        size(border["bytes"]),
        named(list(border["stays"]), MOST_NAMED) or BLANK,
        *(cost(border["cost_seconds"][name]) for name in contenders),
        *(cost(border["apart_seconds"][name]) for name in apart),
    ]


def percent(part: float, whole: float) -> str:
    """Two or three digits of it."""
    return f"{figure(100 * part / whole)}%" if whole else BLANK


def named(names: list[str], most: int) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
