"""Whether a value comes back from JSON as what it is: told by exact classes. Pure."""

from gc import get_referents
from math import isfinite
from typing import Any, Sequence

from .jsonable import LEVELS

_ALL = frozenset({str, int, float, bool, type(None), list, dict})


def comes_back(values: Sequence[Any], encoded: bytes) -> bool:
    """Of values that orjson has encoded so: it has made sure of keys and depth, and that nothing contains itself.

    Level by level, what each contains asked of the garbage collector: a loop in Python costs three times as much.
    """
    may_have_nan = b"null" in encoded  # written for them, and for None
    try:
        for _ in range(LEVELS + 1):
            if not _ALL.issuperset(map(type, values)) or len(values) > len(encoded):
                return False
            if may_have_nan and not all(map(isfinite, (value for value in values if type(value) is float))):
                return False
            values = get_referents(*values)
            if not values:
                return True
    except TypeError:  # a metaclass whose classes have no hash
        pass
    return False  # also of what another thread has changed meanwhile
