"""What a call costs, from runs: the median of a call back to back with a method that does nothing, by its size.

Of messages that are text that is a lane of the run; of those that are mostly arrays or bytes, handing over an array
costs. A message smaller than any that was measured costs as much as the smallest. Beyond the largest the cost goes on
along the line through the two largest, since memory is copied there and little else.
"""

from __future__ import annotations

from scenarios.advice.curves import Curves
from scenarios.cuts.borders import Price


def of_curves(texts: Curves, arrays: Curves | None) -> Price:
    """`arrays`: None where none were measured; they cost what texts of their size cost then, which is more."""

    def price(contender: str, message_bytes: int, is_beside: bool) -> float | None:
        curves = arrays if is_beside and arrays is not None and arrays.sizes(contender) else texts
        sizes = curves.sizes(contender)
        if not sizes:
            return None
        if message_bytes > sizes[-1]:
            return _beyond(curves, contender, message_bytes)
        return _at(curves, contender, max(message_bytes, sizes[0]))

    return price


def _beyond(curves: Curves, contender: str, message_bytes: int) -> float | None:
    *_, below, largest = [0, *curves.sizes(contender)]
    ends = _at(curves, contender, below), _at(curves, contender, largest)
    if None in ends or not below:
        return None
    first, last = map(float, ends)  # type: ignore[arg-type]
    return last + max(0.0, last - first) / (largest - below) * (message_bytes - largest)


def _at(curves: Curves, contender: str, message_bytes: int) -> float | None:
    found = curves.at(contender, "p50_us", message_bytes)
    return None if found is None else found.value
