"""What a replay has found, and what came of its predictions, in lines: from ``replay.json`` and ``proof.json``.

As everything of this room, they are the same in the documents, the notebooks and wherever else they are shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scenarios.common.errors import RunError
from scenarios.common.units import BLANK, figure, micros, percent, seconds, span

REPLAY, PROOF = "replay.json", "proof.json"
FIT = "fit.json"
"""A proof, of ``examples/others``."""
VERDICTS = ("function", "calls", "a call today", "of the time", "cheapest", "cost of a call", "verdict")
PROGRAM = ("contender", "functions", "calls", "program today", "split", "added", "of program", "CPU that leaves")
CLAIMS = ("", "today", "predicted", "measured", "measured, interval", "off by", "in each run")

Found = dict[str, Any]
Lines = list[list[str]]


def read(folder: Path, name: str) -> Found:
    """Raises :class:`RunError` where it is not there."""
    try:
        found: Found = json.loads((folder / name).read_text())
    except OSError as error:
        raise RunError(f"{folder} has no {name}: {error.strerror}; make monolith makes one") from None
    return found


def verdicts(replay: Found) -> Lines:
    """A line per function, under :data:`VERDICTS`."""
    return [_verdict(each) for each in replay["functions"]]


def programs(found: Sequence[Found]) -> tuple[list[str], Lines]:
    """Headings, and a line per contender: the program with every function split off that it carries. How much more it
    could do is among them where callers or workers were asked for."""
    bound = [_known(each.get("at_most")) for each in found]
    has_bound = not all(map(math.isnan, bound))
    lines = [
        [
            each["contender"],
            f"{each['functions']:,}",
            f"{each['calls']:,}",
            seconds(each["today_seconds"]),
            seconds(each["today_seconds"] + each["added_seconds"]),
            seconds(each["added_seconds"]),
            percent(each["added_seconds"] / each["today_seconds"]),
            seconds(_known(each["leaves_cpu_seconds"])),
            *([BLANK if math.isnan(most) else f"{most:.2f}x"] if has_bound else []),
        ]
        for each, most in zip(found, bound, strict=True)
    ]
    return [*PROGRAM, *(["at most"] if has_bound else [])], lines


def _known(value: float | None) -> float:
    return math.nan if value is None else value


def costs(replay: Found) -> dict[str, dict[str, dict[str, Any]]]:
    """By function and contender, what a call costs: estimates in µs, as ``{"value": ..., "low": ..., "high": ...}``."""
    return {
        each["function"]: {split["cost"]["contender"]: split["cost"]["added_us"] for split in each["contenders"]}
        for each in replay["functions"]
        if each["contenders"]
    }


def claims(proof: Found) -> Lines:
    """A line per prediction, under :data:`CLAIMS`."""
    return [_claim(each) for each in proof["claims"]]


def held(proof: Found) -> str:
    """How many predictions hold, in a sentence."""
    holds = sum(each["holds"] for each in proof["claims"])
    missed = "".join(f"\n\n{_claim(each)[0]}: {each['why']}" for each in proof["claims"] if not each["holds"])
    return (
        f"{holds} of {len(proof['claims'])} predictions are within {proof['within']:.0%} of what was measured, in each "
        f"of {proof['runs']} runs; the figures are the medians of the runs.{missed}"
    )


def _verdict(each: Found) -> list[str]:
    splits = {split["cost"]["contender"]: split for split in each["contenders"]}
    word, why, name = (each["verdict"][key] for key in ("word", "why", "contender"))
    split = splits.get(name)
    return [
        f"`{each['function']}`",
        f"{each['calls']:,}",
        micros(each["mean_us"]) if each["mean_us"] is not None else BLANK,
        f"{100 * (each['share'] or 0):.2g}%",
        name or BLANK,
        micros(split["cost"]["added_us"]["value"]) if split else BLANK,
        word if split else f"{word}: {why}",
    ]


def _claim(each: Found) -> list[str]:
    values = [shown(each[name]["value"], each["unit"]) for name in ("today", "predicted", "measured")]
    low, high = each["measured"]["low"], each["measured"]["high"]
    name = f"`{each['function']}`" if each["function"] else "the program"
    ends = BLANK if low is None else between(low, high, each["unit"])
    in_runs = ", ".join(map(off, each["off_in_runs"]))
    return [f"{name}, {each['what']}", *values, ends, off(each["off"]), in_runs]


def shown(value: float, unit: str) -> str:
    """A figure of a prediction, with its unit: µs or s."""
    return micros(value) if unit == "µs" else f"{figure(value)} s"


def between(low: float, high: float, unit: str) -> str:
    """The ends of its interval."""
    return span(low, high) if unit == "µs" else f"{figure(low)} to {figure(high)} s"


def off(share: float) -> str:
    """How far a prediction was off."""
    text = f"{100 * share:+.0f}%"
    return "0%" if text[1:] == "0%" else text
