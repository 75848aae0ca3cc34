"""What a call costs, from a run: the median of a call back to back with a method that does nothing, by its size."""

from __future__ import annotations

from scenarios.advice.curves import Curves
from scenarios.cuts.borders import Price


def of_curves(curves: Curves) -> Price:
    """A message smaller than any that was measured costs as much as the smallest; a larger one than any is unknown."""

    def price(contender: str, message_bytes: int) -> float | None:
        sizes = curves.sizes(contender)
        found = curves.at(contender, "p50_us", max(message_bytes, sizes[0])) if sizes else None
        return None if found is None else found.value

    return price
