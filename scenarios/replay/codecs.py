"""What becomes of a value that goes through each codec and back, with nothing between.

Codec ``json+beside`` is the library's own JSON: bytes and arrays travel beside the message with their types kept; the
library has more to say about what it refuses, and for what is carried as it was the two agree. ``msgpack`` is the
library's too, with arrays beside. ``none`` is a reference within one process. Pure; light: what a codec needs is
imported when it is used.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from typing import Any

JSON, BESIDE, MSGPACK, PICKLE, NONE = "json", "json+beside", "msgpack", "pickle", "none"
CODECS = (JSON, BESIDE, MSGPACK, PICKLE)
"""Those that make bytes, in the order they are shown."""
_MARK = "\0beside "


def round_trip(codec: str, value: Any) -> tuple[Any, int]:
    """The value as it arrives, and how many bytes were on the way. Raises whatever the codec does for what it
    refuses."""
    return _WAYS[codec](value)


def refusal(error: BaseException) -> str:
    """Why a codec refused, in a line without what differs from call to call."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _json(value: Any) -> tuple[Any, int]:
    import orjson

    body = orjson.dumps(value)
    return orjson.loads(body), len(body)


def _beside(value: Any) -> tuple[Any, int]:
    import orjson

    frames: list[Any] = []
    body = orjson.dumps(value, lambda part: _MARK + str(_frame(part, frames)))
    found = _filled(orjson.loads(body), frames)
    return found, len(body) + sum(map(_size, frames))


def _msgpack(value: Any) -> tuple[Any, int]:
    import msgspec

    frames: list[Any] = []
    encoded = msgspec.msgpack.Encoder(enc_hook=lambda part: _MARK + str(_array(part, frames))).encode(value)
    return _filled(msgspec.msgpack.decode(encoded), frames), len(encoded) + sum(map(_size, frames))


def _pickle(value: Any) -> tuple[Any, int]:
    body = pickle.dumps(value, 5)
    return pickle.loads(body), len(body)


_WAYS: dict[str, Callable[[Any], tuple[Any, int]]] = {
    JSON: _json,
    BESIDE: _beside,
    MSGPACK: _msgpack,
    PICKLE: _pickle,
    NONE: lambda value: (value, 0),
}


def _frame(part: Any, frames: list[Any]) -> int:
    """The number of the frame that is put beside. Raises TypeError for what cannot be."""
    if type(part) not in (bytes, bytearray):
        return _array(part, frames)
    frames.append(type(part)(part))
    return len(frames) - 1


def _array(part: Any, frames: list[Any]) -> int:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None or type(part) is not numpy.ndarray:
        raise TypeError(f"no codec's own type: {type(part).__qualname__}")
    if part.dtype.hasobject:
        raise TypeError("an array of Python objects")
    frames.append(part.copy())
    return len(frames) - 1


def _size(frame: Any) -> int:
    return int(getattr(frame, "nbytes", 0)) or len(frame)


def _filled(value: Any, frames: list[Any]) -> Any:
    """With the frames where their marks are."""
    if not frames:
        return value
    top = [value]
    waiting: list[Any] = [top]
    while waiting:
        container = waiting.pop()
        for key, part in list(container.items()) if type(container) is dict else list(enumerate(container)):
            if type(part) is str and part.startswith(_MARK):
                container[key] = frames[int(part[len(_MARK) :])]
            elif type(part) in (list, dict):
                waiting.append(part)
    return top[0]
