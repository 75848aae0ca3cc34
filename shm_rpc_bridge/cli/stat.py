"""``stat``: what a server has counted, and what its clients wait for. Only looks at its memory."""

import json
import sys
import time
from typing import Any, List, Optional, Sequence

from .. import names, posix
from ..control import Control
from ..counted import read
from ..exceptions import RPCError
from ..quantities import duration, size
from ..statistics import MethodStatistics, Statistics, Waiting

HEADS = ("method", "calls", "calls/s", "failed", "mean", "p50 <", "p99 <", "longest", "in", "out")


def show(chosen: Any) -> int:
    """Print it once, or until interrupted."""
    try:
        names.validated(chosen.name)
        if chosen.watch is not None and not 0.05 <= chosen.watch <= 3600:
            raise ValueError(f"--watch takes 0.05 to 3600 seconds, not {chosen.watch:g}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    held: posix.Held = []
    before: Optional[Statistics] = None
    try:
        control = Control.open(chosen.name, held)
        while True:
            now = read(control)
            text = _as_json(now) if chosen.json else "\n".join(_lines(chosen.name, control, now, before))
            clear = "\x1b[H\x1b[2J" if chosen.watch is not None and not chosen.json and sys.stdout.isatty() else ""
            print(f"{clear}{text}", flush=True)
            if chosen.watch is None:
                return 0
            before = now
            time.sleep(chosen.watch)
            if not control.is_ready() or control.why_server_is_dead():
                print(f"server {chosen.name!r} has gone", file=sys.stderr)
                return 1
    except RPCError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        posix.let_go(held)


def _as_json(now: Statistics) -> str:
    shown = now._asdict()
    shown["waiting"] = [each._asdict() for each in now.waiting]
    shown["methods"] = {name: each._asdict() for name, each in now.methods.items()}
    return json.dumps(shown)


def _lines(name: str, control: Control, now: Statistics, before: Optional[Statistics]) -> List[str]:
    why = "it is in a method, stopped, or not started yet"
    stuck = f"; it has not looked after its clients for {duration(now.age)}: {why}" if now.age > 2 else ""
    seconds = now.seconds - before.seconds if before is not None else now.seconds
    rate = (now.answered - (before.answered if before is not None else 0)) / max(seconds, 1e-9)
    most = control.max_memory
    process = posix.described(control.process)
    found = [
        f"server {name!r}, {process}, codec {control.codec}, up {duration(now.seconds)}{stuck}",
        "",
        f"calls     {now.answered:,} answered, {rate:,.1f}/s; {now.failed:,} failed; "
        f"{now.timeouts:,} given up by their clients, {now.late:,} of them after they were taken",
        f"channels  {now.channels:,} open, {now.opened:,} in all, {now.refused:,} refused",
        f"memory    {size(now.memory)} in their buffers" + (f", {size(most)} at the most" if most else ""),
        f"waits     {now.slept:,} for a call ended asleep, and were woken",
    ]
    if now.waiting:
        found += ["", *_table(("waiting for", "process", "", "call"), [_waiting(each) for each in now.waiting])]
    if now.methods:
        rows = [_method(name, each, now, before) for name, each in sorted(now.methods.items())]
        found += ["", *_table(HEADS, rows)]
    elif not control.methods:
        found += ["", "(of methods nothing: serve with --statistics, or RPCServer(..., statistics=True))"]
    return found


def _waiting(each: Waiting) -> List[str]:
    if each.calls > 1 or (not each.method and each.is_taken):
        return [duration(each.seconds), f"{each.process}", "", f"{each.calls} awaited"]
    state = "taken" if each.is_taken else "not taken"
    return [duration(each.seconds), f"{each.process}", state, each.method or "?"]


def _method(name: str, each: MethodStatistics, now: Statistics, before: Optional[Statistics]) -> List[str]:
    earlier = before.methods.get(name) if before is not None else None
    seconds = now.seconds - before.seconds if before is not None else now.seconds
    rate = (each.calls - (earlier.calls if earlier is not None else 0)) / max(seconds, 1e-9)
    times = (each.seconds / each.calls, each.at_most(0.5), each.at_most(0.99), each.longest)
    sizes = (each.bytes_received, each.bytes_sent)
    return [name, f"{each.calls:,}", f"{rate:,.1f}", f"{each.failed:,}", *map(duration, times), *map(size, sizes)]


def _table(heads: Sequence[str], rows: List[List[str]]) -> List[str]:
    """The first and the last column of words to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows)]
    is_words = [not any(row[place][:1].isdigit() for row in rows) for place in range(len(heads))]
    lines = []
    for row in (heads, *rows):
        cells = [text.ljust(width) if words else text.rjust(width) for text, width, words in zip(row, widths, is_words)]
        lines.append("  ".join(cells).rstrip())
    return lines
