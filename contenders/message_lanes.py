"""What a transport of single byte messages carries in each lane: the lanes of every contender that is only that.

Lane ``bytes`` is the payload alone, lanes ``json`` and ``native`` are orjson (:mod:`contenders.codec`): length-prefixed
or framed JSON is what the user of a bare message transport writes. Lane ``pickle`` is :mod:`contenders.pickling`. Pure;
thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from contenders import codec, pickling
from contenders.codec import Message
from contenders.interface import CallError
from contenders.service import Methods

Respond = Callable[[Any], Message]


class MessageLane(NamedTuple):
    """How a call becomes a message, and a message a result. `responder` runs in the server, the rest in the caller."""

    request: Callable[[str, Any], Message]
    result: Callable[[Any], Any]
    responder: Callable[[Methods], Respond]
    codec: str
    """As settings print it."""


def echo_only(method: str, payload: Any) -> Any:
    """The payload, which is the whole message in lane ``bytes``. Raises :class:`CallError` for another method."""
    if method != "echo":
        raise CallError("LookupError", f"lane bytes carries echo alone, not {method!r}")
    return payload


_BYTES = MessageLane(echo_only, lambda message: message, lambda methods: methods["echo"], "none")
_JSON = MessageLane(
    codec.encode_request, codec.decode_response, lambda methods: partial(codec.answer, methods), "orjson"
)
_PICKLE = MessageLane(
    pickling.encode_request,
    pickling.decode_response,
    lambda methods: partial(pickling.answer, methods),
    pickling.CODEC,
)

MESSAGE_LANES: Mapping[str, MessageLane] = {"bytes": _BYTES, "json": _JSON, "native": _JSON, "pickle": _PICKLE}
"""Lane ``bytes`` has no room for an error: there an exception of the handler ends the connection or the server."""
