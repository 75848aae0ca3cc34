"""Payloads of a lane come back as they were sent, methods see what they are called with, errors reach the caller."""

from __future__ import annotations

import dataclasses
import inspect
import random
import time
from typing import Any

import numpy as np
import pytest

from contenders.interface import ARRAYS, Caller, CallError, Contender
from contenders.objects import same_types
from contenders.service import SLOW_SECONDS, BenchService
from tests.contenders.conformance.conforming import BIG_BYTES, EVERY, LIVES, MESSAGES, ORDER, SMALL, TEXTS, WORDS, same

# A Connection of multiprocessing that fails to send leaves a buffer in its traceback, and Python 3.14 complains of one
# that is collected in a circle.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored while finalizing file <_io.BytesIO:pytest.PytestUnraisableExceptionWarning"
)

DOCUMENT = {
    "id": -(2**63),
    "flags": [True, False, None],
    "nested": {"leaf": [1, 2.5, {"deep": [[], {}, ""]}]},
    "text": TEXTS["non-ASCII"],
    "rows": [{"n": n, "name": f"row {n}", "ratio": n / 7} for n in range(500)],
}

PAYLOADS: dict[str, dict[str, Any]] = {
    "bytes": {
        "empty": b"",
        "one byte": b"\x00",
        "random": random.Random(1).randbytes(1000),
        "at the copying limit": random.Random(2).randbytes(64 * 1024),
        "2 MB": random.Random(3).randbytes(BIG_BYTES),
    },
    "json": {**TEXTS, "document": DOCUMENT, "none": None, "number": 0.1, "list": [1, [2, [3]]]},
    "native": TEXTS,
    "pickle": {
        "empty": (),
        "an object": ORDER,
        "objects in an object": dataclasses.replace(ORDER, lines=[[ORDER, ORDER], [1, [2, [3]]]]),
        "2 MB": dataclasses.replace(ORDER, note=TEXTS["2 MB"]),
    },
    ARRAYS: {
        "empty": np.empty(0, np.float32),
        "one item": np.float32([0.1]),
        "4 KB": np.arange(1000, dtype=np.float32),
        "other items": np.arange(-500, 500, dtype=np.int16),
        "at the copying limit": np.arange(64 * 1024 / 4, dtype=np.float32),
        "2 MB": np.arange(BIG_BYTES / 4, dtype=np.float32),
    },
}

OF_ARRAYS = [parameter for parameter in EVERY if parameter.values[0].lane == ARRAYS]


def test_every_payload_of_the_lane_comes_back_as_it_was_sent(contender: Contender, caller: Caller) -> None:
    for kind, payload in PAYLOADS[contender.lane].items():
        result = caller.call("echo", payload)
        assert same(result, payload), kind
        assert contender.lane != "pickle" or same_types(result, payload), kind


def test_large_and_small_calls_follow_each_other_in_any_order(contender: Contender, caller: Caller) -> None:
    payloads = PAYLOADS[contender.lane]
    for kind in ("2 MB", "empty", "2 MB", "2 MB", "empty"):
        assert same(caller.call("echo", payloads[kind]), payloads[kind]), kind


@pytest.mark.parametrize("contender", OF_ARRAYS, indirect=True, scope="module")
def test_methods_of_arrays_see_the_array_they_are_called_with(contender: Contender, caller: Caller) -> None:
    for _ in range(2):  # the second time what is kept for a payload is there
        for kind, payload in PAYLOADS[ARRAYS].items():
            total = caller.call("total", payload)
            assert (type(total), total) == (float, float(payload.sum())), kind
            if kind != "empty":
                assert caller.call("first", payload) == float(payload[0]), kind
    for error in (lambda: caller.call("first", PAYLOADS[ARRAYS]["empty"]), lambda: caller.call("fail", SMALL[ARRAYS])):
        with pytest.raises(CallError) as caught:
            error()
        assert caught.value.type_name in ("IndexError", "ValueError")
        assert caller.call("total", SMALL[ARRAYS]) == 6


@pytest.mark.parametrize("contender", MESSAGES, indirect=True, scope="module")
def test_a_method_takes_integers_and_a_method_takes_a_document(contender: Contender, caller: Caller) -> None:
    assert caller.call("add", {"a": 2**62, "b": -5}) == 2**62 - 5
    assert caller.call("process", DOCUMENT) == BenchService().process(DOCUMENT)


@pytest.mark.parametrize("contender", WORDS, indirect=True, scope="module")
def test_slow_methods_return_what_they_are_given(contender: Contender, caller: Caller) -> None:
    for method in ("sleep", "compute"):
        start = time.perf_counter()
        assert caller.call(method, "slowly") == "slowly"
        assert time.perf_counter() - start >= SLOW_SECONDS


@pytest.mark.parametrize("contender", MESSAGES, indirect=True, scope="module")
def test_an_error_of_the_handler_reaches_the_caller_and_the_next_call_works(
    contender: Contender, caller: Caller
) -> None:
    for text in ("why not", "Ωμέγα", "x" * BIG_BYTES):
        with pytest.raises(CallError) as caught:
            caller.call("fail", text)
        assert caught.value.type_name == "ValueError"
        assert caught.value.message == f"asked to fail with {text[:80]}"
        assert caller.call("echo", SMALL[contender.lane]) == SMALL[contender.lane]


def test_an_unknown_method_is_an_error_and_the_next_call_works(contender: Contender, caller: Caller) -> None:
    with pytest.raises(CallError):
        caller.call("no_such_method", SMALL[contender.lane])
    assert same(caller.call("echo", SMALL[contender.lane]), SMALL[contender.lane])


# These two stand here, where every contender has a server anyway: they are about callers that lack something.


@pytest.mark.parametrize(
    "contender",
    [each for each in LIVES if not each.values[0].several_in_flight],
    indirect=True,
    scope="module",
)
def test_a_caller_that_makes_one_call_at_a_time_says_so(contender: Contender, caller: Caller) -> None:
    with pytest.raises(NotImplementedError, match="one call at a time"):
        caller.begin("echo", SMALL[contender.lane])


def streams_somewhere(kind: type[Contender]) -> bool:
    """In some lane, itself or what it is made from: its callers have a `stream`."""
    bases = [each for each in kind.__mro__ if issubclass(each, Contender) and not inspect.isabstract(each)]
    return any(each(lane).streams for each in bases for lane in each.lanes)


@pytest.mark.parametrize(
    "contender",
    [each for each in LIVES if not streams_somewhere(type(each.values[0]))],
    indirect=True,
    scope="module",
)
def test_a_caller_without_streams_says_so(contender: Contender, caller: Caller) -> None:
    with pytest.raises(NotImplementedError, match="no streams"):
        next(caller.stream("produce", {"item": "an item", "items": 1}))
