"""What a response says when there is no result: described by the server, carried by any codec. Pure."""

import builtins
import traceback
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from .classes import class_name, class_name_of, mro_of, printable
from .exceptions import RPCError

# Kinds of failure. In the last three the method has not run.
METHOD_FAILED = "method"
RESULT_REFUSED = "result"
METHOD_UNKNOWN = "unknown"
PARAMETERS_REFUSED = "parameters"
REQUEST_REFUSED = "request"

# No failure, but said in the same way: the result is an object that stays in the server, of this class and number.
HANDED_OUT = "object"

# What a request calls instead of a method.
PING = "$ping"
CALL_OBJECT = "$call"
LET_GO = "$let go"

_LEVELS, _PARTS = 8, 100
"""Of groups within groups, and of exceptions in one of them, that are described; the traceback shows them all."""


class Failure(NamedTuple):
    """One failed call. On the wire a list of these seven; text everywhere but in `arguments` and `parts`."""

    kind: str
    type_name: str
    """Of the exception's class."""
    text: str
    """``str()`` of it."""
    traceback: str = ""
    builtin: str = ""
    """The nearest builtin class that it is of, such as "ValueError", or "" where that says nothing."""
    arguments: Optional[Sequence[Any]] = None
    """With which that class can be constructed; None when the codec cannot carry them."""
    parts: Sequence[Any] = ()
    """Of a group: its exceptions, each described likewise."""


def described(kind: str, error: BaseException, level: int = 0) -> Failure:
    """Never raises, whatever class the exception is of."""
    text = _text_of(error)
    trace = "" if level or isinstance(error, RPCError) else _traceback_of(error)
    builtin, arguments = _as_builtin(error)
    parts: List[Failure] = []
    if builtin == "ExceptionGroup" and level < _LEVELS:
        inner = builtins.ExceptionGroup.exceptions.__get__(error)[:_PARTS]
        parts = [described(METHOD_FAILED, part, level + 1) for part in inner]
        arguments = arguments[:1] if arguments else None
    return Failure(kind, class_name(error), text, trace, builtin, arguments, parts)


def to_wire(failure: Failure, carried: Callable[[Any], Any]) -> List[Any]:
    """As a list for a codec. `carried`: what comes back of a value; arguments that change on the way are left out.

    Text that is no valid Unicode is escaped, never refused.
    """
    texts = (failure.kind, failure.type_name, failure.text, failure.traceback, failure.builtin)
    arguments = None if failure.arguments is None else list(failure.arguments)
    try:
        if not _is_same(arguments, carried(arguments)):
            arguments = None
    except Exception:
        arguments = None
    return [*map(printable, texts), arguments, [to_wire(part, carried) for part in failure.parts]]


def from_wire(response: Any) -> Optional[Failure]:
    """What :func:`to_wire` has made; None for anything else."""
    if type(response) not in (list, tuple) or len(response) != len(Failure._fields):
        return None
    *texts, arguments, parts = response
    if any(type(text) is not str for text in texts) or type(arguments) not in (list, type(None)):
        return None
    inner = [from_wire(part) for part in parts] if type(parts) is list else [None]
    if None in inner:
        return None
    kind, type_name, text, trace, builtin = texts
    return Failure(kind, type_name, text, trace, builtin, arguments, inner)


def _as_builtin(error: BaseException) -> Tuple[str, Optional[Sequence[Any]]]:
    """The nearest builtin class of an exception, and the arguments it was constructed with."""
    kind = next(base for base in mro_of(type(error)) if _is_builtin(base))
    if not issubclass(kind, Exception):
        return "", None  # SystemExit and its like are the server's: to raise one in a caller would end that
    if kind is Exception and type(error) is not Exception:
        return "", None
    arguments = BaseException.args.__get__(error)  # type: ignore[attr-defined]
    if kind is type(error) and isinstance(error, OSError):
        arguments = error.__reduce__()[1]  # with the file's name
    return class_name_of(kind), arguments


def _is_builtin(kind: type) -> bool:
    return getattr(builtins, class_name_of(kind), None) is kind


def _is_same(one: Any, other: Any) -> bool:
    kind = type(one)
    if kind is not type(other):
        return False
    if kind in (list, tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if kind is dict:
        return _is_same(list(one.items()), list(other.items()))
    return bool(one == other)


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as failure:  # whatever a method raises ends no server
        return f"<its __str__ raised {class_name(failure)}>"


def _traceback_of(error: BaseException) -> str:
    if error.__traceback__ is None:
        return ""
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except BaseException as failure:
        return f"<formatting the traceback raised {class_name(failure)}>"
