"""The decision model, asked about small tables."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from scenarios.advice import negligible
from scenarios.advice.curves import Curves
from scenarios.advice.model import answer
from scenarios.advice.negligible import BreakEven
from scenarios.advice.question import Advice, Question
from tests.scenarios.tables import Cells, cells

REFERENCE = Path(__file__).parents[3] / "results" / "reference"


def advise(
    frame: pd.DataFrame, payload_bytes: float, rate: float, handler_us: float, lane: str = "native"
) -> list[Advice]:
    return answer(Curves(frame, lane), Question(payload_bytes, rate, handler_us, lane))


def break_even(frame: pd.DataFrame, payload_bytes: float, share: float = 0.05) -> list[BreakEven]:
    return negligible.break_even(Curves(frame, "native"), payload_bytes, share)


def row_of(rows: list[Advice], contender: str) -> Advice:
    return next(row for row in rows if row.contender == contender)


def p50_of(row: Advice) -> float:
    assert row.ipc_p50_us is not None
    return row.ipc_p50_us.value


ADAPTIVE: tuple[Cells, ...] = (
    cells("ring", {100: (20.0, 20.0, 20.0)}, wait="adaptive", client_cpu=15, server_cpu=15),
    cells("ring-block", {100: (60.0, 60.0, 60.0)}, client_cpu=25, server_cpu=25),
)
