"""What a transport of single byte messages carries in each lane: the lanes of every contender that is only that.

Lane ``bytes`` is the payload alone, lanes ``json`` and ``native`` are orjson (:mod:`contenders.codec`): length-prefixed
or framed JSON is what the user of a bare message transport writes. Lane ``pickle`` is :mod:`contenders.pickling`, lane
``arrays`` :mod:`contenders.arrays`. Pure; thread-safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from contenders import arrays, codec, pickling
from contenders.interface import CallError
from contenders.service import Methods

Respond = Callable[[Any], Any]


class MessageLane(NamedTuple):
    """How a call becomes a message, and a message a result. `responder` runs in the server, the rest in the caller."""

    request: Callable[[str, Any], Any]
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
_ARRAYS = MessageLane(
    lambda method, payload: arrays.joined(arrays.request(method, payload)),
    lambda message: arrays.result(*arrays.split(message)),
    lambda methods: lambda message: arrays.joined(arrays.answer(methods, *arrays.split(message))),
    arrays.CODEC,
)

MESSAGE_LANES: Mapping[str, MessageLane] = {
    "bytes": _BYTES,
    "json": _JSON,
    "native": _JSON,
    "pickle": _PICKLE,
    "arrays": _ARRAYS,
}
"""Lane ``bytes`` has no room for an error: there an exception of the handler ends the connection or the server."""

GATHERING_LANES: Mapping[str, MessageLane] = {
    **MESSAGE_LANES,
    "arrays": _ARRAYS._replace(
        request=arrays.request, responder=lambda methods: lambda message: arrays.answer(methods, *arrays.split(message))
    ),
}
"""The same for transports that send a message from several places: requests and responses of lane ``arrays`` are tuples
of their parts, which spares a copy."""
