"""Values that travel as frames beside a message: bytes, bytearray, memoryview, NumPy's arrays; long texts. Pure.

Each arrives as what it was: class, dtype, shape, order in memory, whether it can be written to; and as a copy, for
which its frame is copied once. What is not contiguous becomes so. NumPy is not imported for it: where there are arrays,
it is. A text is UTF-8 in its frame, which is copied several times as fast as JSON is written and read.
"""

import sys
from functools import lru_cache
from math import prod
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

import orjson

from ..classes import said, with_article
from ..frames import Arrived, Framed, Message, Opened, Unopened
from .jsonable import Refused, refuse

Note = List[Any]
"""What a frame is, as JSON."""

_BYTES, _BYTEARRAY, _VIEW, _ARRAY, _TEXT = "bytes", "bytearray", "memoryview", "array", "text"
LONG = 40 * 1024
"""Characters from which on a text is a frame, if there are bytes of more in a message."""
_ENTRIES = 64
"""Of lists and dicts, that are looked through for them in one message."""
_LEVELS = 3
"""So deep inside of it."""
_SMALL_BESIDE_TEXTS = 8
"""What is left of a message is at most that part of its long texts: the reader looks through it for their places."""
_CAST = frozenset("?bBhHiIlLqQfd")
"""Of NumPy's dtypes: of which a memoryview can be cast to bytes."""
_FORMATS = frozenset("cbB?hHiIlLqQnNPfd")
"""Of memoryviews: what bytes can be cast to."""


class Beside:
    """What is collected while one message is encoded."""

    def __init__(self, word: str = "") -> None:
        """`word`: how the message says where each belongs, if it does so by a text."""
        self.word = word
        self._notes: List[Note] = []
        self._frames: List[Message] = []
        self._texts_bytes = 0
        self._left = _ENTRIES

    def __len__(self) -> int:
        return len(self._frames)

    def replaced(self, value: Any) -> str:
        """What says by a text where a value belongs that becomes a frame. Raises Refused for others."""
        return f"{self.word}{self.add(value)}"

    def add(self, value: Any) -> int:
        """The number of its frame. Raises Refused for what cannot be one, such as an array of objects."""
        if not is_frame(type(value)):
            refuse(value)
        try:
            note, frame = _frame_of(value)
        except Refused:
            raise
        except Exception as error:  # a view that was released
            raise Refused(f"is {with_article(type(value))} that cannot be read: {said(error)}") from None
        self._notes.append(note)
        self._frames.append(frame)
        return len(self._frames) - 1

    def without_frames(self, value: Any, levels: int = _LEVELS) -> Any:
        """The value with words in place of what becomes a frame: itself, or what is in lists and dicts.

        What is deeper inside or behind many others stays. Raises Refused, and UnicodeEncodeError of half a character.
        """
        kind = type(value)
        if kind is str:
            return self._text_replaced(value) if len(value) >= LONG else value
        if is_frame(kind):
            return self.replaced(value)
        if not levels or (kind is not list and kind is not dict) or len(value) > self._left:
            return value
        self._left -= len(value)
        if kind is list:
            return [self.without_frames(part, levels - 1) for part in value]
        return {key: self.without_frames(part, levels - 1) for key, part in value.items()}

    def _text_replaced(self, text: str) -> str:
        frame = text.encode()
        self._texts_bytes += len(frame)
        self._notes.append([_TEXT])
        self._frames.append(frame)
        return f"{self.word}{len(self._frames) - 1}"

    def is_worth(self, body: bytes) -> bool:
        """Whether that is short beside long texts, or there are frames that JSON could not say."""
        return any(note[0] is not _TEXT for note in self._notes) or (
            len(body) * _SMALL_BESIDE_TEXTS <= self._texts_bytes
        )

    def message(self, body: bytes) -> Framed:
        """That, and what was collected."""
        return Framed(orjson.dumps([self.word, *self._notes]), body, self._frames)


def values_of(opened: Opened, is_lent: bool) -> Tuple[str, List[Any]]:
    """The word of the sender, and the values of all frames. Raises ValueError for what no sender makes.

    `is_lent`: they are views of the frames that cannot be written to, and memoryviews instead of bytes.
    """
    try:
        word, *notes = orjson.loads(opened.notes)
        if type(word) is not str or len(notes) != len(opened.frames):
            raise ValueError(f"{len(notes)} notes of {len(opened.frames)} frames")
        return word, [_value_of(note, frame, is_lent) for note, frame in zip(notes, opened.frames)]
    except MemoryError:
        raise
    except Exception as error:
        raise ValueError(f"frames that cannot be read: {said(error)}") from None


class OneArray(NamedTuple):
    """A request whose only argument is an array, which was lent: as a loan's are, again and again."""

    head: bytes
    """All that stands before its items."""
    size: int
    """Bytes, with them."""
    method: str
    name: Optional[str]
    """Of the parameter; None for a positional one."""
    dtype: Any
    shape: Tuple[int, ...]
    order: str
    frombuffer: Any
    """NumPy's."""

    def read(self, message: Arrived) -> Optional[List[Any]]:
        """Of a message that begins with the same bytes, the request; None of any other."""
        if type(message) is not Unopened:
            return None
        view, head = message.view, self.head
        start = len(head)
        if len(view) != self.size or view[:start].tobytes() != head or not message.lend_to(self.method):
            return None
        array = self.frombuffer(view[start:].toreadonly(), self.dtype)
        if len(self.shape) > 1:
            array = array.reshape(self.shape, order=self.order)
        return [self.method, {}, array] if self.name is None else [self.method, {self.name: array}]


def one_array(message: Arrived, request: List[Any]) -> Optional[OneArray]:
    """What is to be known of a request that was read, if it is one."""
    if type(message) is not Unopened or not message.is_lent or len(request) + len(request[1]) != 3:
        return None
    method, params, *args = request
    name = None if args else next(iter(params))
    array: Any = args[0] if args else params[name]
    is_array = type(array) is _array_class()
    if not is_array or not array.nbytes:
        return None
    start = len(message) - array.nbytes
    order = "C" if array.flags.c_contiguous else "F"
    head, frombuffer = bytes(message.view[:start]), _numpy().frombuffer
    return OneArray(head, len(message), method, name, array.dtype, array.shape, order, frombuffer)


def is_frame(kind: type) -> bool:
    """Whether values of exactly this class become frames."""
    return kind is bytes or kind is bytearray or kind is memoryview or kind is _array_class()


def put_in_place(value: Any, word: str, values: List[Any]) -> None:
    """In lists and dicts within `value`, the values of frames where :meth:`Beside.replaced` has put texts.

    ValueError or IndexError where there is none of that number.
    """
    containers = [value]
    while containers:
        container = containers.pop()
        for key, part in list(container.items()) if type(container) is dict else enumerate(container):
            kind = type(part)
            if kind is str:
                if part.startswith(word):
                    container[key] = values[int(part[len(word) :])]
            elif kind is list or kind is dict:
                containers.append(part)


def _array_class() -> Optional[type]:
    return getattr(sys.modules.get("numpy"), "ndarray", None)


def _frame_of(value: Any) -> Tuple[Note, Message]:
    kind = type(value)
    if kind is bytes:
        return [_BYTES], value
    if kind is bytearray:
        return [_BYTEARRAY], bytes(value)  # whose size another thread may change until it is sent
    if kind is memoryview:
        return _frame_of_view(value)
    return _frame_of_array(value)


def _frame_of_view(view: memoryview) -> Tuple[Note, Message]:
    note = [_VIEW, view.format, list(view.shape or ()), view.readonly]
    if view.format not in _FORMATS or (view.nbytes == 0 and view.ndim != 1):
        raise Refused(f"is a memoryview of format {view.format!r} and shape {view.shape}: send its tobytes()")
    return note, view.cast("B") if view.c_contiguous and view.nbytes else view.tobytes()


def _frame_of_array(array: Any) -> Tuple[Note, Message]:
    dtype, flags = array.dtype, array.flags
    described = _description_of(dtype)
    is_in_order = flags.c_contiguous
    order = "C" if is_in_order or not flags.f_contiguous else "F"
    note = [_ARRAY, described, array.shape, order, flags.writeable]
    if not array.nbytes:
        return note, b""
    if is_in_order and dtype.isnative and dtype.char in _CAST:
        return note, memoryview(array).cast("B")
    numpy: Any = sys.modules["numpy"]
    flat = numpy.ascontiguousarray(array.T if order == "F" else array).reshape(-1)
    return note, memoryview(flat.view(numpy.uint8))


@lru_cache(maxsize=256)
def _description_of(dtype: Any) -> Any:
    """NumPy's own, of which :func:`_dtype_of` makes the same dtype again. Raises Refused where that cannot be."""
    if dtype.hasobject:
        raise Refused("is an array of Python objects: send its tolist(), or use codec 'pickle'")
    described = dtype.str if dtype.names is None else _numpy().lib.format.dtype_to_descr(dtype)
    if _dtype_of(described) != dtype:
        raise Refused(f"is an array whose dtype {dtype} has no description: send a view of it with another dtype")
    return described


def word_of(opened: Opened) -> str:
    """The word of the sender alone, "" for what no sender makes."""
    try:
        return str(orjson.loads(opened.notes)[0])
    except (ValueError, LookupError, TypeError):
        return ""


def _value_of(note: Any, frame: memoryview, is_lent: bool) -> Any:
    kind, *rest = note
    if kind == _ARRAY:
        return _array_of(frame, is_lent, *rest)
    if kind == _VIEW:
        return _view_of(frame, is_lent, *rest)
    if kind == _TEXT:
        return str(frame, "utf-8")
    if kind == _BYTES:
        return frame.toreadonly() if is_lent else bytes(frame)
    if kind == _BYTEARRAY:
        return frame.toreadonly() if is_lent else bytearray(frame)
    raise ValueError(f"unknown kind {kind!r}")


def _view_of(frame: memoryview, is_lent: bool, form: str, shape: Sequence[int], is_readonly: bool) -> memoryview:
    copied = frame.toreadonly() if is_lent else memoryview(bytes(frame) if is_readonly else bytearray(frame))
    return copied.cast(form, tuple(shape)) if frame.nbytes else copied.cast(form)  # type: ignore[call-overload, no-any-return]


def _array_of(
    frame: memoryview, is_lent: bool, described: Any, shape: Sequence[int], order: str, is_writable: bool
) -> Any:
    numpy = _numpy()
    dtype = _dtype_of(described)
    if dtype.hasobject:
        raise ValueError("an array of objects")
    if not all(type(length) is int and length >= 0 for length in shape) or order not in ("C", "F"):
        raise ValueError(f"shape {shape}, order {order!r}")
    if prod(shape) * dtype.itemsize != frame.nbytes:
        raise ValueError(f"{frame.nbytes:,} bytes for an array of shape {shape} and dtype {dtype}")
    if not frame.nbytes:
        array = numpy.empty(shape, dtype, order)
    else:
        # By frombuffer, which holds the buffer, where ndarray() holds what it is of: that could be closed under it.
        if is_lent:
            flat = numpy.frombuffer(frame.toreadonly(), dtype)
            return flat if len(shape) == 1 else flat.reshape(shape, order=order)
        # As bytes: of a structure, what is between its fields is copied with it.
        flat = numpy.frombuffer(frame, numpy.uint8).copy().view(dtype)
        array = flat if len(shape) == 1 else flat.reshape(shape, order=order)
    if not is_writable:
        array.flags.writeable = False
    return array


def _dtype_of(described: Any) -> Any:
    """Of NumPy's own description, which may have been JSON since."""
    return (
        _simple_dtype(described) if type(described) is str else _numpy().lib.format.descr_to_dtype(_fields(described))
    )


@lru_cache(maxsize=256)
def _simple_dtype(described: str) -> Any:
    return _numpy().dtype(described)


def _numpy() -> Any:
    import numpy

    return numpy


def _fields(described: Any) -> Any:
    """(name or (title, name), dtype, shape or nothing) each."""
    return [
        (
            tuple(name) if type(name) is list else name,
            kind if type(kind) is str else _fields(kind),
            *map(tuple, shape),
        )
        for name, kind, *shape in described
    ]
