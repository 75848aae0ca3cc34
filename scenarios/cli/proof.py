"""``python -m scenarios proof``: what was predicted of a split program beside what it takes: a table, or JSON."""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

from rich.console import Console

from scenarios.cli import layout
from scenarios.cli.problems import Reporter
from scenarios.common.errors import RunError
from scenarios.replay import folder, proof
from scenarios.replay.proof import Claim
from scenarios.replay.recorded import opened
from scenarios.tables.of_replay import between, off, shown

HEADINGS = ("", "today", "predicted", "measured", "interval", "off by", "")
MISSES = (
    "A replay knows the calls and not the program around them: between its calls it waits, where the program computes, "
    "answers others, and uses the same caches and cores."
)


def run(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """1 where a prediction is off by more than a quarter."""
    replays = [_read(each) for each in asked.replay]
    today, split = ([opened(each) for each in files] for files in (asked.today, asked.split))
    claims = proof.claims(replays, today, split, asked.contender)
    text = json.dumps(_as_json(claims, asked), indent=1)
    if asked.output is not None:
        asked.output.mkdir(parents=True, exist_ok=True)
        (asked.output / "proof.json").write_text(text + "\n")
    if asked.json:
        print(text)
    else:
        _show(claims, asked.contender, console)
    return 0 if all(claim.holds for claim in claims) else 1


def _read(path: Path) -> dict[str, Any]:
    file = path / folder.FILE if path.is_dir() else path
    try:
        found: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{file} is no replay: {error}; python -m scenarios replay --with-handler makes one") from None
    return found


def _show(claims: list[Claim], contender: str, console: Console) -> None:
    lines = [layout.Line(_fields(claim)) for claim in claims]
    title = f"The split program with {contender}: predicted and measured"
    for table in layout.tables(console, HEADINGS, lines, title=title, left=("",)):
        console.print(table)
    if missed := [claim for claim in claims if not claim.holds]:
        names = ", ".join(_name(claim) for claim in missed)
        console.print(f"Off by more than {proof.WITHIN:.0%}: {names}. {MISSES}", highlight=False)
    else:
        console.print(f"Every prediction is within {proof.WITHIN:.0%} of what was measured.", highlight=False)


def _fields(claim: Claim) -> list[str]:
    values = [shown(each.value, claim.unit) for each in (claim.today, claim.predicted, claim.measured)]
    low, high = claim.measured.low, claim.measured.high
    ends = "" if math.isnan(low) else between(low, high, claim.unit)
    return [_name(claim), *values, ends, off(claim.off), "" if claim.holds else "off"]


def _name(claim: Claim) -> str:
    return f"{claim.function or 'the program'}, {claim.what}"


def _as_json(claims: list[Claim], asked: argparse.Namespace) -> dict[str, Any]:
    return {
        "contender": asked.contender,
        "within": proof.WITHIN,
        "replays": len(asked.replay),
        "recordings": {"today": len(asked.today), "split": len(asked.split)},
        "claims": [_clean(dataclasses.asdict(claim)) | {"off": claim.off, "holds": claim.holds} for claim in claims],
    }


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _clean(each) for key, each in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
