"""SIGTERM as tidy as Ctrl-C, and processes that see neither from the terminal."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
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


@contextmanager
def interrupts_held_back() -> Iterator[None]:
    """A process started in here does not see Ctrl-C, which a terminal sends to all; the runner ends it
    instead.

    The signal mask is inherited through exec, so not even the interpreter's start can be interrupted
    half-way.
    """
    # multiprocessing starts its tracker with the first process, and lets SIGINT through again when it has.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
