"""Requests and responses of contenders that bring no codec of their own."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from contenders import codec, pickling
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


def test_in_lane_json_requests_and_results_are_those_of_the_library() -> None:
    library, payload = chosen("json"), {"a": [1, 2.5], "b": "text"}
    assert codec.encode_request("echo", payload) == library.encode_request("echo", (), {"payload": payload})
    assert codec.encode_result(payload) == library.encode_result("echo", payload)
