"""The recorded call that a thread or task is in. Thread-safe; every task has its own."""

from __future__ import annotations

import contextlib
import itertools
from contextvars import ContextVar
from typing import Iterator

INSIDE = -1
"""Inside the recorder itself: what it calls of the program, as when it pickles an object, is no call of the program."""

current: ContextVar[int] = ContextVar("shm_rpc_bridge.record.current", default=0)
"""The number of the innermost call, 0 for none."""

next_number = itertools.count(1).__next__
"""Counts on over all recordings of a process: a call of an earlier one is no call's parent in this one."""


@contextlib.contextmanager
def inside() -> Iterator[None]:
    """Record nothing meanwhile in this thread or task."""
    token = current.set(INSIDE)
    try:
        yield
    finally:
        current.reset(token)
