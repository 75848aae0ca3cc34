"""Bytes and seconds as people write and read them. Pure."""

import argparse
import re

_UNITS = {"": 1, "B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}


def bytes_of(text: str) -> int:
    """Of an option: ``65536``, ``64kB``, ``1.5GB``; decimal. Raises what argparse shows as a mistake."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size: 65536, 500kB, 64MB or 1.5GB")
    return int(float(found[1]) * _UNITS[(found[2] or "").upper()])


def size(count: int) -> str:
    """Bytes with at least two digits: ``9999 B``, ``64 kB``."""
    for limit, divisor, unit in ((10_000, 1, "B"), (10_000_000, 1000, "kB"), (10_000_000_000, 10**6, "MB")):
        if count < limit:
            return f"{count / divisor:.0f} {unit}"
    return f"{count / 10**9:.0f} GB"


def duration(seconds: float) -> str:
    """With three digits that matter, in the unit it is read in."""
    for limit, factor, unit in ((1e-3, 1e6, "us"), (1.0, 1e3, "ms"), (120.0, 1.0, "s"), (7200.0, 1 / 60, "min")):
        if seconds < limit:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds / 3600:.3g} h"
