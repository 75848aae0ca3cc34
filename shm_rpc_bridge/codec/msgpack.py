"""The codec "msgpack", by msgspec: bytes, dates, Decimal, UUID, sets and typed classes, smaller and quicker than JSON.

What msgspec sends as something else arrives so unless it is asked for by type: dataclasses and Structs as dicts, sets
and tuples as lists, of dates only datetimes with an offset as themselves. Needs ``shm-rpc-bridge[msgpack]``.
"""

from .jsonable import remedy_for
from .protocol import Codec
from .values import Values


def msgpack() -> Codec:
    """Raises ImportError saying what to install."""
    try:
        import msgspec.msgpack
    except ImportError as error:
        raise ImportError(f"codec 'msgpack' needs msgspec: pip install 'shm-rpc-bridge[msgpack]' ({error})") from None
    return Values("msgpack", msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode, _remedy_for)


def _remedy_for(kind: type) -> str:
    if kind is int:
        return "send text, for example str(value)"
    return f"{remedy_for(kind)}, or use codec 'pickle'"
