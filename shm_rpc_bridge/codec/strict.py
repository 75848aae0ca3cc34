"""The codec "json" with ``strict=True``: what would not come back as it was is refused. Pure.

The bytes are those of "json", so that each side decides for what it sends: a client for parameters, a server for
results. It costs a look at every value after it was encoded.
"""

from math import isfinite
from typing import Any, Callable, Dict, Iterable, List, Sequence, Tuple

import orjson

from ..classes import class_name, with_article
from ..frames import Outgoing
from .beside import LONG, is_frame
from .json import Json
from .jsonable import LEVELS, OPTIONS, TOO_DEEP, Refused, checked, remedy_for, step_to_item, text_of_key
from .unchanged import comes_back

_LEAVES = frozenset({str, int, bool, type(None)})


class StrictJson(Json):
    """See :class:`.protocol.Codec`."""

    def encode_request(self, method: str, args: Sequence[Any], params: Dict[str, Any]) -> Outgoing:
        if type(method) is not str:
            raise TypeError(f"method must be a str, not {class_name(method)}")
        try:
            encoded = orjson.dumps((method, params, *args), None, OPTIONS)
        except Exception:
            encoded = b""
        if not comes_back((params, *args), encoded):
            return self._request_apart(method, args, params)
        return self._with_long((method,), args, params) or encoded if len(encoded) > LONG else encoded

    def encode_result(self, method: str, result: Any) -> Outgoing:
        try:
            encoded = orjson.dumps((result,), None, OPTIONS)
        except Exception:
            encoded = b""
        if not comes_back((result,), encoded):
            return self._result_apart(method, result)
        return self._with_long((), (result,), None) or encoded if len(encoded) > LONG else encoded

    def _comes_back(self, values: List[Any], encoded: bytes) -> bool:
        return comes_back(values, encoded)

    def _encoded_apart(self, message_of: Callable[[Any], Tuple[Any, ...]], value: Any) -> Outgoing:
        """Raises Refused for what would change."""
        try:
            refuse_changes(value)
        except Refused as refused:
            refused.look_for_a_circle()
            raise
        return super()._encoded_apart(message_of, value)


def refuse_changes(value: Any, level: int = 2) -> None:
    """Raises Refused. `level`: 1 is the message."""
    kind = type(value)
    items: Iterable[Tuple[Any, Any]]
    if kind is dict:
        entries = list(value.items())
        for key, _ in entries:
            if type(text_of_key(key)) is not type(key):
                raise Refused(f"has {with_article(type(key))} as a key, which would come back as text: send str(key)")
        items = entries
    elif kind is list:
        items = enumerate(list(value))
    elif kind is float:
        if not isfinite(value):
            raise Refused(f"is {value}, which would come back as None: send None or text")
        return
    elif kind in _LEAVES:
        checked(value, kind)
        return
    elif is_frame(kind):
        return
    else:
        raise Refused(f"is {with_article(kind)}, which would not come back as one: {remedy_for(kind)}")
    if level > LEVELS:
        raise Refused(TOO_DEEP)
    for key, part in items:
        try:
            refuse_changes(part, level + 1)
        except Refused as refused:
            refused.lies_in(value, step_to_item(key))
            raise
