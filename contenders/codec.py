"""Requests and responses as JSON, the same for every contender of lane ``json`` that brings no codec of its own.

A request is ``[method, {"payload": payload}]``, a response ``[result]`` or ``[null, type, message]``. A stream is such
responses, one per item, and :data:`END` behind the last. Requests and
results are byte for byte what the shared memory library sends, so that lane ``json`` compares transports and not
encodings. Pure; thread-safe.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from contenders.interface import CallError
from contenders.service import Methods

Message = bytes | memoryview
END = b"[]"
"""Of a stream that ended without an error."""


def encode_request(method: str, payload: Any) -> bytes:
    """Raises TypeError for what orjson cannot encode."""
    return orjson.dumps([method, {"payload": payload}])


def decode_request(message: Message) -> tuple[str, Any]:
    """The method's name and its payload. Raises ValueError for what is not JSON."""
    method, params = orjson.loads(message)
    return method, params["payload"]


def encode_result(result: Any) -> bytes:
    """Raises TypeError for what orjson cannot encode."""
    return orjson.dumps([result])


def decode_response(message: Message) -> Any:
    """The result. Raises :class:`CallError` when the response is an error."""
    response = orjson.loads(message)
    if len(response) == 1:
        return response[0]
    raise CallError(response[1], response[2])


def answer(methods: Methods, request: Message) -> bytes:
    """Decode `request`, run its method, encode what came of it: exactly one response, whatever happens."""
    try:
        method, payload = decode_request(request)
        return encode_result(methods[method](payload))
    except Exception as error:  # a user's handler ran: anything may come out of it
        return orjson.dumps([None, type(error).__name__, str(error)])


def stream(methods: Methods, request: Message) -> Iterator[bytes]:
    """As :func:`answer`, of a method that is a generator: each item encoded, then :data:`END` or the error."""
    try:
        method, payload = decode_request(request)
        for item in methods[method](payload):
            yield encode_result(item)
    except Exception as error:  # a user's generator ran: anything may come out of it
        yield orjson.dumps([None, type(error).__name__, str(error)])
    else:
        yield END
