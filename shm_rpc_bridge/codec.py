"""Requests and responses as JSON, by orjson. Pure: bytes in, values out.

    request     ["method", {"parameter": value, ...}]
    response    [result]
                [kind, "type", "message", "traceback"]       kind: "method", "serialization" or "transport"

What JSON cannot say: integers beyond 64 bits, bytes, sets, and keys of a dict that are not strings are refused with
RPCSerializationError. NaN and the infinities arrive as None, tuples as lists, and what orjson knows natively
(dataclasses, datetime, UUID, enum) as its usual text or object.
"""

from typing import Any, Dict, Tuple

import orjson

from .exceptions import RPCMethodError, RPCSerializationError, RPCTransportError
from .jsonable import class_name as class_name
from .jsonable import printable

_dumps = orjson.dumps
_loads = orjson.loads

METHOD_FAILED = "method"
NOT_SERIALIZABLE = "serialization"
NOT_TRANSPORTABLE = "transport"


def encode_request(method: str, params: Dict[str, Any]) -> bytes:
    """Raises RPCSerializationError naming the parameter that cannot be encoded."""
    if type(method) is not str:
        raise TypeError(f"method must be a str, not {type(method).__name__}")
    try:
        return _dumps((method, params))
    except TypeError as error:  # orjson.JSONEncodeError
        raise RPCSerializationError(_why_not(method, params, error)) from None


def decode_request(message: bytes) -> Tuple[str, Dict[str, Any]]:
    """Method and params. Raises RPCSerializationError for anything that is no request."""
    try:
        method, params = _loads(message)
    except (ValueError, TypeError) as error:  # JSONDecodeError; not a pair
        raise RPCSerializationError(f"not a request: {error}") from None
    if type(method) is not str or type(params) is not dict:
        raise RPCSerializationError("not a request: [method, params] expected")
    return method, params


def encode_result(method: str, result: Any) -> bytes:
    """Raises RPCSerializationError naming the method whose result cannot be encoded."""
    try:
        return _dumps((result,))
    except TypeError as error:
        raise RPCSerializationError(
            f"the result of {method!r}, a {type(result).__name__}, cannot be encoded: {error}"
        ) from None


def encode_error(kind: str, type_name: str, message: str, traceback: str = "") -> bytes:
    """A response that makes the caller raise. Text that is no valid Unicode is escaped, never refused."""
    return _dumps([kind, *(printable(text) for text in (type_name, message, traceback))])


def decode_response(method: str, message: bytes) -> Any:
    """The result, or the error that the response carries, raised."""
    try:
        response = _loads(message)
    except ValueError as error:
        raise RPCSerializationError(f"the response to {method!r} is no JSON: {error}") from None
    if type(response) is list:
        if len(response) == 1:
            return response[0]
        if len(response) == 4 and all(type(part) is str for part in response):
            kind, type_name, text, traceback = response
            if kind == METHOD_FAILED:
                raise RPCMethodError(type_name, text, traceback)
            if kind == NOT_SERIALIZABLE:
                raise RPCSerializationError(f"in the server: {text}")
            if kind == NOT_TRANSPORTABLE:
                raise RPCTransportError(f"in the server: {text}")
    raise RPCSerializationError(f"the response to {method!r} is none: {message[:80]!r}")


def _why_not(method: str, params: Dict[str, Any], error: TypeError) -> str:
    for name, value in params.items():
        try:
            _dumps({name: value})
        except TypeError as reason:
            return f"parameter {printable(name)!r} of {printable(method)!r} cannot be encoded: {reason}"
    return f"a call of {printable(method)!r} cannot be encoded: {error}"
