"""Which packages are split, at which functions: `packages.toml`, checked."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("packages.toml")


class CatalogueError(ValueError):
    """`packages.toml` says what cannot be done."""


@dataclass(frozen=True)
class Package:
    name: str
    """As PyPI knows it."""
    version: str
    kind: str
    tests: tuple[str, ...]
    """What pytest is given: files of the sdist, or modules with "--pyargs" before them."""
    take: tuple[str, ...]
    """Files and folders of the sdist that the tests need; () when the tests are installed with the package."""
    functions: dict[str, tuple[str, ...]]
    """Module: its functions that are called in the other process."""
    handles: tuple[str, ...]
    """Classes, as "module.Class", whose objects stay in the other process; their methods are called there."""
    needs: tuple[str, ...]
    """Requirements of the tests, pinned."""
    pytest: tuple[str, ...]
    """Further arguments of pytest."""

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"

    def split_functions(self) -> Iterator[tuple[str, str]]:
        """(module, function) for each."""
        for module, names in self.functions.items():
            for name in _all_of(module) if names == ("*",) else names:
                yield module, name


def _all_of(module: str) -> list[str]:
    """The functions in `__all__` of an installed module: what can be called and is no class."""
    found = importlib.import_module(module)
    members = {name: getattr(found, name) for name in found.__all__}
    return [name for name, member in members.items() if callable(member) and not isinstance(member, type)]


def packages() -> list[Package]:
    """All of them, in the order of the table."""
    entries = tomllib.loads(FILE.read_text())["package"]
    return [_package(entry) for entry in entries]


def package(name: str) -> Package:
    """Raises CatalogueError for an unknown name."""
    known = {package.name: package for package in packages()}
    if name not in known:
        raise CatalogueError(f"no package {name!r} in {FILE.name}; there are {', '.join(known)}")
    return known[name]


def _package(entry: dict[str, Any]) -> Package:
    lists: dict[str, Any] = {key: tuple(entry.pop(key, ())) for key in ("tests", "take", "handles", "needs", "pytest")}
    functions = {module: tuple(names) for module, names in entry.pop("functions", {}).items()}
    try:
        found = Package(**entry, **lists, functions=functions)
    except TypeError as error:
        raise CatalogueError(f"{FILE.name}, package {entry.get('name')!r}: {error}") from None
    if not found.functions and not found.handles:
        raise CatalogueError(f"{FILE.name}, package {found.name!r}: neither functions nor handles")
    return found
