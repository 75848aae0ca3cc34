"""What a call costs, from runs: the median of a call back to back with a method that does nothing, by its size.

A text costs what the lane of the run says; a message that is mostly arrays or bytes costs what handing over an array
does. A message smaller than any that was measured costs as much as the smallest. Between two measured sizes the cost
lies where advice has it, or on the straight line where that is too unsure to say anything; and beyond the largest on
the line through the two largest, since memory is copied there and little else.
"""

from __future__ import annotations

import functools

from scenarios.advice.curves import Curves
from scenarios.cuts.borders import Price


def of_curves(texts: Curves, arrays: Curves | None) -> Price:
    """`arrays`: None where none were measured; they cost what texts of their size cost then, which is more."""

    @functools.cache  # a program has thousands of borders, and on them messages of few sizes
    def price(contender: str, message_bytes: int, is_beside: bool) -> float | None:
        curves = arrays if is_beside and arrays is not None and arrays.sizes(contender) else texts
        sizes = curves.sizes(contender)
        if not sizes or (len(sizes) == 1 and message_bytes > sizes[0]):
            return None
        message_bytes = max(message_bytes, sizes[0])
        found = curves.at(contender, "p50_us", message_bytes)
        return _on_the_line(curves, contender, message_bytes) if found is None else found.value

    return price


def _on_the_line(curves: Curves, contender: str, message_bytes: int) -> float | None:
    sizes = curves.sizes(contender)
    place = min(max(1, sum(size < message_bytes for size in sizes)), len(sizes) - 1)
    small, large = sizes[place - 1], sizes[place]
    costs = [curves.at(contender, "p50_us", size) for size in (small, large)]
    if costs[0] is None or costs[1] is None:
        return None
    per_byte = max(0.0, costs[1].value - costs[0].value) / (large - small)
    return costs[1].value + per_byte * (message_bytes - large)
