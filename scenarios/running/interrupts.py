"""SIGTERM as tidy as Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends a run as tidily as Ctrl-C does. Only in the main thread; elsewhere signals are not
    ours."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    restore: Callable[[], object] = lambda: None  # noqa: E731
    try:
        before = signal.signal(signal.SIGTERM, interrupt)
        restore = lambda: signal.signal(signal.SIGTERM, before)  # noqa: E731
    except ValueError:
        pass
    try:
        yield
    finally:
        restore()
