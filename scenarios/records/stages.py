"""Moments of a run at which a test may step in, to show that being stopped there leaves valid files.

Nothing happens at them otherwise. Not for threads: one hook for the process, set by a test before the run.
"""

from __future__ import annotations

from collections.abc import Callable

BEGINNING = "folder made, nothing in it"
BEGUN = "environment written"
MEASURED = "a cell measured, nothing stored"
SAMPLES_STORED = "samples stored, no row"
ROW_STORED = "row stored"
ALL_MEASURED = "every cell stored, no intervals"
REPLACING = "new content written, not in place"
REPLACED = "new content in place"
FINISHED = "run finished, nothing drawn"
DRAWING = "some plots drawn"

ALL = (
    *(BEGINNING, BEGUN, MEASURED, SAMPLES_STORED, ROW_STORED),
    *(ALL_MEASURED, REPLACING, REPLACED, FINISHED, DRAWING),
)

_hook: Callable[[str], None] | None = None


def on_reaching(hook: Callable[[str], None] | None) -> None:
    """Have `hook` called with each stage as it is reached; None for no more."""
    global _hook
    _hook = hook


def reached(stage: str) -> None:
    """Say that the run is here."""
    if _hook is not None:
        _hook(stage)
