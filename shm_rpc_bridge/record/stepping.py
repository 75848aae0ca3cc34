"""The CPU time of one coroutine among others on its loop: of the steps it runs, without what runs while it waits."""

from __future__ import annotations

import functools
import time
from typing import Any, Callable, Coroutine, Generator


class Stepped:
    """Await it in place of the coroutine: it returns, raises and waits for the same. For one task."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._coroutine = coroutine
        self.cpu_ns = 0
        """Of its thread, in its steps so far."""

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._coroutine
        step: Callable[[], Any] = functools.partial(steps.send, None)
        while True:
            begun = time.thread_time_ns()
            try:
                waits_for = step()
            except StopIteration as returned:
                return returned.value
            finally:
                self.cpu_ns += time.thread_time_ns() - begun
            try:
                step = functools.partial(steps.send, (yield waits_for))
            except GeneratorExit:
                steps.close()
                raise
            except BaseException as thrown:  # into the task, as a cancellation is: the coroutine's to handle
                step = functools.partial(steps.throw, thrown)
