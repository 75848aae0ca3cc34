"""The corpus has exact sizes, is the same for everyone, and no two payloads of a cell are equal."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contenders.objects import same_arrays
from contenders.service import BenchService
from scenarios.plan import payloads

LENGTH: dict[str, Callable[[Any], int]] = {
    "bytes": len,
    "ascii": lambda text: len(text.encode()),
    "escapes": lambda text: len(text.encode()),
    "document": lambda document: len(orjson.dumps(document)),
    "objects": lambda order: len(pickle.dumps(order, protocol=5)),
}


def test_arrays_are_of_exact_size_and_differ_in_what_total_and_first_give() -> None:
    for size, count in ((4, 8), (4000, 8), (1_000_000, 4), (payloads.FEW_FROM_BYTES, 2)):
        made, again = payloads.corpus("array", size, 1), payloads.corpus("array", size, 1)
        assert {(array.nbytes, array.dtype.str, array.ndim) for array in made} == {(size, "<f4", 1)}
        for method in (BenchService().total, BenchService().first):
            assert len({method(array) for array in made}) == len(made) == count
        assert all(map(same_arrays, made, again))
        assert all(float(array.sum()) == float(array.sum(dtype="f8")) for array in made), "a sum is exact"


@pytest.mark.parametrize("kind", LENGTH)
@given(room=st.integers(64, 20_000), seed=st.integers())
def test_payloads_are_of_exact_size_distinct_and_decided_by_the_seed(kind: str, room: int, seed: int) -> None:
    size = max(room, payloads.MINIMUM_BYTES[kind])
    made: list[Any] = payloads.corpus(kind, size, seed)
    assert {LENGTH[kind](payload) for payload in made} == {size}
    assert len({repr(payload) for payload in made}) == len(made) >= 4
    assert made == payloads.corpus(kind, size, seed)


@pytest.mark.parametrize(("size", "count"), [(100, 8), (250_000, 8), (250_001, 4)])
def test_there_are_eight_payloads_and_four_of_more_than_2_mb_together(size: int, count: int) -> None:
    assert len(payloads.corpus("bytes", size, 1)) == count


@pytest.mark.parametrize("kind", ["bytes", "ascii", "escapes", "document", "objects"])
def test_the_smallest_size_has_room_for_the_nonce(kind: str) -> None:
    size = payloads.MINIMUM_BYTES[kind]
    assert {LENGTH[kind](payload) for payload in payloads.corpus(kind, size, 1)} == {size}


def test_a_document_of_314_kb_is_nested_and_survives_json() -> None:
    document = payloads.corpus("document", 314_000, 1)[0]
    assert len(orjson.dumps(document)) == 314_000
    assert orjson.loads(orjson.dumps(document)) == document
    assert document["records"][5]["position"]["x"]


def test_numbers_are_distinct_and_of_one_size() -> None:
    made = payloads.corpus("numbers", payloads.NUMBERS_BYTES, 1)
    assert {len(orjson.dumps(each)) for each in made} == {payloads.NUMBERS_BYTES}
    assert len({each["a"] for each in made}) == len(made)


def test_escapes_need_escaping_in_json() -> None:
    text = payloads.corpus("escapes", 10_000, 1)[0]
    assert len(orjson.dumps(text)) > 14_000


@pytest.mark.parametrize("size", [65_536, 300_000, 2_000_000])
def test_large_objects_are_of_exact_size_however_many_frames_a_pickle_has(size: int) -> None:
    (order, *_) = payloads.corpus("objects", size, 1)
    assert len(pickle.dumps(order, protocol=5)) == size
    assert (type(order.placed), type(order.position), type(order.lines[0][3])) == (datetime, tuple, list)


def test_the_protocol_that_multiprocessing_chooses_writes_objects_with_the_same_bytes() -> None:
    order = payloads.corpus("objects", 100_000, 1)[0]
    assert pickle.dumps(order)[2:] == pickle.dumps(order, protocol=5)[2:]
