"""Requests and responses of contenders that bring no codec of their own."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from contenders import arrays, codec, pickling
from contenders.interface import CallError
from shm_rpc_bridge.codec import chosen


def fail(payload: Any) -> Any:
    raise LookupError(payload)


METHODS = {"echo": lambda payload: payload, "fail": fail}


@pytest.mark.parametrize("codec", [codec, pickling])
def test_a_request_has_one_response_its_result_or_its_error(codec: ModuleType) -> None:
    for payload in ({"a": [1, 2]}, [7, 8], None):
        assert codec.decode_response(codec.answer(METHODS, codec.encode_request("echo", payload))) == payload
    for method, error in (("fail", ("LookupError", "why")), ("nothing", ("KeyError", "'nothing'"))):
        with pytest.raises(CallError) as caught:
            codec.decode_response(codec.answer(METHODS, codec.encode_request(method, "why")))
        assert (caught.value.type_name, caught.value.message) == error


def test_a_message_of_lane_arrays_keeps_dtype_and_items_in_place_or_says_the_error() -> None:
    for payload in (np.float32([1, 2]), np.empty(0, np.int16), np.frombuffer(b"read-only", np.uint8)):
        header, body = arrays.request("echo", payload)
        assert len(header) == arrays.HEADER_BYTES
        for parts in ((header, body), arrays.split(arrays.joined((header, body)))):
            result = arrays.result(*arrays.answer(METHODS, *parts))
            assert (result.dtype, result.tolist()) == (payload.dtype, payload.tolist())
        assert not len(payload) or np.shares_memory(arrays.result(*arrays.answer(METHODS, header, body)), payload)
    for method, kind in (("fail", "LookupError"), ("nothing", "KeyError")):
        with pytest.raises(CallError) as caught:
            arrays.result(*arrays.answer(METHODS, *arrays.request(method, np.float32([1]))))
        assert caught.value.type_name == kind
    with pytest.raises(CallError):
        arrays.request("a name of more than 24 letters", np.float32([1]))


def test_in_lane_json_requests_and_results_are_those_of_the_library() -> None:
    library, payload = chosen("json"), {"a": [1, 2.5], "b": "text"}
    assert codec.encode_request("echo", payload) == library.encode_request("echo", (), {"payload": payload})
    assert codec.encode_result(payload) == library.encode_result("echo", payload)
