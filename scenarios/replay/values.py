"""Whether two values are equal and of the same types in all that they hold; if not, the first place where they differ.

    >>> difference({"items": [1, (2, 3)]}, {"items": [1, [2, 3]]}, "result")
    "result['items'][1]: tuple -> list"

Equal means: NaN is NaN, arrays are equal in dtype, shape and items, objects whose class defines no equality are equal
in their attributes, and so are dataclasses whatever they define. What contains itself is compared once. Nothing
recurses: a value may be nested deeper than Python's stack. Pure; NumPy is known where it is loaded and not imported.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pickle
import re
import sys
from collections import OrderedDict, deque
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, NamedTuple

_BY_EQUALITY = (str, bytes, bytearray, int, bool, type(None), range, complex)
_BY_IDENTITY = (FunctionType, BuiltinFunctionType, ModuleType, type, Enum)
_SHOWN = 40
"""Characters of a value in a sentence."""
_GREEDY = 100
"""A set of more elements without an equality of their own is not searched for which belongs to which."""

_PLACES = re.compile(r"\[\d+\]")

Path = tuple[Any, ...]
"""``(outer path, step)``: text is made of it only where a difference is found."""


class Pair(NamedTuple):
    """Two values that are to be compared, and how one gets to them."""

    before: Any
    after: Any
    path: Path


def difference(before: Any, after: Any, root: str = "") -> str | None:
    """``path: what -> what`` of the first place where `after` is not as `before` was; None where it is."""
    waiting = [Pair(before, after, ((), root))]
    seen: dict[tuple[int, int], Pair] = {}  # with the values, or another could be taken for one that has gone
    while waiting:
        pair = waiting.pop()
        if pair.before is pair.after:
            continue
        identity = (id(pair.before), id(pair.after))
        if identity in seen:
            continue
        if not isinstance(pair.before, (float, *_BY_EQUALITY)):
            seen[identity] = pair
        found = _compared(pair)
        if isinstance(found, str):
            return f"{text_of(pair.path)}: {found}"
        waiting.extend(reversed(found))
    return None


def text_of(path: Path) -> str:
    """A path as one writes it in Python."""
    steps = []
    while path:
        path, step = path
        steps.append(step)
    return "".join(reversed(steps))


def named(value: Any) -> str:
    """What a value is, in a word: its type, or of some small ones themselves."""
    if value is None:
        return "None"
    if isinstance(value, float) and value != value:
        return "NaN"
    return type(value).__qualname__


def children(value: Any) -> Iterator[tuple[str, Any]]:
    """The steps into a value, and what lies there: of containers, and of the attributes of objects."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"[{_short(key)}]", item
    elif isinstance(value, (list, tuple)):
        for place, item in enumerate(value):
            yield f"[{place}]", item
    elif isinstance(value, (set, frozenset)):
        for item in value:
            yield "{}", item
    if not isinstance(value, (type, FunctionType, ModuleType)):
        for name, item in _attributes(value).items():
            yield f".{name}", item


def found(value: Any, kind: type, root: str = "") -> Iterator[tuple[str, Any]]:
    """What lies in `value` and is of that very type, with how one gets there."""
    waiting: list[tuple[Path, Any]] = [(((), root), value)]
    seen: dict[int, Any] = {}  # with the values, as above
    while waiting:
        path, each = waiting.pop()
        if type(each) is kind:
            yield text_of(path), each
        elif id(each) not in seen:
            seen[id(each)] = each
            waiting.extend(reversed([((path, step), inner) for step, inner in children(each)]))


def generalised(reason: str) -> str:
    """``path: what`` with [*] for places of lists, not of the argument: calls that differ there have one reason."""
    root, bracket, rest = reason.partition("]") if reason.startswith("args[") else ("", "", reason)
    path, colon, what = rest.partition(": ")
    return f"{root}{bracket}{_PLACES.sub('[*]', path)}{colon}{what}"


def _compared(pair: Pair) -> str | list[Pair]:
    """A difference, or what is still to be compared."""
    before, after, _ = pair
    if type(before) is not type(after):
        return _of_types(before, after)
    if isinstance(before, float):
        return [] if before == after or (before != before and after != after) else _of_values(before, after)
    if isinstance(before, _BY_EQUALITY):
        return _of_instances(pair) if before == after or _is_nan(before, after) else _of_values(before, after)
    if isinstance(before, _BY_IDENTITY):
        return _of_values(before, after)  # functions, classes and enum members exist once: two are different
    if isinstance(before, (list, tuple, deque)):
        return _of_sequences(pair)
    if isinstance(before, datetime):  # which is equal in another zone, too
        alike = before.isoformat() == after.isoformat() and before.fold == after.fold
        return [] if alike else _of_values(before.isoformat(), after.isoformat())
    if isinstance(before, dict):
        return _of_dicts(pair)
    if isinstance(before, (set, frozenset)):
        return _of_sets(pair)
    if (found := _of_arrays(pair)) is not None:
        return found
    return _of_objects(pair)


def _of_types(before: Any, after: Any) -> str:
    one, other = named(before), named(after)
    if one == other:
        one, other = (f"{type(each).__module__}.{type(each).__qualname__}" for each in (before, after))
    return f"{one} -> {other}"


def _of_values(before: Any, after: Any) -> str:
    return f"{_short(before)} -> {_short(after)}"


def _is_nan(before: Any, after: Any) -> bool:
    """Of complex numbers."""
    return bool(before != before and after != after)


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except Exception as error:  # a class of the program's own: anything may come out of it
        text = f"a {type(value).__qualname__} whose repr raises {type(error).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _of_sequences(pair: Pair) -> str | list[Pair]:
    before, after, path = pair
    if len(before) != len(after):
        return f"{len(before)} items -> {len(after)} items"
    items = [Pair(one, other, (path, f"[{i}]")) for i, (one, other) in enumerate(zip(before, after, strict=True))]
    return items + _of_instances(pair)


def _of_dicts(pair: Pair) -> str | list[Pair]:
    before, after, path = pair
    if len(before) != len(after):
        return f"{len(before)} keys -> {len(after)} keys"
    keys = {(type(key), key): key for key in after}
    is_ordered = isinstance(before, OrderedDict)
    if not is_ordered and all((type(key), key) in keys for key in before):
        found = [Pair(value, after[key], (path, f"[{_short(key)}]")) for key, value in before.items()]
        return found + _of_instances(pair)
    found = []
    for place, ((key, value), (other, its)) in enumerate(zip(before.items(), after.items(), strict=True)):
        found += [
            Pair(key, other, (path, f".keys()[{place}]")),
            Pair(value, its, (path, f"[{_short(key)}]")),
        ]
    return found + _of_instances(pair)


def _of_sets(pair: Pair) -> str | list[Pair]:
    before, after, _ = pair
    if len(before) != len(after):
        return f"{len(before)} elements -> {len(after)} elements"
    if {(type(each), each) for each in before} == {(type(each), each) for each in after}:
        return _of_instances(pair)
    # Elements that are equal in what they hold only, or NaN: each takes the first that is like it.
    left = list(after)
    for each in before if len(before) <= _GREEDY else ():
        like = next((place for place, other in enumerate(left) if difference(each, other) is None), None)
        if like is None:
            return f"{_short(each)} -> not there"
        del left[like]
    return _of_instances(pair) if len(before) <= _GREEDY else "other elements"


def _of_arrays(pair: Pair) -> str | list[Pair] | None:
    """Of NumPy's arrays and numbers, and pandas' tables; None for others."""
    before, after, path = pair
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(before, numpy.ndarray):
        if before.dtype != after.dtype:
            return f"array of {before.dtype} -> of {after.dtype}"
        if before.shape != after.shape:
            return f"array of shape {before.shape} -> of {after.shape}"
        if before.dtype.hasobject:
            return [Pair(before.tolist(), after.tolist(), path)]
        same = before.tobytes() == after.tobytes() or _items_are_equal(numpy, before, after)
        return [] if same else "array -> other items"
    if isinstance(before, numpy.generic):
        return [] if before == after or (before != before and after != after) else _of_values(before, after)
    if type(before).__module__.partition(".")[0] == "pandas" and callable(getattr(before, "equals", None)):
        return [] if before.equals(after) else f"{named(before)} -> other values"
    return None


def _items_are_equal(numpy: Any, before: Any, after: Any) -> bool:
    if before.dtype.kind in "fcmM":
        return bool(numpy.array_equal(before, after, equal_nan=True))
    return bool(numpy.array_equal(before, after))


def _of_objects(pair: Pair) -> str | list[Pair]:
    before, after, path = pair
    if not dataclasses.is_dataclass(before) and _defines_equality(type(before)):
        equal = _own_equality(before, after)
        if equal is not None:
            return [] if equal else _of_values(before, after)
    one, other = _attributes(before), _attributes(after)
    if isinstance(before, BaseException):
        one, other = one | {"args": before.args}, other | {"args": after.args}
    if not one and not other and not isinstance(before, BaseException):
        return [] if _pickled_alike(before, after) else _of_values(before, after)
    if one.keys() != other.keys():
        gone, more = sorted(one.keys() - other.keys()), sorted(other.keys() - one.keys())
        return f"attributes {gone or 'none'} -> {more or 'none'}"
    return [Pair(value, other[name], (path, f".{name}")) for name, value in one.items()]


def _of_instances(pair: Pair) -> list[Pair]:
    """What a subclass of a built-in type has besides."""
    before, after, path = pair
    if type(before).__module__ == "builtins":
        return []
    return [Pair(_attributes(before), _attributes(after), (path, ".__dict__"))] if _attributes(before) else []


def _defines_equality(kind: type) -> bool:
    """Whether a class, or one it is made of, says what is equal: else objects are equal to themselves alone."""
    return any("__eq__" in each.__dict__ for each in kind.__mro__[:-1])


def _own_equality(before: Any, after: Any) -> bool | None:
    """What the class says; None where it says neither yes nor no."""
    try:
        equal = before == after
    except Exception:  # a class of the program's own
        return None
    return equal if isinstance(equal, bool) else None


def _attributes(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with contextlib.suppress(Exception):  # whatever a class's own code raises
        found.update(getattr(value, "__dict__", None) or {})
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            own = f"_{kind.__name__.lstrip('_')}{name}" if name.startswith("__") and not name.endswith("__") else name
            if own not in ("__dict__", "__weakref__"):
                with contextlib.suppress(Exception):  # as above; and of one that is not set
                    found[own] = getattr(value, own)
    return found


def _pickled_alike(before: Any, after: Any) -> bool:
    """Of what shows nothing of itself: an iterator, a bare object()."""
    try:
        return pickle.dumps(before, 5) == pickle.dumps(after, 5)
    except Exception:  # anything may come out of a class's own __reduce__
        return False
