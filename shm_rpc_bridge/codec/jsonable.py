"""Values that orjson does not take, or not safely, as plain ones; or a refusal that names the place. Pure.

    >>> plain({"at": datetime(2024, 5, 1), "axes": Axes(x=1, y=2)})
    {'at': '2024-05-01T00:00:00', 'axes': [1, 2]}

Only what orjson has refused once comes here: plain values pay nothing. It is taken apart into copies, and orjson gets
those. Its hook for this, `default`, runs Python code while orjson walks through a list that another thread may
change; that ends the process.

Code of the value's own classes runs only where orjson would run it too: for an enum's `value`, a dataclass's
attributes, the offset of a tzinfo. An exception from there is a refusal; KeyboardInterrupt and its like pass.
"""

import contextlib
import dataclasses
import sys
from datetime import date, datetime, time, timedelta, timezone
from enum import Enum, EnumMeta
from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Optional, Tuple
from uuid import UUID

import orjson

from ..classes import class_name, dict_of, mro_of, with_article

OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME  # refuse them: neither is always safe
LEVELS = 254  # of lists and dicts that orjson takes within each other
TOO_DEEP = f"is nested deeper than the {LEVELS} levels of a message: send it flatter"

_PLAIN: FrozenSet[Any] = frozenset({str, int, float, bool, type(None)})
_KEY_SHOWN, _PLACE_SHOWN = 60, 300  # characters of each in an error


class Refused(Exception):
    """Why a value cannot be encoded, and where in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: List[str] = []  # from the outside in, like "[3]"
        self._left: List[Any] = []  # what each of them leads out of

    def lies_in(self, container: Any, step: str) -> None:
        self.steps.insert(0, step)
        self._left.insert(0, container)

    def look_for_a_circle(self) -> None:
        """What contains itself is refused for that, and not for being deep."""
        levels: Dict[int, int] = {}
        for level, container in enumerate(self._left):
            first = levels.setdefault(id(container), level)
            if first < level:
                self.reason = f"contains itself as {shown(self.steps[first:level])}: send its parts once"
                del self.steps[first:]
                return


Replace = Callable[[Any], Any]
"""Gives what stands in the message for a value that JSON cannot say, or raises Refused."""


def plain(value: Any, replace: Optional[Replace] = None, thorough: bool = False) -> Any:
    """A copy for orjson. Raises Refused. `replace`: None refuses.

    `thorough`, for what orjson refuses even so: keys are looked at too, and the insides of text and integers.
    """
    try:
        return _plain(value, 2, replace or refuse, thorough)  # level 1 is the message
    except Refused as refused:
        refused.look_for_a_circle()
        raise


def shown(steps: List[str]) -> str:
    """The way to a place, for people: the middle of a long one left out."""
    way = "".join(steps)
    half = _PLACE_SHOWN // 2
    return way if len(way) <= _PLACE_SHOWN else f"{way[:half]} ... {way[-half:]}"


def part_of_call(steps: List[str]) -> str:
    """For people, of the steps into ``(params, *args)``."""
    if not steps:
        return "a call"
    place, *inner = steps
    if place != "[0]":
        return f"argument {shown([place[1:-1], *inner])}"  # the first one stands behind the params, and so is 1
    if not inner:
        return "a call"
    name, *rest = inner
    name = name[1:-1]  # without the brackets
    if name[1:-1].isidentifier():
        name = name[1:-1]
    return f"parameter {shown([name, *rest])}"


def _plain(value: Any, level: int, replace: Replace, thorough: bool) -> Any:
    """Tells kinds apart in orjson's order."""
    kind = type(value)
    parts: Any
    step: Callable[[Any], str] = step_to_item
    if kind is dict:
        parts = dict.copy(value)
    elif kind is list or kind is tuple:
        parts = list(value)
    elif kind is str or kind is int or kind is float or kind is bool or value is None:
        return checked(value, kind) if thorough else value
    elif kind is datetime:
        return _read(value, _text_of_datetime)
    elif kind is date or (kind is time and value.tzinfo is None):
        return value.isoformat()
    elif kind is UUID:
        return _read(value, _text_of_uuid)
    elif type(kind) is EnumMeta:
        inner = _read(value, _value_of_enum)
        try:
            return _plain(inner, level, replace, thorough)
        except Refused as refused:
            refused.lies_in(value, ".value")
            raise
    elif issubclass(kind, (str, int, list, dict)):
        if issubclass(kind, list):
            parts = list.copy(value)
        elif issubclass(kind, dict):
            parts = _read(value, _entries_of)
        else:
            return checked(value, kind) if thorough else value
    elif "__dataclass_fields__" in dict_of(kind):
        parts = _read(value, _attributes_of)
        step = _step_to_attribute
    elif issubclass(kind, tuple):
        parts = list(tuple.__iter__(value))
    elif issubclass(kind, float):
        return float.__float__(value)
    elif kind is orjson.Fragment:
        return value
    else:
        number = _read(value, _number_of_numpy)
        return replace(value) if number is None else number

    if level > LEVELS:
        raise Refused(TOO_DEEP)
    if type(parts) is list:
        if not thorough and _are_plain(parts):
            return parts
        items: Iterable[Tuple[Any, Any]] = enumerate(parts)
    else:
        if thorough:
            parts = {text_of_key(key): part for key, part in parts.items()}
        items = parts.items()
    key: Any = None
    try:
        for key, part in items:
            kind = type(part)
            if thorough or not (kind is str or kind is int or kind is float or kind is bool or part is None):
                parts[key] = _plain(part, level + 1, replace, thorough)
    except Refused as refused:
        refused.lies_in(value, step(key))
        raise
    return parts


def _are_plain(values: List[Any]) -> bool:
    try:
        return _PLAIN.issuperset(map(type, values))
    except Exception:  # a metaclass whose classes have no hash
        return False


def _read(value: Any, part: Callable[[Any], Any]) -> Any:
    try:
        return part(value)
    except Refused:
        raise
    except Exception as failure:
        raise Refused(f"is {with_article(type(value))} that cannot be read: it raised {class_name(failure)}") from None


def _text_of_datetime(value: datetime) -> str:
    """RFC 3339, whose offsets are whole minutes. No offset, None, counts as zero, as with orjson."""
    zone = value.tzinfo
    if zone is None or zone is timezone.utc:
        return value.isoformat()
    text = value.replace(tzinfo=None).isoformat()
    if hasattr(zone, "normalize") and not hasattr(zone, "convert"):  # pytz, whose own offset can be local mean time
        value = zone.normalize(value)
    offset = value.utcoffset()
    seconds = 0 if offset is None else timedelta.total_seconds(offset) // 1
    hours, minutes = divmod(min(int(abs(seconds) + 30) // 60, 1439), 60)
    return f"{text}{'-' if seconds < 0 else '+'}{hours:02}:{minutes:02}"


def _text_of_uuid(value: UUID) -> str:
    if not 0 <= value.int < 1 << 128:
        raise ValueError
    return str(value)


def _value_of_enum(value: Enum) -> Any:
    inner = value.value
    for _ in range(LEVELS):
        if type(type(inner)) is not EnumMeta:
            return inner
        inner = inner.value
    raise Refused("is an enum that is its own value: send something else")


def _entries_of(value: Dict[Any, Any]) -> Dict[Any, Any]:
    return dict(list(dict.items(value)))


def _attributes_of(value: Any) -> Dict[str, Any]:
    """Without those that begin with an underscore and those that are not set."""
    try:
        attributes = None if "__slots__" in dict_of(type(value)) else value.__dict__
    except Exception:
        attributes = None
    if type(attributes) is not dict:
        attributes = {}
        for field in dataclasses.fields(value):
            with contextlib.suppress(AttributeError):
                attributes[field.name] = getattr(value, field.name)
    return {name: part for name, part in attributes.copy().items() if name[:1] != "_"}


def _number_of_numpy(value: Any) -> Any:
    """None for anything else. NumPy is not imported for it: where there are such numbers, it is."""
    kind = type(value)
    numpy = sys.modules.get("numpy")
    if not issubclass(kind, getattr(numpy, "timedelta64", ())):  # an integer to NumPy
        for name, number in (("bool_", bool), ("integer", int), ("floating", float)):
            if issubclass(kind, getattr(numpy, name, ())):
                return number(value)
    return None


def refuse(value: Any) -> Any:
    """Of a value that JSON cannot say. Raises Refused."""
    kind = type(value)
    raise Refused(f"is {with_article(kind)}, which JSON cannot say: {remedy_for(kind)}")


def text_of_key(key: Any) -> str:
    kind = type(key)
    if not issubclass(kind, str):
        raise Refused(f"has {with_article(kind)} as a key, which JSON cannot say: send text, for example str(key)")
    try:
        checked(key, kind)
    except Refused as refused:
        raise Refused(f"has a key that {refused.reason}") from None
    return str.__str__(key)


def checked(value: Any, kind: type) -> Any:
    if issubclass(kind, str):
        try:
            str.encode(value)
        except UnicodeEncodeError as error:
            raise Refused(
                f"is text with surrogates, at position {error.start}, which JSON cannot say: send base64 of its bytes"
            ) from None
    elif issubclass(kind, int) and not -(1 << 63) <= int.__index__(value) < 1 << 64:
        raise Refused("is an integer beyond the 64-bit range: send text, for example str(value)")
    return value


def step_to_item(key: Any) -> str:
    if type(key) is int:
        return f"[{key}]"
    if not issubclass(type(key), str):
        return f"[{with_article(type(key))}]"
    key = str.__str__(key)
    return f"[{key!r}]" if len(key) <= _KEY_SHOWN else f"[{key[:_KEY_SHOWN]!r}...]"


def _step_to_attribute(name: str) -> str:
    return f".{str.__str__(name)[:_KEY_SHOWN]}"


def remedy_for(kind: type) -> str:
    own = dict_of(kind).get("__remedy__")
    if type(own) is str:
        return own
    if issubclass(kind, (bytes, bytearray)):
        return "send bytes(value)"
    if issubclass(kind, getattr(sys.modules.get("numpy"), "ndarray", ())):
        return "send numpy.asarray(value)"
    if issubclass(kind, (date, time)):
        return "send its isoformat()"
    if issubclass(kind, Enum):
        return "send its value"
    if issubclass(kind, UUID):
        return "send its str()"
    if "__dataclass_fields__" in dict_of(kind):
        return "send its dataclasses.asdict()"
    if issubclass(kind, complex):
        return "send a list of two floats"
    for base in (str, int, float, list, dict):
        if issubclass(kind, base):
            return f"send {base.__name__}(value)"
    names = {name for base in mro_of(kind) for name in dict_of(base)}
    for name, remedy in (
        ("__await__", "await it and send what comes"),
        ("tolist", "send its tolist()"),
        ("keys", "send a dict"),
        ("__next__", "send a list, or as an argument stream(value)"),
        ("__iter__", "send a list"),
        ("__aiter__", "send a list, or as an argument stream(value), with an AsyncRPCClient"),
        ("__float__", "send a float or text"),
    ):
        if name in names:
            return remedy
    return "send a dict, a list or text"
