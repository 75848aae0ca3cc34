"""What the person at the terminal sees of a replay: a bar on a terminal, a line per round elsewhere.

Drawn only between measurements: a display that redraws by itself would wake a CPU while calls are timed.
"""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn


class Display:
    """Its :meth:`say` is told what is about to be done, and what has failed."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.description}[/]"),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None)
        self._live = console.is_terminal
        self._said = ""

    def total(self, steps: int) -> None:
        """So many are to come; what was said before does not count."""
        self._bar.reset(self._task, total=steps)

    def say(self, doing: str, failed: str) -> None:
        """One of the two is empty. Of what is done, what stands before a colon is said once."""
        if failed:
            self._console.print(failed, highlight=False, markup=False, emoji=False, style="red")
            return
        if self._live:
            self._bar.update(self._task, description=doing)
            self._bar.refresh()
            self._bar.advance(self._task)  # drawn with the next, when it is done
        elif (part := doing.partition(":")[0]) != self._said:
            self._said = part
            self._console.print(part, highlight=False, markup=False)

    def __enter__(self) -> Self:
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bar.stop()
