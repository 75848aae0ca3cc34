"""Sizes, rates and times as people type them on a command line. Pure; mistakes name what is allowed."""

from __future__ import annotations

import re

from scenarios.common.errors import UserError
from scenarios.common.units import SIZE, UNITS

_NUMBER = r"(\d+(?:\.\d+)?)"
_RATE = re.compile(_NUMBER + r"\s*(?:/s)?\Z")
_TIME = re.compile(_NUMBER + r"\s*(ns|us|µs|μs|ms|s)\Z")
_US = {"ns": 1e-3, "us": 1.0, "µs": 1.0, "μs": 1.0, "ms": 1e3, "s": 1e6}


class QuantityError(UserError):
    """A number on the command line that cannot be read; names the option and what is allowed."""


def size_bytes(text: str, option: str) -> float:
    """Bytes in decimal units, as in scenario files: ``20000``, ``100 B``, ``20KB``, ``2MB``."""
    match = SIZE.match(text if re.search(r"[BKM]", text) else f"{text}B")
    if match is None or float(match[1]) == 0:
        raise QuantityError(f"{option} {text!r} is not a size; allowed: bytes above 0, as 20000, 100B, 20KB, 2MB")
    return float(match[1]) * UNITS[match[2]]


def rate_per_s(text: str, option: str) -> float:
    """Calls per second: ``2000`` or ``2000/s``."""
    match = _RATE.match(text)
    if match is None or float(match[1]) == 0:
        raise QuantityError(f"{option} {text!r} is not a rate; allowed: calls per second above 0, as 2000 or 2000/s")
    return float(match[1])


def time_us(text: str, option: str) -> float:
    """µs, from a time with its unit: ``0us``, ``500us``, ``1.5ms``, ``1s``."""
    match = _TIME.match(text)
    if match is None:
        raise QuantityError(
            f"{option} {text!r} is not a time; allowed: a number with its unit, as 0us, 500us, 1.5ms, 1s"
        )
    return float(match[1]) * _US[match[2]]
