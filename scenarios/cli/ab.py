"""Two checkouts in turns, for the terminal: what was measured, a line per side, the A/A test, the answer; or JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from scenarios.ab import block, checkouts, rounds
from scenarios.ab.block import Calls
from scenarios.ab.checkouts import Checkout
from scenarios.ab.measured import FEWEST_BYTES
from scenarios.ab.rounds import SIDES, B, Result
from scenarios.ab.verdict import FEWEST_PAIRS, NOT_SLOWER, SLOWER, Verdict
from scenarios.cli import layout
from scenarios.common.errors import UsageError
from scenarios.common.units import figure, size
from scenarios.plan.circumstances import NOTHING
from scenarios.running.interrupts import terminated_as_interrupted

FIGURES = {"p50_us": "p50 µs", "p99_us": "p99 µs", "client_cpu_us": "client CPU µs", "server_cpu_us": "server CPU µs"}
STYLES = {NOT_SLOWER: "green", SLOWER: "red"}


@dataclasses.dataclass(frozen=True)
class Question:
    """What was typed."""

    before: str
    after: str
    calls: Calls
    blocks: int
    threshold: float
    seed: int

    def __str__(self) -> str:
        calls = self.calls
        codec = f"codec {calls.codec}" if calls.codec else "the library's own codec"
        wait = f", wait {calls.wait}" if calls.wait else ""
        pace = f"{calls.rate:,.10g} calls/s at an even pace" if calls.rate else "back to back"
        clients = f"{calls.clients} client{'s' if calls.clients > 1 else ''}"
        beside = "" if calls.beside == NOTHING else f", beside {calls.beside}"
        return (
            f"echo of {size(calls.payload_bytes)}, {codec}{wait}, {pace}, {clients}{beside}; {self.blocks} blocks a "
            f"side of {calls.seconds:g} s in fresh processes, in random order (seed {self.seed})"
        )


def calls(**asked: Any) -> Calls:
    """What a block calls. Raises :class:`UsageError` for what cannot be measured."""
    made = Calls(**asked)
    if made.payload_bytes < FEWEST_BYTES:
        raise UsageError(f"--payload: {FEWEST_BYTES} B or more, as every payload carries a number")
    if not 0.01 <= made.seconds <= 60:
        raise UsageError("--seconds: from 10ms to 60s")
    return made


def answer(question: Question, console: Console, *, as_json: bool) -> int:
    """Measure and print; returns the exit code.

    Raises :class:`scenarios.common.errors.UserError` for what cannot be measured.
    """
    if question.blocks < FEWEST_PAIRS:
        raise UsageError(f"--blocks: {FEWEST_PAIRS} or more; fewer give no interval that is sure enough")
    progress = Console(stderr=True) if as_json else console
    with terminated_as_interrupted(), tempfile.TemporaryDirectory(prefix="ab-") as folder:
        scratch = Path(folder)
        a, b = (checkouts.find(asked, scratch) for asked in (question.before, question.after))
        if not as_json:
            for side, checkout in (("A", a), ("B", b)):
                console.print(f"{side}: {checkout}", highlight=False, soft_wrap=True)
            console.print(str(question), highlight=False)
        result = rounds.run(
            question.blocks,
            question.seed,
            lambda side: block.measure(b if side == B else a, question.calls, scratch),
            progress,
        )
    verdict = result.verdict(question.threshold)
    if as_json:
        print(_as_json(question, a, b, result, verdict))
    else:
        _show(result, verdict, console)
    return verdict.exit_code


def _show(result: Result, verdict: Verdict, console: Console) -> None:
    lines = [
        layout.Line(
            [
                side,
                *(figure(result.median(side, name)) for name in FIGURES),
                f"{sum(each.calls for each in result.blocks[side]):,}",
            ]
        )
        for side in SIDES
    ]
    headings = ("side", *FIGURES.values(), "calls")
    title, note = "medians over blocks", "CPU is per call, of all threads"
    for table in layout.tables(console, headings, lines, left=("side",), title=title, caption=note):
        console.print(table)
    if p99 := result.p99():
        console.print(f"p99, which decides nothing: B takes {p99}", highlight=False)
    control, said = verdict.sentences()
    whole = not console.is_terminal
    console.print(control, highlight=False, soft_wrap=whole)
    console.print(said, highlight=False, soft_wrap=whole, style=STYLES.get(verdict.outcome, "yellow"))


def _as_json(question: Question, a: Checkout, b: Checkout, result: Result, verdict: Verdict) -> str:
    """One object, one line; numbers that do not exist are null."""
    asked = {key: value for key, value in dataclasses.asdict(question).items() if key not in ("before", "after")}
    found: dict[str, Any] = {
        "before": {"asked": a.asked, "file": a.file, "version": a.version},
        "after": {"asked": b.asked, "file": b.file, "version": b.version},
        **asked,
        "a_a": dataclasses.asdict(verdict.control),
        "ratio": dataclasses.asdict(verdict.found),
        "p99_ratio": dataclasses.asdict(p99) if (p99 := result.p99()) else None,
        "outcome": verdict.outcome,
        "exit_code": verdict.exit_code,
        "sentences": list(verdict.sentences()),
        "blocks_of": {side: [dataclasses.asdict(each) for each in of] for side, of in result.blocks.items()},
    }
    return json.dumps(_plain(found), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
