"""Values as bytes and back, by a codec that client and server both ask for by name. Pure.

May import the exceptions and how failures are described; nothing of channels, threads or the operating system. Client
and server know of codecs what :class:`.protocol.Codec` says, and none by name.
"""

from typing import Any, Callable, Dict, Union

from ..classes import class_name
from .json import Json
from .protocol import Codec
from .strict import StrictJson
from .values import Values


def _msgpack() -> Codec:
    from .msgpack import msgpack

    return msgpack()


def _pickle() -> Codec:
    from .pickle import Pickle

    return Pickle()


def _tagged() -> Codec:
    from .tagged import TaggedJson

    return TaggedJson()


_BY_NAME: Dict[str, Callable[[], Codec]] = {  # imported when asked for
    "json": Json,
    "json+types": _tagged,
    "msgpack": _msgpack,
    "pickle": _pickle,
}
NAMES = tuple(_BY_NAME)
TRUSTING = ("pickle",)
"""Those that may read a message where it lies: who could change it meanwhile can have any code run here anyway, and
nothing that is decoded shares its memory. JSON and msgpack readers would go wrong in ways that end a process."""

LONGEST_NAME = 32
"""Bytes of UTF-8 that a codec's name may have: what there is room for in a control segment."""


def chosen(codec: Union[str, Any], strict: bool = False) -> Codec:
    """The codec of that name, or one made of an object with ``dumps(value) -> bytes`` and ``loads(bytes) -> value``.

    `strict`: of codec "json" the one that refuses what would not come back as it was.
    Such an object may have a ``name``, by which the other side must know it, too; else it is that of its class or
    module. Raises ValueError or TypeError for anything else, ImportError when what a codec needs is not installed.
    """
    if not isinstance(strict, bool):
        raise TypeError(f"strict must be a bool, not {class_name(strict)}")
    if strict:
        if codec != "json":
            raise ValueError(f"strict is for codec 'json', not {codec!r}: leave it out, or use codec='json'")
        return StrictJson()
    if isinstance(codec, str):
        if codec not in _BY_NAME:
            raise ValueError(
                f"codec must be {', '.join(map(repr, _BY_NAME))} or an object with dumps and loads, not {codec!r}"
            )
        return _BY_NAME[codec]()
    dumps, loads = getattr(codec, "dumps", None), getattr(codec, "loads", None)
    if not callable(dumps) or not callable(loads):
        raise TypeError(f"codec must be a str or an object with dumps and loads, not {class_name(codec)}")
    name = next((found for key in ("name", "__name__") if isinstance(found := getattr(codec, key, None), str)), None)
    return Values(_validated(name or class_name(codec)), _to_bytes(dumps), lambda message: loads(bytes(message)))


def _validated(name: str) -> str:
    if name in _BY_NAME:
        raise ValueError(f"a codec of one's own cannot be named {name!r}: give it another `name`")
    if not 1 <= len(name.encode()) <= LONGEST_NAME or "\0" in name:
        raise ValueError(f"a codec's name must have 1 to {LONGEST_NAME} bytes, not {name!r}: give it a `name`")
    return name


def _to_bytes(dumps: Callable[[Any], Any]) -> Callable[[Any], bytes]:
    def encode(value: Any) -> bytes:
        encoded = dumps(value)
        if not isinstance(encoded, (bytes, bytearray)):
            raise TypeError(f"dumps must return bytes, not {class_name(encoded)}")
        return bytes(encoded)

    return encode
