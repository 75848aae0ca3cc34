"""What a check is made of: a small cell, and what it found."""

from __future__ import annotations

import dataclasses

from contenders.interface import Contender
from scenarios.plan.cells import Cell
from scenarios.plan.circumstances import DEFAULTS

SEED = 1
TIME_LIMIT_S = 60.0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one check found."""

    check: str
    passed: bool
    found: str
    """The figures, in a few words."""
    wanted: str


def cell(contender: type[Contender], lane: str, *, calls: int = 1000, seconds: float = 5.0, **axes: str | int) -> Cell:
    """One cell of a small echo; `axes` as given, else one client, back to back."""
    place: dict[str, str | int] = {
        "scenario": "selftest",
        "contender": contender.name,
        "lane": lane,
        "payload_bytes": 100,
        "clients": 1,
        "load": "closed",
        **DEFAULTS,
        "repeat": 0,
    }
    return Cell(axes=place | axes, method="echo", payload="ascii", calls=calls, warmup_calls=100, seconds=seconds)
