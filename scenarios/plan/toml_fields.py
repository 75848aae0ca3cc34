"""Typed reading of TOML tables that collects mistakes instead of stopping at the first.

Knows keys, types and lines; knows nothing of what a scenario means. A wrong value gives back a harmless
stand-in, so that reading goes on and every mistake of a file is found in one go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from scenarios.common.errors import Mistake, ScenarioError
from scenarios.common.units import SIZE, bytes_of

LARGEST_BYTES = 100_000_000
MISSING = object()


class Problems:
    """The mistakes of one file, each with its line."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.found: list[Mistake] = []
        self._lines = text.splitlines()

    def add(self, table: str, index: int, key: str, message: str) -> None:
        """Record one. `table` is empty for the top of the file; `index` counts the tables of that name from
        0."""
        line = self._line(table, index, key)
        where = f"{table}[{index}].{key}" if table else key
        self.found.append(Mistake(message, self.file, line or None, where))

    def raise_if_any(self) -> None:
        """Raise :class:`ScenarioError` with all of them, one per line."""
        if self.found:
            self._fail()

    def _fail(self) -> NoReturn:
        raise ScenarioError("\n".join(map(str, self.found)), self.found)

    def _line(self, table: str, index: int, key: str) -> int:
        """The line a key stands on; its table's when it is missing; 0 when neither is written out plainly."""
        seen, header, current = -1, 0, ""
        for number, line in enumerate(self._lines, 1):
            if opening := re.match(r"\s*\[\[\s*([\w-]+)\s*\]\]", line):
                current = opening[1]
                seen += current == table
                if current == table and seen == index:
                    header = number
            inside = current == table and (not table or seen == index)
            if inside and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
                return number
        return header


class Fields:
    """One table, read key by key; :meth:`finish` reports the keys nobody asked for."""

    def __init__(self, table: Mapping[str, Any], problems: Problems, name: str = "", index: int = 0) -> None:
        self._table = table
        self._problems = problems
        self._place = (name, index)
        self._known: set[str] = set()

    def wrong(self, key: str, message: str) -> None:
        """Report a mistake at `key`."""
        self._problems.add(*self._place, key, message)

    def finish(self) -> None:
        """Report every unknown key, with the one that was probably meant."""
        for key in self._table:
            if key not in self._known:
                near = get_close_matches(key, self._known, 1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                self.wrong(key, f"unknown key; {hint}allowed: {', '.join(sorted(self._known))}")

    def absent(self, key: str, why: str) -> None:
        """Report `key` if it is there."""
        if self._take(key, None) is not None:
            self.wrong(key, f"cannot be given: {why}")

    def text(self, key: str, *, default: str) -> str:
        """A string."""
        value = self._take(key, default)
        if isinstance(value, str):
            return value
        self._mistyped(key, "a string", value)
        return default

    def integer(self, key: str, *, default: int, minimum: int | None = None) -> int:
        """A whole number, not below `minimum`."""
        value = self._take(key, default)
        if not _is_integer(value):
            self._mistyped(key, "a whole number", value)
        elif minimum is not None and value < minimum:
            self.wrong(key, f"{value} is too small; allowed: {minimum} and more")
        else:
            return int(value)
        return default

    def count(self, key: str, *, default: int) -> int:
        """A whole number from 1."""
        return self.integer(key, default=default, minimum=1)

    def positive(self, key: str, *, default: float) -> float:
        """A number above 0."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._mistyped(key, "a number", value)
        elif not 0 < value < float("inf"):
            self.wrong(key, f"{value} is not allowed; allowed: more than 0")
        else:
            return float(value)
        return default

    def tables(self, key: str) -> list[Mapping[str, Any]]:
        """The ``[[key]]`` tables; at least one."""
        value = self._take(key, MISSING)
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            return value
        self.wrong(key, f"at least one [[{key}]] table is needed")
        return []

    def choice(self, key: str, allowed: Sequence[str], *, default: str) -> str:
        """One of `allowed`."""
        value = self._take(key, default)
        if not isinstance(value, str):
            self._mistyped(key, "a string", value)
            return default
        if value != default:
            self._check(key, value, allowed)
        return value

    def choices(
        self, key: str, allowed: Sequence[str], *, default: Sequence[str] = (), special: str = ""
    ) -> tuple[str, ...]:
        """A list of different ones of `allowed`, or the word `special` instead of a list."""
        value = self._take(key, list(default) or MISSING)
        if special and value == special:
            return (special,)
        chosen = [each for each in self._list(key, value, str, "strings") if self._check(key, each, allowed)]
        return self._different(key, chosen)

    def counts(self, key: str, *, default: Sequence[int], maximum: int) -> tuple[int, ...]:
        """A list of different whole numbers from 1 to `maximum`."""
        values = self._list(key, self._take(key, list(default)), int, "whole numbers")
        for value in values:
            if not 1 <= value <= maximum:
                self.wrong(key, f"{value} is not allowed; allowed: 1 to {maximum}")
        return self._different(key, values)

    def words(self, key: str, *, default: Sequence[str]) -> tuple[str, ...]:
        """A list of different strings."""
        return self._different(key, self._list(key, self._take(key, list(default)), str, "strings"))

    def sizes(self, key: str, smallest: int) -> tuple[int, ...]:
        """A list of byte counts: whole numbers, or strings such as "100 B", "10KB", "2MB" (decimal units)."""
        value = self._take(key, MISSING)
        sizes = [self._size(key, each, smallest) for each in self._list(key, value, object, "sizes")]
        if len(set(sizes)) < len(sizes):
            self.wrong(key, "the same size twice")
        return tuple(sizes)

    def counts_for(self, key: str, length: int, other: str) -> tuple[int, ...]:
        """A whole number from 1 for each of `length` things, or one number for all of them."""
        value = self._take(key, MISSING)
        if not isinstance(value, list):
            return (self.count(key, default=1),) * length if value is not MISSING else self._missing(key)
        counts = self._list(key, value, int, "whole numbers")
        for each in counts:
            if each < 1:
                self.wrong(key, f"{each} is too small; allowed: 1 and more")
        if counts and len(counts) != length:
            self.wrong(key, f"{len(counts)} numbers for {length} {other}; give one number, or one for each")
        return tuple(counts)

    def _different(self, key: str, values: list[Any]) -> tuple[Any, ...]:
        if len(set(values)) < len(values):
            self.wrong(key, f"the same value twice: {', '.join(map(str, values))}")
        return tuple(dict.fromkeys(values))

    def _take(self, key: str, default: Any) -> Any:
        self._known.add(key)
        return self._table.get(key, default)

    def _missing(self, key: str) -> tuple[int, ...]:
        self.wrong(key, "is missing")
        return ()

    def _mistyped(self, key: str, wanted: str, value: object) -> None:
        self.wrong(key, f"{value!r} is not {wanted}")

    def _check(self, key: str, value: str, allowed: Sequence[str]) -> bool:
        if value in allowed:
            return True
        near = get_close_matches(value, allowed, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        self.wrong(key, f"unknown value {value!r}; {hint}allowed: {', '.join(allowed)}")
        return False

    def _list(self, key: str, value: Any, kind: type, wanted: str) -> list[Any]:
        if value is MISSING:
            self.wrong(key, f"is missing; a list of {wanted} is needed")
        elif not isinstance(value, list) or not all(_is_a(each, kind) for each in value):
            self._mistyped(key, f"a list of {wanted}", value)
        elif not value:
            self.wrong(key, "the list is empty")
        else:
            return value
        return []

    def _size(self, key: str, value: object, smallest: int) -> int:
        size = bytes_of(value) if isinstance(value, str) and SIZE.match(value) else value
        if not isinstance(size, int) or isinstance(size, bool):
            self.wrong(key, f'{value!r} is not a size; allowed: a number of bytes, or "100 B", "10KB", "2MB"')
            return smallest
        if not smallest <= size <= LARGEST_BYTES:
            self.wrong(key, f"{size} bytes is out of range; allowed: {smallest} to {LARGEST_BYTES}")
        return size


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_a(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))
