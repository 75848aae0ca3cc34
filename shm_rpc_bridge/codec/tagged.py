"""The codec "json+types": JSON, and in it by name what JSON lacks, without a pickle's trust. Pure.

    {"at": datetime(2024, 5, 1), 7: (1, 2)}

    {"$type": "dict", "value": [["at", {"$type": "datetime", "value": "2024-05-01T00:00:00"}],
                                [7, {"$type": "tuple", "value": [1, 2]}]]}

A dict with a key "$type" of its own is written so, too. Reading makes objects of the classes in the table below and
nothing else, whatever comes. Only these very classes: what is of a subclass is refused, as are dataclasses and enums.
A message without such values is that of "json"; to know that, each value is looked at after it was encoded.
"""

from binascii import a2b_base64, b2a_base64
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from math import isfinite
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple
from uuid import UUID

import orjson

from ..classes import class_name, said, with_article
from ..failures import Failure
from ..frames import Arrived, Outgoing, is_framed
from .beside import Beside, is_frame
from .json import Json
from .jsonable import LEVELS, OPTIONS, TOO_DEEP, Refused, checked, remedy_for, step_to_item
from .responses import encoded_failure, failure_of, not_a_request, unreadable
from .unchanged import comes_back

_dumps = orjson.dumps
_loads: Callable[[Any], Any] = orjson.loads

_TYPE, _VALUE = "$type", "value"
_FRAME = "frame"
_FRAMED_FROM = 1024
"""Bytes from which on bytes and bytearrays travel beside the JSON; fewer are quicker as base64 within."""
_MARK = b'$type"'  # a dollar is rarer than a quotation mark, and so found sooner


class TaggedJson(Json):
    """See :class:`.protocol.Codec`."""

    name = "json+types"

    def encode_request(self, method: str, args: Sequence[Any], params: Dict[str, Any]) -> Outgoing:
        if type(method) is not str:
            raise TypeError(f"method must be a str, not {class_name(method)}")
        encoded = _untagged((method, params, *args))
        return encoded or self._request_apart(method, args, params)

    def decode_request(self, message: Arrived) -> Tuple[str, Sequence[Any], Dict[str, Any]]:
        try:
            request = _loads(message)
            if _MARK in (message if type(message) is bytes else bytes(message)):
                request = _untag(request)
            method, params, *args = request
        except Exception as error:
            if not is_framed(message):
                raise not_a_request(said(error)) from None
            method, params, *args = self._framed_request(message)
        if type(method) is not str or type(params) is not dict:
            raise not_a_request("[method, params, ...] expected")
        return method, args, params

    def encode_result(self, method: str, result: Any) -> Outgoing:
        return _untagged((result,)) or self._result_apart(method, result)

    def encode_failure(self, failure: Failure, error: Optional[BaseException]) -> bytes:
        return encoded_failure(failure, _with_tags, _without_tags)

    def decode_response(self, method: str, message: Arrived) -> Any:
        try:
            response = _loads(message)
            if _MARK in (message if type(message) is bytes else bytes(message)):
                response = _untag(response)
        except Exception as error:
            if not is_framed(message):
                raise unreadable(method, self.name, said(error)) from None
            response = self._framed_response(method, message)
        if type(response) is list and len(response) == 1:
            return response[0]
        raise failure_of(method, response, message)

    def _filled(self, value: List[Any], word: str, values: List[Any]) -> List[Any]:
        return list(_untag(value, values))

    def _beside(self, *_: Any) -> None:
        """Frames stand in tags here."""

    def _encoded_apart(self, message_of: Callable[[Any], Tuple[Any, ...]], value: Any) -> Outgoing:
        beside = Beside()
        try:
            encoded = _dumps(message_of(_tagged(value, 2, beside)), None, OPTIONS)
            return beside.message(encoded) if beside else encoded
        except Refused as refused:
            refused.look_for_a_circle()
            raise
        except Exception as error:  # too deep with the tags, or hardly any stack is left
            raise Refused(f"cannot be encoded: {said(error)}") from None


def _untagged(message: Tuple[Any, ...]) -> bytes:
    """The message as JSON says it, or b"" when it holds what JSON cannot say."""
    try:
        encoded = _dumps(message, None, OPTIONS)
    except Exception:
        return b""
    return encoded if _MARK not in encoded and comes_back(message, encoded) else b""


def _with_tags(value: Any) -> bytes:
    return _dumps(_tagged(value, 1), None, OPTIONS)


def _without_tags(message: Arrived) -> Any:
    return _untag(_loads(message))


def _tagged(value: Any, level: int, beside: Optional[Beside] = None) -> Any:
    """A copy for orjson. Raises Refused. `level`: 1 is the message. `beside`: where frames go; None: there are none."""
    if level > LEVELS:
        raise Refused(TOO_DEEP)
    kind = type(value)
    if kind is str or kind is bool or value is None or (kind is int and -(1 << 63) <= value < 1 << 64):
        return checked(value, kind)
    if kind is float and isfinite(value):
        return value
    if kind is list:
        return _each(value, enumerate(value), level, beside)
    if kind is dict:
        entries = list(value.items())
        if {type(key) for key, _ in entries} <= {str} and _TYPE not in value:
            return dict(zip([key for key, _ in entries], _each(value, entries, level, beside)))
        keys = [_tagged(key, level + 3, beside) for key, _ in entries]
        return {_TYPE: "dict", _VALUE: [list(entry) for entry in zip(keys, _each(value, entries, level + 2, beside))]}
    if kind in _COLLECTIONS:
        return {_TYPE: kind.__name__, _VALUE: _each(value, enumerate(value), level + 1, beside)}
    if beside is not None and is_frame(kind) and not (kind in _SCALARS and len(value) < _FRAMED_FROM):
        return {_TYPE: _FRAME, _VALUE: beside.add(value)}
    try:
        written = _SCALARS[kind][0](value)
    except KeyError:
        why = f"is {with_article(kind)}, which JSON cannot say: {remedy_for(kind)}, or use codec 'pickle'"
        raise Refused(why) from None
    except Refused:
        raise
    except Exception as error:  # a half-made object
        raise Refused(f"is {with_article(kind)} that cannot be read: {said(error)}") from None
    return {_TYPE: kind.__name__, _VALUE: written}


def _each(container: Any, items: Iterable[Tuple[Any, Any]], level: int, beside: Optional[Beside]) -> List[Any]:
    """`level`: of the list or dict that is made of it."""
    if level > LEVELS:
        raise Refused(TOO_DEEP)
    written = []
    for key, part in items:
        try:
            written.append(_tagged(part, level + 1, beside))
        except Refused as refused:
            refused.lies_in(container, step_to_item(key))
            raise
    return written


def _untag(value: Any, frames: Sequence[Any] = ()) -> Any:
    """What :func:`_tagged` has made, in place; `frames`: the values of those beside it."""
    if type(value) is list:
        value[:] = [_untag(part, frames) for part in value]
        return value
    if type(value) is not dict:
        return value
    for key, part in value.items():
        if type(part) is dict or type(part) is list:
            value[key] = _untag(part, frames)
    if _TYPE not in value:
        return value
    if value.keys() != {_TYPE, _VALUE} or type(value[_TYPE]) is not str:
        raise ValueError(f"a tag has {_TYPE} and {_VALUE}, not {list(value)[:3]}")
    if value[_TYPE] == _FRAME:
        return frames[value[_VALUE]]
    if value[_TYPE] not in _READERS:
        raise ValueError(f"unknown {_TYPE} {value[_TYPE][:60]!r}")
    return _READERS[value[_TYPE]](value[_VALUE])


def _moment(value: Any) -> str:
    """Of a datetime or time; refused when its text does not say all of it, such as another kind of zone."""
    zone, text = value.tzinfo, value.isoformat()
    if zone is not None and type(zone) is not timezone:
        raise Refused(f"has {with_article(type(zone))} for a time zone: send it in UTC, or with a datetime.timezone")
    if repr(type(value).fromisoformat(text)) != repr(value):
        raise Refused("has fold=1, or a time zone with a name or microseconds, which its text cannot say: send UTC")
    return str(text)


_SCALARS: Dict[type, Tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    datetime: (_moment, datetime.fromisoformat),
    date: (date.isoformat, date.fromisoformat),
    time: (_moment, time.fromisoformat),
    timedelta: (lambda value: [value.days, value.seconds, value.microseconds], lambda parts: timedelta(*parts)),
    Decimal: (str, Decimal),
    UUID: (lambda value: f"{value.int:032x}", UUID),
    bytes: (lambda value: b2a_base64(value, newline=False).decode(), a2b_base64),
    bytearray: (lambda value: b2a_base64(value, newline=False).decode(), lambda text: bytearray(a2b_base64(text))),
    complex: (repr, complex),
    int: (hex, lambda text: int(text, 16)),
    float: (repr, float),
}
_COLLECTIONS: Dict[type, Callable[[Any], Any]] = {tuple: tuple, set: set, frozenset: frozenset}
_READERS: Dict[str, Callable[[Any], Any]] = {
    "dict": dict,
    **{kind.__name__: reader for kind, (_, reader) in _SCALARS.items()},
    **{kind.__name__: make for kind, make in _COLLECTIONS.items()},
}
