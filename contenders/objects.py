"""What lane ``pickle`` carries: an object of a class of one's own, as functions of a program hand it to each other.

Plain data. In a module that is imported in the client and in the server, for a pickle names its classes.
"""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any


@dataclasses.dataclass
class Order:
    """A dataclass with a datetime, a tuple and nested lists."""

    number: int
    placed: datetime
    position: tuple[float, float]
    lines: list[list[Any]]
    """Each ``[article, name, price, [tag, ...]]``."""
    note: str


def same_arrays(one: Any, other: Any) -> bool:
    """Whether two values are arrays of one dtype and shape with the same items."""
    alike = type(one) is type(other) and one.dtype == other.dtype and one.shape == other.shape
    return alike and bool((one == other).all())


def same_types(one: Any, other: Any) -> bool:
    """Whether two values that are equal are so in the types of all they hold, too: ``1 == 1.0 == True``, and an object
    that only stands for another one may say that it is equal.
    """
    if type(one) is not type(other):
        return False
    if isinstance(one, Order):
        return same_types(list(vars(one).values()), list(vars(other).values()))
    if isinstance(one, dict):
        return same_types(list(one.items()), list(other.items()))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same_types, one, other))
    return True
