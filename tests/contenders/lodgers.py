"""Services that are served in a subinterpreter, which imports this module anew."""

from __future__ import annotations

import os
import threading
from typing import Any

CALLS: list[object] = []


class WhoRuns:
    """Its `echo` says in which process, thread and interpreter it ran, its `add` how often it was called."""

    def echo(self, payload: object) -> tuple[int, int, int]:
        from concurrent import interpreters

        return os.getpid(), threading.get_ident(), interpreters.get_current().id

    def add(self, payload: object) -> int:
        CALLS.append(payload)
        return len(CALLS)

    def process(self, payload: Any) -> Any:
        return payload


class Unpicklable:
    """Its result and its exception hold what cannot leave the interpreter."""

    def echo(self, payload: object) -> object:
        return threading.Lock()

    def fail(self, payload: object) -> None:
        raise ValueError(lambda: payload)

    def add(self, payload: object) -> int:
        return os.getpid()


class Quitting:
    """Its `echo` ends the thread that runs it."""

    def echo(self, payload: object) -> object:
        raise SystemExit


class Shy:
    """Remembers that somebody has looked at it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __repr__(self) -> str:
        self.seen.append("repr")
        return "Shy()"
