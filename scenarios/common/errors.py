"""The mistakes a user can make. Each carries the whole message, its parts for a program, and the exit code.

As JSON (``--errors json``) every problem is one object on a line of standard error, with these keys, null where
there is nothing to say: `kind` (one of usage, scenario, filter, run, comparison, checkout, failed-cell,
interrupted), `file`, `line` (from 1), `key` (of a scenario file, an option, or a failed cell's name), `message`. A
failed cell has `reason_kind` and `axes` as well.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


@dataclasses.dataclass(frozen=True)
class Mistake:
    """One thing that is wrong, and where."""

    message: str
    file: str | None = None
    line: int | None = None
    key: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.key, self.message) if part)


class UserError(Exception):
    """Something the person at the terminal can put right; shown without a traceback. Exit code 2."""

    exit_code = 2
    kind = "usage"

    def __init__(self, message: str, mistakes: Sequence[Mistake] = ()) -> None:
        super().__init__(message)
        self.mistakes = tuple(mistakes) or (Mistake(message),)


class UsageError(UserError):
    """The command line cannot be understood."""


class ScenarioError(UserError):
    """A scenario file says something that cannot be run. Names file, line, key and allowed values."""

    kind = "scenario"


class FilterError(UserError):
    """``--only`` or ``--skip`` names what is not there."""

    kind = "filter"

    def __init__(self, message: str, option: str) -> None:
        super().__init__(message, [Mistake(message.removeprefix(f"{option}: "), key=option)])


class RunError(UserError):
    """A run's folder is missing, unfinished, in use, or not what was asked for."""

    kind = "run"


class ComparisonError(UserError):
    """Two runs cannot be compared."""

    kind = "comparison"


class CheckoutError(UserError):
    """A version of the library cannot be measured."""

    kind = "checkout"


def allowed(given: object, values: Iterable[str]) -> str:
    """What may stand in the place of a word that is not understood, after what was probably meant."""
    near = get_close_matches(str(given), values := list(values), 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}allowed: {', '.join(values)}"


def as_json(kind: str, mistake: Mistake, **more: object) -> str:
    """One line for a program."""
    return json.dumps({"kind": kind, **dataclasses.asdict(mistake), **more})
