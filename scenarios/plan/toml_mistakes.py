"""What pydantic finds wrong with a TOML file, as mistakes with file, line, key and what is allowed.

Knows keys, types and lines; knows nothing of what a scenario means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from scenarios.common.errors import Mistake, allowed

WORDS: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda error: "is missing",
    "string_type": lambda error: f"{error['input']!r} is not a string",
    "int_type": lambda error: f"{error['input']!r} is not a whole number",
    "float_type": lambda error: f"{error['input']!r} is not a number",
    "finite_number": lambda error: f"{error['input']} is not allowed; allowed: more than 0",
    "greater_than": lambda error: f"{error['input']} is not allowed; allowed: more than {error['ctx']['gt']:g}",
    "greater_than_equal": lambda error: f"{error['input']} is too small; allowed: {error['ctx']['ge']} and more",
    "less_than_equal": lambda error: f"{error['input']} is too large; allowed: {error['ctx']['le']} and less",
    "list_type": lambda error: f"{error['input']!r} is not a list; write [{error['input']!r}]",
    "too_short": lambda error: "the list is empty",
    "value_error": lambda error: str(error["ctx"]["error"]),
}
"""Pydantic's kind of error to our sentence; its own where there is none."""


def unknown(given: object, values: Iterable[str], what: str = "value") -> str:
    """The sentence on a word that is none of `values`, with the one that was probably meant."""
    return f"unknown {what}{'' if what == 'key' else f' {given!r}'}; {allowed(given, values)}"


def mistakes(error: ValidationError, models: Mapping[str, type[BaseModel]], file: str, text: str) -> list[Mistake]:
    """All of them, in the order of the file's lines.

    `models` has the model of the top of the file under "", and of each ``[[table]]`` under its name; `text` is the
    whole file.
    """
    found = [_mistake(each, models, file, text) for each in error.errors()]
    return sorted(found, key=lambda each: each.line or 0)


def mistake(place: tuple[int | str, ...], message: str, file: str, text: str) -> Mistake:
    """One, at ``(key,)`` or ``(table, index, key)``; what follows the key in `place` is left out."""
    table, index, key = ("", -1, place[0]) if len(place) < 3 else (str(place[0]), int(place[1]), place[2])
    where = f"{table}[{index}].{key}" if table else str(key)
    return Mistake(message, file, _line(text, table, index, str(key)) or None, where)


def _mistake(error: ErrorDetails, models: Mapping[str, type[BaseModel]], file: str, text: str) -> Mistake:
    place: tuple[Any, ...] = error["loc"]
    if error["type"] == "extra_forbidden":
        message = unknown(place[-1], models["" if len(place) == 1 else place[0]].model_fields, "key")
    else:
        words = WORDS.get(error["type"])
        message = words(error) if words else error["msg"]
    return mistake(place, message, file, text)


def _line(text: str, table: str, index: int, key: str) -> int:
    """The line a key stands on; its table's when it is missing; 0 when neither is written out plainly."""
    seen, header, current = -1, 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if opening := re.match(r"\s*\[\[\s*([\w-]+)\s*\]\]", line):
            current = opening[1]
            seen += current == table
            if current == table and seen == index:
                header = number
        inside = current == table and (not table or seen == index)
        if inside and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return header
