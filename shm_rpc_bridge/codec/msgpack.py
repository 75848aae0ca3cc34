"""The codec "msgpack", by msgspec: bytes, dates, Decimal, UUID, sets and typed classes, smaller and quicker than JSON.

What msgspec sends as something else arrives so unless it is asked for by type: dataclasses and Structs as dicts, sets
and tuples as lists, bytearrays as bytes, of dates only datetimes with an offset as themselves. NumPy's arrays, and
memoryviews that are no plain bytes, travel as frames beside the message; bytes within it, as msgpack has them. Needs
``shm-rpc-bridge[msgpack]``.
"""

from typing import Any, Callable

from ..frames import Arrived, Outgoing, lends, opened
from .beside import Beside, is_frame, values_of, word_of
from .jsonable import Refused, remedy_for
from .protocol import Codec
from .values import Values, method_of

_FRAME = 70
"""The code of msgpack's extension that stands for a frame; its data is the number, as text."""


def msgpack() -> Codec:
    """Raises ImportError saying what to install."""
    try:
        import msgspec.msgpack
    except ImportError as error:
        raise ImportError(f"codec 'msgpack' needs msgspec: pip install 'shm-rpc-bridge[msgpack]' ({error})") from None
    encode = msgspec.msgpack.Encoder().encode
    decode: Callable[[Any], Any] = msgspec.msgpack.Decoder().decode

    def encode_framed(value: Any, refusal: Exception) -> Outgoing:
        beside = Beside(method_of(value))

        def replaced(part: Any) -> Any:
            if not is_frame(type(part)):
                raise refusal
            return msgspec.msgpack.Ext(_FRAME, b"%d" % beside.add(part))

        try:
            encoded = msgspec.msgpack.Encoder(enc_hook=replaced).encode(value)
        except Refused as refused:
            raise TypeError(f"it {refused.reason}") from None
        return beside.message(encoded) if beside else encoded

    def dumps(value: Any) -> Outgoing:
        try:
            return encode(value)
        except TypeError as error:
            return encode_framed(value, error)

    def loads_framed(message: Arrived, method: str) -> Any:
        parts = opened(message)
        _, values = values_of(parts, lends(message, method or word_of(parts)))

        def value_of(code: int, data: memoryview) -> Any:
            if code != _FRAME:
                raise ValueError(f"an extension of unknown code {code}")
            return values[int(bytes(data))]

        return msgspec.msgpack.Decoder(ext_hook=value_of).decode(parts.body)

    return Values("msgpack", dumps, decode, _remedy_for, loads_framed)


def _remedy_for(kind: type) -> str:
    if kind is int:
        return "send text, for example str(value)"
    return f"{remedy_for(kind)}, or use codec 'pickle'"
