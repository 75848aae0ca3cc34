"""Which disturbed cells are measured again, and how many: decided by noise flags, never by a latency.

Once a repeat's cells are done, the most disturbed are measured again, within the same repeat, so that ratios stay
paired with near moments. What has been measured again once comes after what has not. All of it follows from the
rows on disk: an interrupted run goes on with the same choice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

from scenarios.measuring.noise import OWN_DOING
from scenarios.plan.cells import AXES, Cell, most_reruns
from scenarios.records.store import Row
from scenarios.statistics.disturbed import disturbance
from scenarios.statistics.figures import chosen


def following(block: Sequence[Cell], rows: Iterable[Row], failed: Collection[str], reruns: int) -> Cell | None:
    """The cell of one repeat to measure again next; None when none is left or the repeat's share is used up.

    `failed` holds the keys of attempts that gave no number: an attempt is made once.
    """
    mine = {_place(cell.axes): cell for cell in block}
    rows = [row for row in rows if _place(row) in mine]
    attempts = dict.fromkeys(mine, 0)
    for row in rows:
        place = _place(row)
        attempts[place] = max(attempts[place], int(row["attempt"] or 0))
    used = sum(bool(int(row["attempt"] or 0)) for row in rows)
    for place, cell in mine.items():
        while _again(cell, attempts[place] + 1, 0).key in failed:
            attempts[place] += 1
            used += 1
    if used >= most_reruns(len(block), reruns):
        return None
    candidates = []
    for row in chosen(rows):
        place = _place(row)
        if disturbance(row) and attempts[place] < reruns:
            # First what came from outside: some contenders crowd two CPUs by themselves, again each time.
            own_doing = not set(row["noise_flags"].split(";")) - OWN_DOING
            candidates.append((attempts[place], own_doing, -disturbance(row), mine[place].order_index, place))
    if not candidates:
        return None
    attempt, *_, place = min(candidates)
    # The places in time behind the repeat's own cells were left free for this.
    return _again(mine[place], attempt + 1, block[-1].order_index + 1 + used)


def outcome(rows: Sequence[Row]) -> str:
    """What measuring again came to, in a sentence; empty when nothing was disturbed."""
    again = {_place(row) for row in rows if int(row["attempt"] or 0)}
    counted = chosen(rows)
    disturbed = [row for row in counted if disturbance(row)]
    quiet = sum(not disturbance(row) for row in counted if _place(row) in again)
    if not again:
        return f"{len(disturbed)} of {len(counted)} cells were disturbed" if disturbed else ""
    return (
        f"{len(again)} disturbed cells were measured again, {quiet} of them undisturbed; "
        f"{len(disturbed)} of {len(counted)} cells remain disturbed"
    )


def _again(cell: Cell, attempt: int, order_index: int) -> Cell:
    return dataclasses.replace(cell, axes={**cell.axes, "attempt": attempt}, order_index=order_index)


def _place(axes: Mapping[str, object]) -> tuple[str, ...]:
    """What all attempts at a cell have in common; of a cell's axes or of its row."""
    return tuple(str(axes[axis]) for axis in AXES)
