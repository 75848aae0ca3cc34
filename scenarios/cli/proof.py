"""``python -m scenarios proof``: what was predicted of a split program beside what it takes: a table, or JSON."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from rich.console import Console

from scenarios.cli import layout
from scenarios.cli.problems import Reporter
from scenarios.common.errors import RunError
from scenarios.replay import folder, proof
from scenarios.replay.figures import Estimate
from scenarios.replay.proof import Claim, Judged, Run
from scenarios.replay.recorded import opened
from scenarios.tables.of_replay import between, off, shown

HEADINGS = ("", "today", "predicted", "measured", "off by", "in each run", "")
TODAY, SPLIT = "today*.rec", "split*.rec"
MISSES = (
    "A replay knows the calls and not the program around them: between its calls it waits, where the program computes, "
    "answers others, and uses the same caches and cores."
)


def run(asked: argparse.Namespace, console: Console, say: Reporter) -> int:
    """1 where a prediction is off by more than a quarter in one of the runs."""
    judged = proof.judged([_run(each) for each in asked.runs], asked.contender)
    text = json.dumps(_as_json(judged, asked), indent=1)
    if asked.output is not None:
        asked.output.mkdir(parents=True, exist_ok=True)
        (asked.output / "proof.json").write_text(text + "\n")
    if asked.json:
        print(text)
    else:
        _show(judged, asked.contender, console)
    return 0 if all(claim.holds for claim in judged.claims) else 1


def _run(path: Path) -> Run:
    """A folder of replays and of recordings."""
    replays = sorted(path.glob(f"replay-*/{folder.FILE}"))
    today, split = sorted(path.glob(TODAY)), sorted(path.glob(SPLIT))
    if not replays or not today or not split:
        there = f"{len(replays)} replays, {len(today)} recordings {TODAY} and {len(split)} recordings {SPLIT}"
        raise RunError(
            f"{path} has {there}: a run is a folder with one of each or more; replay --with-handler --results {path} "
            "makes a replay there"
        )
    recordings = ([opened(each) for each in files] for files in (today, split))
    return Run(str(path), [_read(each) for each in replays], *recordings)


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is no replay: {error}") from None
    return found


def _show(judged: Judged, contender: str, console: Console) -> None:
    claims = judged.claims
    lines = [layout.Line(_fields(claim)) for claim in claims]
    title = f"The split program with {contender}: predicted and measured"
    for table in layout.tables(console, HEADINGS, lines, title=title, left=("", "in each run")):
        console.print(table)
    runs = len(claims[0].runs)
    if missed := [claim for claim in claims if not claim.holds]:
        for claim in missed:
            console.print(f"Off by more than {proof.WITHIN:.0%}: {_name(claim)}. {_why(claim)}", highlight=False)
        console.print(MISSES, highlight=False)
    else:
        each = f"in each of {runs} runs" if runs > 1 else "in this run"
        console.print(f"Every prediction is within {proof.WITHIN:.0%} of what was measured, {each}.", highlight=False)
    for sentence in judged.left_out:
        console.print(f"Not judged: {sentence}.", highlight=False)


def _fields(claim: Claim) -> list[str]:
    estimates = [claim.over_runs(name) for name in ("today", "predicted", "measured")]
    values = [_with_ends(each, claim.unit) for each in estimates]
    each = ", ".join(off(run.off) for run in claim.runs)
    return [_name(claim), *values, off(claim.off), each, "" if claim.holds else "off"]


def _with_ends(estimate: Estimate, unit: str) -> str:
    ends = "" if math.isnan(estimate.low) else f" ({between(estimate.low, estimate.high, unit)})"
    return f"{shown(estimate.value, unit)}{ends}"


def _why(claim: Claim) -> str:
    """What of it the replay saw otherwise."""
    replayed, today = claim.over_runs("replayed").value, claim.over_runs("today").value
    if math.isnan(replayed):
        return "It is made of others, and of what they do not say."
    alone = f"takes {shown(today, claim.unit)} in the program and {shown(replayed, claim.unit)} in the replay"
    return f"By itself a call {alone}; the rest is the way there and back."


def _name(claim: Claim) -> str:
    return f"{claim.function or 'the program'}, {claim.what}"


def _as_json(judged: Judged, asked: argparse.Namespace) -> dict[str, Any]:
    return {
        "contender": asked.contender,
        "within": proof.WITHIN,
        "runs": len(asked.runs),
        "claims": [
            {
                "what": claim.what,
                "function": claim.function,
                "unit": claim.unit,
                **{name: _estimate(claim.over_runs(name)) for name in ("today", "predicted", "measured", "replayed")},
                "off": claim.off,
                "off_in_runs": [run.off for run in claim.runs],
                "holds": claim.holds,
                "why": "" if claim.holds else f"{_why(claim)} {MISSES}",
            }
            for claim in judged.claims
        ],
        "left_out": list(judged.left_out),
    }


def _estimate(estimate: Estimate) -> dict[str, float | None]:
    ends = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: None if math.isnan(value) else value for name, value in ends.items()}
