"""Requests and responses as JSON, by orjson. Pure: bytes in, values out.

    request     ["method", {"parameter": value, ...}]
    response    [result]
                [kind, "type", "message", "traceback"]       kind: one of the four below

On the way:

    tuple, namedtuple                           list
    dict with keys of a subclass of str         dict with those keys as str
    subclass of str, int, float, list, dict     what it is a subclass of
    NumPy's int, float, bool                    int, float, bool
    NaN, the infinities                         None
    enum                                        its value
    datetime, date, time, UUID                  text; of a datetime the offset in whole minutes, none counts as UTC
    dataclass                                   dict; without attributes that begin with `_` or are not set
    integer beyond 64 bits, bytes, set, array,  refused with RPCSerializationError, which names the place in the value
    other class, key that is no text,           and what to send instead
    text with surrogates, more than 254 levels

What the codec cannot prevent: an enum whose `value` raises or is itself and a UUID without its number end the process
inside orjson, which reads both without looking; so does a text when there is not sixteen times its size in memory.
"""

from typing import Any, Dict, List, Tuple, Union

import orjson

from .exceptions import NOT_SENT, RPCMethodError, RPCSerializationError
from .jsonable import OPTIONS as _OPTIONS
from .jsonable import Refused, plain, printable, shown, text_of
from .jsonable import class_name as class_name

_dumps = orjson.dumps
_loads = orjson.loads

METHOD_FAILED = "method"
METHOD_UNKNOWN = "unknown"
RESULT_REFUSED = "serialization"
REQUEST_REFUSED = "request"

Encoded = Union[bytes, bytearray, memoryview]


def encode_request(method: str, params: Dict[str, Any]) -> bytes:
    """Raises RPCSerializationError naming the place in the parameter that cannot be encoded."""
    if type(method) is not str:
        raise TypeError(f"method must be a str, not {class_name(method)}")
    try:
        return _dumps((method, params), None, _OPTIONS)
    except Exception:  # TypeError: orjson.JSONEncodeError; SystemError: a UUID with an impossible number
        try:
            return _encoded_apart((method,), params)
        except Refused as refused:
            what = f"{_part_of_call(refused.steps)} of {method!r} {refused.reason}"
            raise RPCSerializationError(f"{what} {NOT_SENT}") from None


def decode_request(message: Encoded) -> Tuple[str, Dict[str, Any]]:
    """Method and params. Raises RPCSerializationError for anything that is no request."""
    try:
        method, params = _loads(message)
    except (ValueError, TypeError) as error:  # JSONDecodeError; not a pair
        raise RPCSerializationError(f"not a request: {error}") from None
    if type(method) is not str or type(params) is not dict:
        raise RPCSerializationError("not a request: [method, params] expected")
    return method, params


def encode_result(method: str, result: Any) -> bytes:
    """Raises RPCSerializationError naming the method and the place in its result that cannot be encoded."""
    try:
        return _dumps((result,), None, _OPTIONS)
    except Exception:
        try:
            return _encoded_apart((), result)
        except Refused as refused:
            at = f" at {shown(refused.steps)}" if refused.steps else ""
            raise RPCSerializationError(f"the result of {method!r}{at} {refused.reason}") from None


def encode_error(kind: str, type_name: str, message: str, traceback: str = "") -> bytes:
    """A response that makes the caller raise. Text that is no valid Unicode is escaped, never refused."""
    return _dumps([kind, *(printable(text) for text in (type_name, message, traceback))])


def decode_response(method: str, message: Encoded) -> Any:
    """The result, or the error that the response carries, raised."""
    try:
        response = _loads(message)
    except ValueError as error:
        what = f"the response to {method!r} is no JSON: {error} (whether it ran is unknown)"
        raise RPCSerializationError(what, may_have_run=True) from None
    if type(response) is list:
        if len(response) == 1:
            return response[0]
        if len(response) == 4 and all(type(part) is str for part in response):
            kind, type_name, text, traceback = response
            if kind in (METHOD_FAILED, METHOD_UNKNOWN):
                raise RPCMethodError(type_name, text, traceback, may_have_run=kind == METHOD_FAILED)
            if kind == RESULT_REFUSED:
                raise RPCSerializationError(f"in the server: {text} (the method has run)", may_have_run=True)
            if kind == REQUEST_REFUSED:
                raise RPCSerializationError(f"in the server: {text} (the method has not run)")
    what = f"the response to {method!r} is none: {bytes(message[:80])!r} (whether it ran is unknown)"
    raise RPCSerializationError(what, may_have_run=True)


def _encoded_apart(before: Tuple[str, ...], value: Any) -> bytes:
    """Encode what orjson has refused. Raises Refused."""
    reason = ""
    for thorough in (False, True):
        try:
            return _dumps((*before, plain(value, thorough)), None, _OPTIONS)
        except Refused:
            raise
        except Exception as error:  # orjson's, or hardly any stack is left
            reason = text_of(error)
    raise Refused(f"cannot be encoded: {reason}")


def _part_of_call(steps: List[str]) -> str:
    if not steps:
        return "a call"
    name = steps[0][1:-1]  # without the brackets
    if name[1:-1].isidentifier():
        name = name[1:-1]
    return f"parameter {shown([name, *steps[1:]])}"
