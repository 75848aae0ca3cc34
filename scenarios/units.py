"""Numbers as people read them, the same in the table and in the plots."""

from __future__ import annotations

import math


def size(count: float) -> str:
    """Bytes in decimal units: ``100 B``, ``10 KB``, ``2 MB``."""
    for unit, factor in (("MB", 1_000_000), ("KB", 1_000)):
        if count >= factor:
            return f"{count / factor:.4g} {unit}"
    return f"{count:.0f} B"


def micros(value: float) -> str:
    """µs with three digits that matter, in ms from 10,000 µs; empty for NaN."""
    if math.isnan(value):
        return ""
    return f"{_three(value / 1000)} ms" if value >= 10_000 else f"{_three(value)} µs"


def factor(ratio: float) -> str:
    """A ratio of latencies in words: ``12.3x slower``, ``1.8x faster``."""
    if math.isnan(ratio):
        return ""
    if 0.995 < ratio < 1.005:
        return "same"
    return f"{_three(ratio)}x slower" if ratio > 1 else f"{_three(1 / ratio)}x faster"


def _three(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
