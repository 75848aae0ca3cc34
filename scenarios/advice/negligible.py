"""From which time of the handler on the IPC of a call is negligible; for calls back to back."""

from __future__ import annotations

import dataclasses
import math

from scenarios.advice.curves import AdviceError, Curves, Estimate
from scenarios.advice.model import figures_of

SHARE = 0.05
"""IPC below this share of a call is commonly taken for negligible."""


@dataclasses.dataclass(frozen=True)
class BreakEven:
    """From which handler time on the IPC of a contender is below a share of the call."""

    contender: str
    figures_of: str
    payload_bytes: float
    share: float
    handler_us: Estimate | None
    """None: not measured."""


def break_even(curves: Curves, payload_bytes: float, share: float = SHARE) -> list[BreakEven]:
    """For every contender that is IPC: the handler time from which on IPC stays under `share` of a call; least
    first, not measured ones last. Raises :class:`AdviceError`."""
    if not 0 < share < 1:
        raise AdviceError(f"share is {share:g}; allowed: more than 0, less than 1")
    times = (1 - share) / share
    rows = []
    for contender in curves.ipc:
        own = curves.at(contender, "p50_us", payload_bytes)
        source = figures_of(curves, contender, payload_bytes, own.value * times if own else 0.0)
        ipc = curves.at(source, "p50_us", payload_bytes) if source else None
        handler = ipc.through(lambda value: value * times) if ipc else None
        rows.append(BreakEven(contender, source or contender, payload_bytes, share, handler))
    return sorted(rows, key=lambda row: row.handler_us.value if row.handler_us else math.inf)
