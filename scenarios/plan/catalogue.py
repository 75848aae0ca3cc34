"""The contenders there are, as a mapping that imports one when it is looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from contenders import registry
from contenders.interface import Contender


class Registered(Mapping[str, type[Contender]]):
    """Name to class of every registered contender. Looking one up raises what :func:`registry.load`
    raises."""

    def __getitem__(self, name: str) -> type[Contender]:
        if name not in registry.names():
            raise KeyError(name)
        return registry.load(name)

    def __iter__(self) -> Iterator[str]:
        return iter(registry.names())

    def __len__(self) -> int:
        return len(registry.names())
