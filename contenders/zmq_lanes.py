"""What ZeroMQ's frames hold in each lane, and when they are copied. Pure but for the sockets it is handed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
import zmq

from contenders import arrays, codec, pickling
from contenders.codec import Message
from contenders.interface import CallError
from contenders.service import Methods

# Below it a copy is cheaper than the bookkeeping that saves it, which takes about 8 µs of a 65 µs round trip
# of 100 bytes; a round trip of 2 MB takes half as long without.
COPY_BELOW_BYTES = 64 * 1024

Parts = list[Message]
Unit = TypeVar("Unit", Message, Parts)
"""What one send and one receive carry: a single frame, or several."""


@dataclass(frozen=True)
class Wire(Generic[Unit]):
    """One direction, used twice: how a unit is sent and received.

    `receive` is told whether the message is expected to be large, and then leaves it in ZeroMQ's memory; its last
    argument is ZeroMQ's flags.
    Being wrong costs time and nothing else: a caller expects an answer of the size of its request, a server a
    request of the size of the last one. Sending goes by the true size, through the socket's `copy_threshold`.
    """

    send: Callable[[zmq.Socket[bytes], Unit], object]
    receive: Callable[[zmq.Socket[bytes], bool, int], Unit]
    is_large: Callable[[Unit], bool]


@dataclass(frozen=True)
class ZmqLane(Generic[Unit]):
    """How calls become units, and units results. `responder` runs in the server, the rest in the caller."""

    wire: Wire[Unit]
    request: Callable[[str, Any], Unit]
    result: Callable[[str, Unit], Any]
    responder: Callable[[Methods], Callable[[Unit], Unit]]


def _is_large(frame: Message) -> bool:
    return len(frame) >= COPY_BELOW_BYTES


def _receive_frame(socket: zmq.Socket[bytes], large: bool, flags: int) -> Message:
    return socket.recv(flags, copy=False).buffer if large else socket.recv(flags)


def receive_parts(socket: zmq.Socket[bytes], large: bool, flags: int) -> Parts:
    """A multipart message."""
    if large:
        return [frame.buffer for frame in socket.recv_multipart(flags, copy=False)]
    return list(socket.recv_multipart(flags))


_FRAME: Wire[Message] = Wire(
    send=lambda socket, frame: socket.send(frame, copy=False), receive=_receive_frame, is_large=_is_large
)
_PARTS: Wire[Parts] = Wire(
    send=lambda socket, parts: socket.send_multipart(parts, copy=False),
    receive=receive_parts,
    is_large=lambda parts: any(map(_is_large, parts)),
)


def _bytes_request(method: str, payload: Any) -> Message:
    if method != "echo":
        raise CallError("LookupError", f"lane bytes carries echo alone, not {method!r}")
    frame: Message = payload
    return frame


class _Shape(NamedTuple):
    """One method's frame on its way out and in, for its payload and for its result."""

    pack: Callable[[Any], bytes]
    unpack: Callable[[Message], Any]
    pack_result: Callable[[Any], bytes]
    unpack_result: Callable[[Message], Any]


def _text(frame: Message) -> str:
    return str(frame, "utf-8")


_PAIR, _INT = struct.Struct("<qq"), struct.Struct("<q")
_TEXT = _Shape(str.encode, _text, str.encode, _text)
_SHAPES = {
    "add": _Shape(
        lambda payload: _PAIR.pack(payload["a"], payload["b"]),
        lambda frame: dict(zip("ab", _PAIR.unpack(frame), strict=True)),
        _INT.pack,
        lambda frame: _INT.unpack(frame)[0],
    ),
    "process": _Shape(orjson.dumps, orjson.loads, orjson.dumps, orjson.loads),
}
_OK, _ERROR = b"ok", b"error"


def _native_request(method: str, payload: Any) -> Parts:
    return [method.encode(), _SHAPES.get(method, _TEXT).pack(payload)]


def _native_result(method: str, parts: Parts) -> Any:
    if parts[0] == _ERROR:
        raise CallError(_text(parts[1]), _text(parts[2]))
    return _SHAPES.get(method, _TEXT).unpack_result(parts[1])


def _native_response(methods: Methods, request: Parts) -> Parts:
    try:
        method = _text(request[0])
        shape = _SHAPES.get(method, _TEXT)
        return [_OK, shape.pack_result(methods[method](shape.unpack(request[1])))]
    except Exception as error:  # a user's handler ran: anything may come out of it
        return [_ERROR, type(error).__name__.encode(), str(error).encode()]


ZMQ_LANES: Mapping[str, ZmqLane[Any]] = {
    "bytes": ZmqLane(_FRAME, _bytes_request, lambda _, frame: frame, lambda methods: methods["echo"]),
    "json": ZmqLane(
        _FRAME,
        codec.encode_request,
        lambda _, frame: codec.decode_response(frame),
        lambda methods: partial(codec.answer, methods),
    ),
    "native": ZmqLane(_PARTS, _native_request, _native_result, lambda methods: partial(_native_response, methods)),
    # What send_pyobj(..., protocol=5) and recv_pyobj do, but that a large frame is not copied, as in the other lanes.
    "pickle": ZmqLane(
        _FRAME,
        pickling.encode_request,
        lambda _, frame: pickling.decode_response(frame),
        lambda methods: partial(pickling.answer, methods),
    ),
    "arrays": ZmqLane(
        _PARTS,
        lambda method, payload: [*arrays.request(method, payload)],
        lambda _, parts: arrays.result(*parts),
        lambda methods: lambda parts: [*arrays.answer(methods, *parts)],
    ),
}
"""Lane ``bytes`` has no room for an error either: there an exception of the handler ends the server."""
