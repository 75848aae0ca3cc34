"""Numbers as people read them, the same in tables, plots and reports."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB)\Z")
UNITS = {"B": 1, "KB": 1_000, "MB": 1_000_000}
BLANK = "\N{EN DASH}"
"""Stands in a table for a number that does not exist."""


def bytes_of(text: str) -> int | None:
    """The bytes of "100 B", "10KB", "2MB" or "4096"; None for anything else."""
    match = SIZE.match(text)
    if match:
        return round(float(match[1]) * UNITS[match[2]])
    return int(text) if text.isascii() and text.isdigit() else None


def size(count: float) -> str:
    """Bytes in decimal units: ``100 B``, ``10 KB``, ``2 MB``."""
    for unit, factor in (("MB", 1_000_000), ("KB", 1_000)):
        if count >= factor:
            return f"{count / factor:.4g} {unit}"
    return f"{count:.0f} B"


def micros(value: float) -> str:
    """µs with three digits that matter, in ms from 10,000 µs; empty for NaN, a sign for what has no end."""
    if math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞"
    return f"{three(value / 1000)} ms" if abs(value) >= 10_000 else f"{three(value)} µs"


def seconds(value: float) -> str:
    """A time with its unit, from µs to s."""
    if math.isnan(value):
        return BLANK
    if value < 0:
        return f"-{seconds(-value)}"
    return f"{three(value)} s" if value >= 1 else micros(value * 1e6)


def figure(value: float) -> str:
    """A number of a table, its unit in the heading: :func:`three`, a digit more below 0.1, and signs for what does not
    exist or has no end."""
    if math.isnan(value):
        return BLANK
    if math.isinf(value) or value == 0:
        return "∞" if value else "0"
    return f"{value:.3f}" if value < 0.1 else three(value)


def least(value: float, of_all: bool | None, shown: Callable[[float], str] = figure) -> str:
    """A percentile of repeats; marked ``≥`` where it is not of all of them, none where it says nothing
    (:func:`scenarios.statistics.figures.of_all`)."""
    return BLANK if of_all is None or math.isnan(value) else f"{'' if of_all else '≥ '}{shown(value)}"


def interval(low: float, high: float) -> str:
    """Both ends, without a unit; empty for none."""
    return "" if math.isnan(low) else f"{figure(low)} to {figure(high)}"


def pair(first: float, second: float) -> str:
    """Two numbers that add up, ``13.9 + 12.3``, the second left out where it does not exist."""
    return " + ".join(figure(value) for value in (first, second) if value == value) or BLANK


def factor(ratio: float, low: float = math.nan, high: float = math.nan) -> str:
    """A ratio of latencies and its interval in words: ``12.3x slower (11 to 14)``, ``1.8x faster (1.5 to 2.1)``.

    An interval that holds 1 is said to: ``1.1x slower (0.9 to 1.3, unclear)``.
    """
    if math.isnan(ratio):
        return ""
    word = "slower" if ratio >= 1 else "faster"
    if ratio < 1:
        ratio, low, high = 1 / ratio, 1 / high, 1 / low
    unclear = ", unclear" if low <= 1 <= high else ""
    ends = "" if math.isnan(low) else f" ({interval(low, high)}{unclear})"
    return f"{three(ratio)}x {word}{ends}"


def three(value: float) -> str:
    """Three digits that matter, more where they are before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def span(low: float, high: float) -> str:
    """Two times in µs from one to the other, the unit once where they share it."""
    low_text, high_text = micros(low), micros(high)
    if low_text == high_text:
        return low_text
    return f"{low_text[:-3] if low_text[-2:] == high_text[-2:] else low_text} to {high_text}"


def counts(each: Collection[int]) -> str:
    """Of whole numbers the least and the most: ``3 to 5``, or ``5`` where they are alike."""
    return " to ".join(map(str, sorted({min(each), max(each)})))


def unbroken(text: str) -> str:
    """A number and its unit stay on one line."""
    return re.sub(r"(\d) (B|KB|MB|µs|ms)\b", "\\1\N{NO-BREAK SPACE}\\2", text)


def percent(share: float) -> str:
    """A share as three digits of a percentage."""
    return f"{three(share * 100)}%"
