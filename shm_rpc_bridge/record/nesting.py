"""The recorded call that a thread or task is in. Thread-safe; every task has its own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from contextvars import ContextVar
from typing import Any, Callable, Iterator

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


_running_loop = asyncio._get_running_loop
_task_of: Callable[[Any], Any]
"""What runs on a loop."""
if sys.version_info >= (3, 12):
    _task_of = asyncio.current_task
else:  # where that is written in Python, which takes three times as long as what it asks
    _task_of = asyncio.tasks._current_tasks.get  # type: ignore[attr-defined]


def task_number() -> int:
    """A number for the task that runs; 0 outside of one."""
    loop = _running_loop()
    task = None if loop is None else _task_of(loop)
    return 0 if task is None else id(task)
