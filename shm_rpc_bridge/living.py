"""What of a kind there is in this process, for whoever has to look at each."""

from typing import TYPE_CHECKING, List, TypeVar

if TYPE_CHECKING:
    from weakref import WeakSet

Kind = TypeVar("Kind")


def living(them: "WeakSet[Kind]") -> List[Kind]:
    """Those that live now. Other threads may make more meanwhile: a WeakSet is not walked through in one step."""
    while True:
        try:
            return list(them)
        except RuntimeError:  # it has changed
            continue
