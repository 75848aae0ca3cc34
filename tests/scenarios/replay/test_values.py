"""Values are equal when they are so in all that they hold, and what is not is named with its place."""

from __future__ import annotations

import dataclasses
import pickle
from collections import OrderedDict, defaultdict, deque, namedtuple
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from scenarios.replay.values import difference
from tests.scenarios.replay.shop import Basket, Price

Pair = namedtuple("Pair", "one other")
NAN = float("nan")


class Colour(Enum):
    RED = 1


class Slotted:
    __slots__ = ("__own", "value")

    def __init__(self, value: Any) -> None:
        self.value, self.__own = value, [value]


class Circle:
    def __init__(self) -> None:
        self.inner = [self]


@dataclasses.dataclass(eq=False)
class Never:
    value: Any


class Bag(list):  # type: ignore[type-arg]
    pass


def bag(**more: Any) -> Bag:
    made = Bag([1])
    made.__dict__.update(more)
    return made


EQUAL = [
    *(None, True, 3, 2**70, 1.5, NAN, float("inf"), "text", b"bytes", bytearray(b"more"), 1 + 2j, complex(NAN, 1)),
    *([1, [2, [3]]], (1, "2"), {"a": [1], 2: None, (3, 4): {}}, {1, "2"}, frozenset({(1, 2)}), {NAN}, deque([1, [2]])),
    *(OrderedDict(a=1), defaultdict(list, a=[1]), Pair(1, [NAN]), range(3), Decimal("1.50"), UUID(int=5)),
    *(datetime(2024, 5, 1), datetime(2024, 5, 1, tzinfo=UTC), timedelta(1), Colour.RED, len, Basket, np.float32(1.5)),
    *(Basket([("pear", 2)]), Price(3), Slotted([1]), Never([NAN]), bag(more=[1]), ValueError("no", 3), object()),
    *(np.arange(6.0).reshape(2, 3), np.array([NAN, 1.0]), np.array(["NaT"], "M8[s]"), np.array([{"a": 1}], object)),
    *(np.zeros(2, [("x", "i4"), ("y", "f8")]), pd.DataFrame({"a": [1, None]}), pd.Series([1, 2]), iter([1, 2])),
]


@pytest.mark.parametrize("value", EQUAL, ids=lambda value: type(value).__name__)
def test_a_pickled_copy_is_equal(value: Any) -> None:
    assert difference(value, pickle.loads(pickle.dumps(value))) is None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ((1, 2), [1, 2], "it: tuple -> list"),
        ({"items": [1, 2, (3,)]}, {"items": [1, 2, [3]]}, "it['items'][2]: tuple -> list"),
        (NAN, None, "it: NaN -> None"),
        (1, True, "it: int -> bool"),
        (1, 1.0, "it: int -> float"),
        ({1: "a"}, {"1": "a"}, "it.keys()[0]: int -> str"),
        ({"a": 1}, {"b": 1}, "it.keys()[0]: 'a' -> 'b'"),
        ({"a": 1}, {}, "it: 1 keys -> 0 keys"),
        (OrderedDict(a=1, b=1), OrderedDict(b=1, a=1), "it.keys()[0]: 'a' -> 'b'"),
        ([1], [1, 2], "it: 1 items -> 2 items"),
        ({1}, {2}, "it: 1 -> not there"),
        (datetime(2024, 5, 1), "2024-05-01T00:00:00", "it: datetime -> str"),
        (
            datetime(2024, 5, 1, tzinfo=UTC),
            datetime(2024, 5, 1, 1, tzinfo=timezone(timedelta(hours=1))),
            "it: '2024-05-01T00:00:00+00:00' -> '2024-05-01T01:00:00+01:00'",
        ),
        (Basket([("pear", 2)]), {"items": [["pear", 2]]}, "it: Basket -> dict"),
        (Basket([("pear", 2)]), Basket([["pear", 2]]), "it.items[0]: tuple -> list"),  # type: ignore[list-item]
        (Price(3), Price(4), "it.cents: 3 -> 4"),
        (Slotted(1), Slotted(2), "it._Slotted__own[0]: 1 -> 2"),
        (bag(more=1), bag(more=2), "it.__dict__['more']: 1 -> 2"),
        (ValueError("a"), ValueError("b"), "it.args[0]: 'a' -> 'b'"),
        (np.zeros(2), np.zeros(2, "f4"), "it: array of float64 -> of float32"),
        (np.zeros(2), np.zeros((2, 1)), "it: array of shape (2,) -> of (2, 1)"),
        (np.zeros(2), np.ones(2), "it: array -> other items"),
        (np.zeros(2), [0.0, 0.0], "it: ndarray -> list"),
        (np.float64(1), 1.0, "it: float64 -> float"),
        (pd.Series([1]), pd.Series([2]), "it: Series -> other values"),
        ("x" * 90, "y", f"it: '{'x' * 36}... -> 'y'"),
        (Pair(1, 2), (1, 2), "it: Pair -> tuple"),
    ],
)
def test_what_differs_is_named_with_its_place(before: Any, after: Any, said: str) -> None:
    assert difference(before, after, "it") == said


def test_what_contains_itself_is_compared_and_does_not_hang() -> None:
    circle = Circle()
    assert difference(circle, pickle.loads(pickle.dumps(circle))) is None
    ring: list[Any] = [1]
    other: list[Any] = [1]
    ring.append(ring)
    other.append([1, other, 2])
    assert difference(ring, other, "ring") == "ring[1]: 2 items -> 3 items"


def test_what_is_nested_deeper_than_the_stack_is_compared() -> None:
    def nested(end: int) -> list[Any]:
        value: list[Any] = [end]
        for _ in range(20_000):
            value = [value]
        return value

    one, same, another = nested(1), nested(1), nested(2)
    assert difference(one, same) is None
    assert str(difference(one, another)).endswith("[0]: 1 -> 2")


def test_a_class_whose_equality_or_repr_raises_is_compared_by_its_attributes() -> None:
    class Odd:
        def __init__(self, value: int) -> None:
            self.value = value

        def __eq__(self, other: object) -> bool:
            raise RuntimeError("no")

        __hash__ = None  # type: ignore[assignment]

        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert difference(Odd(1), Odd(1)) is None
    assert difference(Odd(1), Odd(2), "odd") == "odd.value: 1 -> 2"
    assert difference({"a": Odd}, {"a": int}, "kind") is not None


class Unset:
    """Asked for an attribute that it does not have, it looks for another one that it does not have."""

    __slots__ = ("_data",)

    def __getattr__(self, name: str) -> object:
        return self._data[name]


def test_an_object_whose_attributes_cannot_be_read_is_taken_for_another() -> None:
    assert str(difference(Unset(), Unset(), "result")).startswith("result: "), "nobody knows whether they are equal"
