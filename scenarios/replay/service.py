"""The service that is replayed: it answers a recorded call with what was recorded, or with what the real function says.

A call's payload is ``[number, args, kwargs]`` and its answer ``[number, result]``: the number says which call it is,
and in the answer that it is no other's. Method ``call`` takes that as the lane carries it; ``echo``, for lanes of
bytes, takes and returns it pickled. Runs in a server's process. Light.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from contenders import pickling
from contenders.service import Methods
from scenarios.replay import cargo
from scenarios.replay.cargo import Case
from scenarios.replay.defaults import NOTHING, REAL

Run = Callable[[list[Any], dict[str, Any]], Any]


class ReplayService:
    """Picklable; thread-safe. Reads its file in the process that serves, once: before the first call where it is asked
    to (:func:`load`), else with it."""

    def __init__(self, file: str, handler: str) -> None:
        self._file, self._handler = file, handler
        self._answers: list[Run] | None = None
        self._methods = Methods({"call": self.call})
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[ReplayService], tuple[str, str]]:
        return ReplayService, (self._file, self._handler)

    def call(self, payload: Any) -> list[Any]:
        """Raises what the real function raises."""
        number, args, kwargs = payload
        answers = self._answers
        if answers is None:
            answers = self._load()
        return [number, answers[number](args, kwargs)]

    def echo(self, payload: Any) -> bytes:
        """A pickled request, its method ``call``; never raises, for a lane of bytes has no room for an error."""
        return pickling.answer(self._methods, payload)

    def _load(self) -> list[Run]:
        with self._lock:
            if self._answers is None:
                found = cargo.read(self._file)
                of_function: dict[str, Callable[..., Any]] = {}
                if self._handler == REAL:
                    for name in {case.function for case in found.cases}:
                        of_function[name] = called(name, is_async=name in found.is_async)
                self._answers = [self._answer(case, of_function) for case in found.cases]
            return self._answers

    def _answer(self, case: Case, of_function: dict[str, Callable[..., Any]]) -> Run:
        if self._handler == REAL:
            function = of_function[case.function]
            return lambda args, kwargs: function(*args, **kwargs)
        result = case.result()
        if self._handler == NOTHING:
            return lambda args, kwargs: result
        busy_ns, waiting_s = case.busy_ns, case.waiting_ns / 1e9

        def take_as_long(args: list[Any], kwargs: dict[str, Any]) -> Any:
            burn(busy_ns)
            if waiting_s > SHORTEST_SLEEP_S:
                time.sleep(waiting_s)
            return result

        return take_as_long


SHORTEST_SLEEP_S = 60e-6
"""A sleep ends some 50 µs late: a shorter one would take twice as long as was asked."""


def load(service: ReplayService) -> None:
    """Read its file now, in a process of its own. What is wrong with it is said by the first call.

    What a recorded program prints goes to standard error: standard output is for the answer of whoever started this.
    """
    sys.stdout = sys.stderr
    try:
        service._load()
    except (Exception, SystemExit):  # of somebody's program: the first call raises it again, to who can tell
        return


def burn(busy_ns: int) -> None:
    """Compute in Python for so much of this thread's CPU time, holding its lock as the recorded function did."""
    end = time.thread_time_ns() + busy_ns
    while time.thread_time_ns() < end:
        pass


def called(name: str, *, is_async: bool = False) -> Callable[..., Any]:
    """The function ``module:qualified.name``, imported. One that is `async` is run to its end, in a loop of its
    thread."""
    module, _, qualified = name.partition(":")
    found: Any = importlib.import_module(module)
    for attribute in qualified.split("."):
        found = getattr(found, attribute)
    if not is_async:
        function: Callable[..., Any] = found
        return function
    of_thread = threading.local()

    def run(*args: Any, **kwargs: Any) -> Any:
        if not hasattr(of_thread, "own"):
            of_thread.own = _Loop()
        return of_thread.own.loop.run_until_complete(found(*args, **kwargs))

    return run


class _Loop:
    """An event loop that is closed when nobody has it any more."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    def __del__(self) -> None:
        self.loop.close()
