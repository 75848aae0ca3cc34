"""Objects that a server keeps for a client which has handles to them. Pure.

They belong to the channel that their handles use, so that whatever ends that, the client's death included, lets go of
them: there is nothing to be counted, and no lease to be renewed.
"""

from typing import Any, Callable, Dict, FrozenSet, Type

from .classes import class_name
from .offered import meant

Classes = Dict[Type[Any], FrozenSet[str]]
"""The classes whose objects are kept, each with the methods that can be called."""


class Unknown(LookupError):
    """There is no such method, or object. Only from what looks them up, never from a method."""


class Objects:
    """Of one channel. Used by the server's thread alone."""

    def __init__(self, classes: Classes) -> None:
        self._classes = classes
        self._kept: Dict[int, Any] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, value: Any) -> int:
        """The number of `value` from now on."""
        self._last += 1
        self._kept[self._last] = value
        return self._last

    def method(self, number: Any, name: Any) -> Callable[..., Any]:
        """A method of the object of that number.

        Raises :class:`Unknown` saying which there are, and whatever the object raises when it is asked for it.
        """
        if type(number) is not int or number not in self._kept:
            raise Unknown(f"there is no object {number!r}: its handle was closed")
        value = self._kept[number]
        public = self._classes[type(value)]
        if type(name) is not str or name not in public:
            near, known = meant(name, public), ", ".join(sorted(public)) or "none"
            raise Unknown(f"unknown method {name!r} of a {class_name(value)}{near}; registered: {known}")
        return getattr(value, name)  # type: ignore[no-any-return]

    def let_go(self, *numbers: int) -> None:
        for number in numbers:
            self._kept.pop(number, None)
