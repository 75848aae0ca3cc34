"""Which arguments of one function are not to be kept, by the names of its parameters. Immutable; pure."""

from __future__ import annotations

import itertools
from typing import Sequence

from shm_rpc_bridge.record.payloads import Arguments
from shm_rpc_bridge.record.stand_ins import Redacted


class Hiding:
    """Of a function with these parameters, written as its signature does: ``*args`` and ``**options`` have stars.

    A name that has stars hides all that goes there. Where a function in C does not say what its parameters are, or a
    decorator around it takes others (`places_are_known` is false), every argument without a name is hidden, since it
    may be the one.
    """

    def __init__(self, names: Sequence[str], parameters: Sequence[str], *, places_are_known: bool = True) -> None:
        self.nothing = not names
        self.result = "return" in names
        self._names = frozenset(names)
        stars = [name for name in parameters if name.startswith("*") and name.lstrip("*") in self._names]
        positional = list(itertools.takewhile(lambda name: not name.startswith("*"), parameters))
        self._places = frozenset(place for place, name in enumerate(positional) if name in self._names)
        self._rest_from = len(positional)
        self._hides_rest = any(not name.startswith("**") for name in stars) or (bool(names) and not parameters)
        if not places_are_known and (self._places or self._hides_rest):
            self._hides_rest, self._rest_from = True, 0
        self._parameters = frozenset(parameters)
        self._hides_others = any(name.startswith("**") for name in stars)

    def of(self, arguments: Arguments) -> Arguments:
        """The arguments, with :class:`Redacted` for each that is hidden."""
        args, kwargs = arguments
        return (
            tuple(Redacted.of(each) if self._hides_place(place) else each for place, each in enumerate(args)),
            {name: Redacted.of(each) if self._hides_name(name) else each for name, each in kwargs.items()},
        )

    def _hides_place(self, place: int) -> bool:
        return place in self._places or (self._hides_rest and place >= self._rest_from)

    def _hides_name(self, name: str) -> bool:
        return name in self._names or (self._hides_others and name not in self._parameters)
