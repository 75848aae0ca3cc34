"""Several clients that call one server back to back: what they get together, and what a call takes then. Pure.

From closed loops of so many clients with a handler that does nothing, at the payloads that were measured so. What a
call takes lies, between two measured numbers of clients, on the line between them, and its interval holds those of
both; beyond them, and of other payloads, nothing is said.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pandas as pd

from scenarios.advice.pauses import FIGURES
from scenarios.statistics import clients_and_rates


@dataclasses.dataclass(frozen=True)
class Crowd:
    """What a call of one of so many clients takes, all of them calling back to back."""

    figures: Mapping[str, float]
    """Each of :data:`scenarios.advice.pauses.FIGURES`, µs; NaN where it is not known."""
    low: float
    high: float
    """The ends of p50's interval; NaN where there is none."""
    numbers: tuple[int, ...]
    """The measured numbers of clients that it rests on."""
    repeats: int
    disturbed: int
    measurements: int


class Crowds:
    """Of all contenders of one lane of a run. Immutable."""

    def __init__(self, cells: pd.DataFrame) -> None:
        """`cells`: of that lane."""
        lines = clients_and_rates.by_clients(cells)
        self._lines: dict[str, dict[int, dict[int, Mapping[Any, Any]]]] = {}
        for line in lines[lines["clients"] > 1].to_dict("records"):
            of_one = self._lines.setdefault(str(line["contender"]), {})
            of_one.setdefault(int(line["clients"]), {})[int(line["payload_bytes"])] = line

    def numbers(self, contender: str) -> list[int]:
        """The numbers of clients above 1 that were measured, ascending."""
        return sorted(self._lines.get(contender, {}))

    def together(self, contender: str, clients: int, payload_bytes: float) -> tuple[bool, float] | None:
        """The calls per second that so many clients get together: of the measured number that is nearest below, and
        whether it is of that payload or, at most as large, of another; None where no more than one was measured."""
        known = max((each for each in self.numbers(contender) if each <= clients), default=None)
        if known is None:
            return None
        rates = {size: float(line["calls_per_s"]) for size, line in self._lines[contender][known].items()}
        return (True, rates[int(payload_bytes)]) if payload_bytes in rates else (False, max(rates.values()))

    def at(self, contender: str, clients: int, payload_bytes: float) -> Crowd | None:
        """What each of their calls takes; None where that was not measured."""
        of_one = self._lines.get(contender, {})
        known = [number for number, by_size in sorted(of_one.items()) if payload_bytes in by_size]
        below = max((number for number in known if number <= clients), default=None)
        above = min((number for number in known if number >= clients), default=None)
        if below is None or above is None:
            return None
        share = (clients - below) / max(1, above - below)
        one, other = lines = [of_one[number][int(payload_bytes)] for number in (below, above)]
        used = lines if above > below else lines[:1]
        return Crowd(
            {name: float(one[name]) + share * (float(other[name]) - float(one[name])) for name in FIGURES},
            min(float(line["p50_low"]) for line in lines),
            max(float(line["p50_high"]) for line in lines),
            numbers=(below, above)[: len(used)],
            repeats=min(int(line["repeats"]) for line in lines),
            disturbed=sum(int(line["noisy"]) for line in used),
            measurements=sum(int(line["repeats"]) for line in used),
        )
