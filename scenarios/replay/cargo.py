"""The calls that are replayed, as the measured processes get them: a file that each reads by itself.

It is pickles, written by the process that starts these, into a folder that nobody else can read. Light.
"""

from __future__ import annotations

import dataclasses
import pickle
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Case:
    """One call that is replayed. Its number is its place in :attr:`Cargo.cases`."""

    function: str
    """``module:qualified.name``."""
    request: bytes
    """A pickle of ``(args, kwargs)``."""
    response: bytes
    """A pickle of the result."""
    busy_ns: int
    """CPU time of the recorded call, for a handler that is to take as long."""
    waiting_ns: int
    """What else the recorded call took: it waited."""
    start_ns: int
    """When it was called, on the clock of the recording."""
    duration_ns: int

    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Raises whatever unpickling them raises."""
        args, kwargs = pickle.loads(self.request)
        return args, kwargs

    def result(self) -> Any:
        """As :meth:`arguments`."""
        return pickle.loads(self.response)


@dataclasses.dataclass(frozen=True)
class Cargo:
    """What a replay carries."""

    cases: tuple[Case, ...]
    is_async: frozenset[str] = frozenset()
    """Of the functions those that are coroutine functions."""

    def numbers(self, function: str) -> list[int]:
        """Of one function's cases, in the order they were recorded in."""
        return [number for number, case in enumerate(self.cases) if case.function == function]

    def write(self, file: Path) -> None:
        """In a private folder: these are somebody's data."""
        file.write_bytes(pickle.dumps(self, pickle.HIGHEST_PROTOCOL))


def read(file: str) -> Cargo:
    """What :meth:`Cargo.write` wrote."""
    found: Cargo = pickle.loads(Path(file).read_bytes())
    return found
