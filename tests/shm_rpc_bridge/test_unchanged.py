"""Whether values come back from JSON as what they are, told by their classes, level by level."""

import pytest

from shm_rpc_bridge.codec.jsonable import LEVELS
from shm_rpc_bridge.codec.unchanged import comes_back


class Unhashable(type):
    __hash__ = None


class Odd(metaclass=Unhashable):
    pass


@pytest.mark.parametrize("value", ["text", 1, 1.5, True, None, [], {}, [1, {"a": [None, 2.5]}]])
def test_plain_json_comes_back_also_beside_none(value):
    assert comes_back([value, None], b"[null, what it is]")


@pytest.mark.parametrize("value", [(1,), {1}, b"bytes", float("nan"), float("inf"), Odd(), [{"a": (1,)}]])
def test_what_json_writes_as_something_else_does_not(value):
    assert not comes_back([value], b"null, or what it is")


def test_so_many_levels_come_back_as_there_may_be():
    value = []
    for _ in range(LEVELS):
        value = [value]
    assert comes_back([value], b"[]")
    assert not comes_back([[value]], b"[]")


def test_there_are_no_more_values_than_bytes():
    assert comes_back([1, 2, 3], b"123")
    assert not comes_back([1, 2, 3], b"12")
