"""What the person at the terminal sees of a run. Draws only when told to, which is between cells.

A live display that redraws by itself would wake a CPU while a cell is timed.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from scenarios.plan.cells import Cell
from scenarios.running.estimate import start_s, upper_bound_s


class Display:
    """A bar on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console, todo: Iterable[Cell], done: int) -> None:
        self._console = console
        self._todo = {cell.key: cell for cell in todo}
        self._total = len(self._todo) + done
        self._seen: defaultdict[tuple[str, str, int, int, str], list[float]] = defaultdict(list)
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[remaining]} left"),
            TextColumn("[dim]{task.description}[/]"),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._bar.add_task("", total=self._total, completed=done, remaining=self._remaining())
        self._started = 0.0
        self._live = console.is_terminal

    def __enter__(self) -> Self:
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bar.stop()

    def add(self, cell: Cell) -> None:
        """One more is to be measured."""
        self._todo[cell.key] = cell
        self._total += 1
        self._bar.update(self._task, total=self._total)

    def leave_out(self, cells: Iterable[Cell]) -> None:
        """These are not to be measured any more."""
        gone = [cell for cell in cells if self._todo.pop(cell.key, None)]
        self._total -= len(gone)
        self._bar.update(self._task, total=self._total)

    def begin(self, cell: Cell) -> None:
        """A cell is about to be measured: the last drawing until it is done."""
        self._started = time.monotonic()
        if self._live:
            self._bar.update(self._task, description=str(cell), remaining=self._remaining())
            self._bar.refresh()

    def end(self, cell: Cell, outcome: str, *, failed: bool = False) -> None:
        """A cell is done; `outcome` is a few words on it."""
        self._seen[_alike(cell)].append(time.monotonic() - self._started)
        del self._todo[cell.key]
        number = self._total - len(self._todo)
        self._bar.update(self._task, completed=number)
        if failed:
            self._console.print(f"[red]failed[/] {cell}: {outcome}", highlight=False)
        elif not self._live:
            left = self._remaining()
            self._console.print(f"{number}/{self._total} {cell}: {outcome} ({left} left)", highlight=False)

    def _remaining(self) -> str:
        """What is left, by the mean of cells like it that are done, else by the most a cell may take."""
        seconds = 0.0
        for cell in self._todo.values():
            seen = self._seen.get(_alike(cell))
            seconds += sum(seen) / len(seen) if seen else start_s(cell) + upper_bound_s(cell)
        return duration(seconds)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"


def _alike(cell: Cell) -> tuple[str, str, int, int, str]:
    return cell.contender, cell.lane, cell.payload_bytes, cell.clients, cell.load
