"""What would have to travel of a call: its sizes, or a pickle of it. Looks at values and changes none; pure otherwise.

A value is looked at in the thread that calls, before the call and after it, since it may be another one later. What
cannot be encoded is noted, never raised. Of sizes no text of the program is kept: no key, nothing that an exception
says, only types and lengths.
"""

from __future__ import annotations

import pickle
import time
from typing import Any, Callable, Dict, Iterable, Mapping, NamedTuple, Tuple

import orjson

from shm_rpc_bridge.record.nesting import INSIDE, current, inside
from shm_rpc_bridge.record.rows import NOT_PICKLED, Encoded
from shm_rpc_bridge.record.signals import but_signals
from shm_rpc_bridge.record.stand_ins import Redacted, Refused

PROTOCOL = 5
DEEPEST, LONGEST_NS = 6, 20_000_000
"""So deep inside of arguments and results, and for so long, what cannot be pickled is looked for, to keep the rest."""
SHOWN = 8
"""Entries of a container that a shape names."""

_json = orjson.dumps

Arguments = Tuple[Tuple[Any, ...], Dict[str, Any]]


def sizes(value: Any) -> Any:
    """How large `value` is: a number where JSON has it, in 0.3 µs if it is small; else an :class:`Encoded`, which knows
    its shape, too, and what in it cannot be pickled. Raises nothing.
    """
    try:
        return len(_json(value))
    except but_signals():  # orjson says TypeError; a value's own methods anything
        return apart(_sizes_beside, value)


def with_shape(size: Any, value: Any) -> Any:
    """What :func:`sizes` has found of `value`, an :class:`Encoded` with its shape in any case."""
    return apart(lambda each: Encoded(size, 0, shape(each)), value) if type(size) is int else size


def shapes(value: Any) -> Any:
    """Both, of a value of any kind."""
    return with_shape(sizes(value), value)


def values(value: Any) -> Encoded:
    """A pickle of `value`: its sizes and its shape can be found out later. Raises nothing."""
    encoded: Encoded = apart(_pickled, value)
    return encoded


def apart(encode: Callable[[Any], Any], value: Any) -> Any:
    """What `encode` makes of `value`, without recording what its own methods call meanwhile; if they raise, that."""
    token = current.set(INSIDE)
    try:
        return encode(value)
    except but_signals() as error:  # of its methods: anything
        return Encoded(-2, 0, f"could not be looked at: {type(error).__name__}")
    finally:
        current.reset(token)


def seen(value: Any, encoded: Encoded | int | None) -> bytes | Encoded:
    """A value as it is now, for :func:`changed`: its JSON, or a pickle, which is that of `encoded` if it has one."""
    if type(encoded) is Encoded and encoded.pickled is not None:
        return encoded
    try:
        return _json(value)
    except but_signals():  # of what JSON has not
        return values(value)


def changed(before: bytes | Encoded, after: bytes | Encoded) -> bool | None:
    """Whether two looks at the same value saw different ones; None where it could not be looked at.

    The same value may have two pickles, as what it shares with others or has computed meanwhile is written otherwise:
    pickles of what the pickles hold tell.
    """
    if isinstance(before, bytes) or isinstance(after, bytes):
        return before != after
    if before.pickled is None or after.pickled is None:
        return None
    return _differ(before.pickled, after.pickled)


def _differ(before: bytes, after: bytes) -> bool:
    if before == after:
        return False
    try:
        with inside():
            return _again(before) != _again(after)
    except but_signals():  # of the classes that are read: what was written differs, and that is all there is to say
        return True


class Attribute(NamedTuple):
    """Of an object."""

    type_name: str
    pickle_bytes: int
    """-1 where there is no pickle of it."""
    why_not: str
    pickled: bytes | None
    """To compare it with; not kept in a file."""


def state(instance: Any, *, says_why: bool) -> dict[str, Attribute]:
    """What of an object would have to travel with a call of its method: its attributes. `says_why`: what an exception
    says of one may be kept, not only its type.
    """
    with inside():
        return _state(instance, says_why)


def state_changed(before: dict[str, Attribute], after: dict[str, Attribute]) -> bool:
    """Whether an attribute has come, gone, or another value; of one without a pickle nobody knows."""
    if before.keys() != after.keys():
        return True
    return any(_attribute_changed(each, after[name]) for name, each in before.items())


def _attribute_changed(before: Attribute, after: Attribute) -> bool:
    if before.pickled is None or after.pickled is None:
        return before[:3] != after[:3]
    return before.type_name != after.type_name or _differ(before.pickled, after.pickled)


def _state(instance: Any, says_why: bool) -> dict[str, Attribute]:
    attributes: Mapping[str, Any] = getattr(instance, "__dict__", None) or {
        name: getattr(instance, name)
        for kind in type(instance).__mro__
        for name in _slots(kind)
        if hasattr(instance, name)
    }
    found = {}
    for name, value in list(attributes.items()):
        try:
            pickled = pickle.dumps(value, PROTOCOL)
            found[name] = Attribute(type(value).__name__, len(pickled), "", pickled)
        except but_signals() as error:  # of the value's own methods: anything
            found[name] = Attribute(type(value).__name__, -1, _why(error) if says_why else type(error).__name__, None)
    return found


def shape(value: Any, depth: int = 3) -> str:
    """`value` in words: ``tuple of 2(str of 12, dict of 2{str: float, str: list of 40 str of 3})``. None of its texts,
    keys neither.
    """
    kind = type(value)
    if kind in (str, bytes, bytearray):
        return f"{kind.__name__} of {len(value)}"
    if isinstance(value, Redacted):
        return f"{value.type_name}, hidden"
    if _is_array(kind):
        return f"{kind.__name__} {value.dtype}{list(value.shape)}"
    if isinstance(value, dict):
        inside = (
            [f"{type(key).__name__}: {shape(each, depth - 1)}" for key, each in _first(value.items())] if depth else []
        )
        if len(set(inside)) == 1 and len(inside) > 1:
            return f"dict of {len(value)} {{{inside[0]}}}"
        return f"dict of {len(value)}{{{', '.join(inside)}{_rest(value, len(inside))}}}"
    if isinstance(value, (list, tuple, set, frozenset)):
        inside = [shape(each, depth - 1) for each in _first(value)] if depth else []
        if len(set(inside)) == 1 and len(inside) > 1:
            return f"{kind.__name__} of {len(value)} {inside[0]}"
        return f"{kind.__name__} of {len(value)}({', '.join(inside)}{_rest(value, len(inside))})"
    return kind.__name__


def _sizes_beside(value: Any) -> Encoded:
    """Of what JSON does not have: bytes and arrays counted beside it; and a pickle's size if there is more."""
    beside, others = 0, []

    def leave_out(each: Any) -> None:
        nonlocal beside
        if isinstance(each, (bytes, bytearray)):
            beside += len(each)
        elif isinstance(each, memoryview) or _is_array(type(each)):
            beside += int(each.nbytes)
        else:
            others.append(type(each).__name__)

    try:
        text = len(orjson.dumps(value, default=leave_out, option=orjson.OPT_NON_STR_KEYS))
    except but_signals() as error:  # as above
        text, others = -2, [type(error).__name__]
    words = shape(value)
    if not others:
        return Encoded(text, beside, words, -1)
    try:
        return Encoded(-2, beside, words, len(pickle.dumps(value, PROTOCOL)))
    except but_signals() as error:
        where = _refused_in(value, "", DEEPEST, time.perf_counter_ns() + LONGEST_NS)
        return Encoded(-2, beside, f"{words}; {NOT_PICKLED}: {type(error).__name__}{where and ' at '}{where}", -1)


def _pickled(value: Any) -> Encoded:
    words = ""
    try:
        pickled = pickle.dumps(value, PROTOCOL)
    except but_signals() as error:  # of the value's own methods: anything
        words = f"{NOT_PICKLED}: {_why(error)}"
        until = time.perf_counter_ns() + LONGEST_NS
        pickled = pickle.dumps(_without_refused(value, DEEPEST, until), PROTOCOL)
    return Encoded(-1, 0, words, len(pickled), pickled)


def _refused_in(value: Any, path: str, depth: int, until: int) -> str:
    """How one gets to the first thing in `value` that cannot be pickled by itself; "" for `value` itself. A key is not
    said: ``[0][...]`` is a value of a dictionary that is the first of a list.
    """
    if depth and type(value) in (tuple, list, dict):
        items = (("[...]", each) for each in list(value.values())) if type(value) is dict else _numbered(value)
        for step, each in items:
            if time.perf_counter_ns() < until and not _is_pickled(each):
                return _refused_in(each, path + step, depth - 1, until)
    return path


def _numbered(values: Iterable[Any]) -> Iterable[tuple[str, Any]]:
    return ((f"[{place}]", each) for place, each in enumerate(values))


def _is_pickled(value: Any) -> bool:
    try:
        pickle.dumps(value, PROTOCOL)
    except but_signals():  # of the value's own methods: anything
        return False
    return True


def _without_refused(value: Any, depth: int, until: int) -> Any:
    """`value` with stand-ins for what cannot be pickled, as deep inside as containers of the plain kinds go; and for
    all that is left when the clock says `until`.
    """
    if time.perf_counter_ns() > until:
        return Refused(f"{type(value).__module__}.{type(value).__qualname__}", "too much to look through")
    try:
        pickle.dumps(value, PROTOCOL)
        return value
    except but_signals() as error:
        if depth and type(value) in (tuple, list):
            return type(value)(_without_refused(each, depth - 1, until) for each in value)
        if depth and type(value) is dict:
            found = list(value.items())
            return {_without_refused(key, 0, until): _without_refused(each, depth - 1, until) for key, each in found}
        return Refused(f"{type(value).__module__}.{type(value).__qualname__}", _why(error))


def _is_array(kind: type) -> bool:
    """Asked of the type: an object may do something when it is asked for an attribute that it does not have."""
    return all(hasattr(kind, name) for name in ("dtype", "shape", "nbytes"))


def _again(pickled: bytes) -> bytes:
    return pickle.dumps(pickle.loads(pickled), PROTOCOL)


def _slots(kind: type) -> Iterable[str]:
    slots = kind.__dict__.get("__slots__", ())
    return (slots,) if isinstance(slots, str) else slots


def _first(values: Iterable[Any]) -> Iterable[Any]:
    return [each for _, each in zip(range(SHOWN), list(values))]


def _rest(value: Any, shown: int) -> str:
    left = len(value) - shown
    return f"{', ' if shown else ''}... {left} more" if left > 0 else ""


def _why(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:200]
    except but_signals():  # of an error that cannot be written
        return type(error).__name__
