"""Lane ``arrays``: a one-dimensional NumPy array as a header of :data:`HEADER_BYTES` and its own memory behind that.

A request is a method's name, the array's dtype and its bytes; a response is an array alike, or a number, or an error.
Nothing is copied here but by :func:`joined`, for transports whose message is one piece of bytes; the others send both
*parts* as they are. What is received is looked at in place, as ``numpy.frombuffer`` does: an array that cannot be
written to where its bytes cannot. Pure; thread-safe. NumPy is imported where an array is read, for other lanes load
this, too.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from contenders.codec import Message
from contenders.interface import CallError
from contenders.service import Methods

if TYPE_CHECKING:
    from numpy import ndarray

Parts = tuple[bytes, Message]
"""The header, and the bytes behind it."""

CODEC = "none: a header and the array's bytes"
"""As settings print it."""

_HEADER = struct.Struct("<24s8s")
"""The method, or which kind of answer it is, and the dtype of what follows."""
HEADER_BYTES = _HEADER.size
_ARRAY, _NUMBER, _ERROR = b"array", b"number", b"error"
_FLOAT = struct.Struct("<d")


def request(method: str, payload: Any) -> Parts:
    """`payload`: a one-dimensional array. Raises :class:`CallError` for a name that is too long."""
    name = method.encode()
    if len(name) > 24:
        raise CallError("LookupError", f"lane arrays has no method with a name as long as {method!r}")
    return _HEADER.pack(name, payload.dtype.str.encode()), _memory(payload)


def answer(methods: Methods, header: Message, body: Message) -> Parts:
    """Run the method of a request: exactly one response, whatever happens."""
    try:
        method, dtype = _texts(header)
        result = methods[method.decode()](_array(body, dtype))
        if isinstance(result, float):
            return _HEADER.pack(_NUMBER, b""), _FLOAT.pack(result)
        return _HEADER.pack(_ARRAY, result.dtype.str.encode()), _memory(result)
    except Exception as error:  # a user's handler ran: anything may come out of it
        return _HEADER.pack(_ERROR, b""), f"{type(error).__name__}\n{error}".encode()


def result(header: Message, body: Message) -> Any:
    """What a response says. Raises :class:`CallError` when it is an error."""
    kind, dtype = _texts(header)
    if kind == _ERROR:
        raise CallError(*bytes(body).decode().split("\n", 1))
    return _FLOAT.unpack(body)[0] if kind == _NUMBER else _array(body, dtype)


def is_array(header: Message) -> bool:
    """Whether an array follows this header of a response."""
    return _texts(header)[0] == _ARRAY


def joined(parts: Parts) -> bytes:
    """Both parts in one piece, which takes a copy."""
    return b"".join(parts)


def split(message: Message) -> tuple[Message, Message]:
    """The parts of one piece, in place."""
    view = memoryview(message)
    return view[:HEADER_BYTES], view[HEADER_BYTES:]


def _memory(array: Any) -> memoryview:
    return memoryview(array).cast("B") if len(array) else memoryview(b"")


def _texts(header: Message) -> tuple[bytes, bytes]:
    name, dtype = _HEADER.unpack(header)
    return name.rstrip(b"\0"), dtype.rstrip(b"\0")


def _array(body: Message, dtype: bytes) -> ndarray[Any, Any]:
    import numpy as np

    return np.frombuffer(body, dtype.decode())
