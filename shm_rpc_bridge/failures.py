"""What a response says when there is no result: described by the server, carried by any codec. Pure."""

import builtins
import traceback
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

from .classes import class_name, class_name_of, mro_of, printable, said, text_of

# Kinds of failure. In those from the third to the fifth, and in the last, the method has not run.
METHOD_FAILED = "method"
RESULT_REFUSED = "result"
METHOD_UNKNOWN = "unknown"
PARAMETERS_REFUSED = "parameters"
REQUEST_REFUSED = "request"
RESULT_UNSENT = "unsent"
"""There is no room for the result; the method has run."""
GIVEN_UP = "late"
"""The method was told that its time is over; what it has come to is nobody's."""

# Where methods run in other processes: that which had the call is dead; there is none for it.
WORKER_DIED = "died"
WORKER_MISSING = "missing"

# No failure, but said in the same way: the result is an object that stays in the server, of this class and number.
HANDED_OUT = "object"
STREAM = "$stream"
"""In place of a class, for a generator."""

# What a request calls instead of a method.
PING = "$ping"
CALL_OBJECT = "$call"
LET_GO = "$let go"
UPLOAD = "$upload"
"""And what stands for the class of a method that has been called with a stream."""

_LEVELS, _PARTS = 8, 1000
"""Of groups within groups, and of exceptions in a group and those within it, that are described."""


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
    """With which that class can be constructed; None when the codec cannot carry them. Of a group: its message."""
    parts: Sequence[Any] = ()
    """Of a group: its exceptions, each described likewise."""

    def bare(self) -> "Failure":
        """Without what may be more than text."""
        return self._replace(arguments=None, parts=())

    def shortened(self, length: int, why: str = "") -> "Failure":
        """At most that many characters of its text, the end of its traceback, and ten of its parts, likewise."""
        parts = [part.shortened(length) for part in self.parts[:10]]
        if len(self.parts) > len(parts):
            parts.append(_left_out(len(self.parts) - len(parts)))
        return self._replace(
            text=f"{_beginning(self.text, length)} {why}".rstrip(),
            traceback=self.traceback[-length:],
            arguments=[_beginning(self.arguments[0], length)] if parts and self.arguments else None,
            parts=parts,
        )


def _beginning(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}... ({len(text):,} characters)"


_traceback_in: Callable[[BaseException], Any] = vars(BaseException)["__traceback__"].__get__
_arguments_of: Callable[[BaseException], Tuple[Any, ...]] = vars(BaseException)["args"].__get__


def described(kind: str, error: BaseException) -> Failure:
    """Never raises, whatever class the exception is of."""
    failure, left_out = _described(kind, error, 0, [_PARTS])
    if kind != METHOD_FAILED:
        return failure  # the library's own words
    return failure._replace(traceback=_traceback_of(error, left_out > 0))


def _described(kind: str, error: BaseException, level: int, room: List[int]) -> Tuple[Failure, int]:
    """And how many exceptions in it were left out. `room`: for how many more there is room."""
    builtin, arguments = _as_builtin(error)
    parts: List[Failure] = []
    left_out = 0
    if builtin == "ExceptionGroup":
        members = builtins.ExceptionGroup.exceptions.__get__(error)
        arguments = [builtins.ExceptionGroup.message.__get__(error)]
        taken = members if level < _LEVELS else ()
        for member in taken:
            if room[0] <= 0:
                break
            room[0] -= 1
            part, without = _described(METHOD_FAILED, member, level + 1, room)
            parts.append(part)
            left_out += without
        if len(parts) < len(members):
            more = len(members) - len(parts)
            left_out += more
            parts.append(_left_out(more))
    return Failure(kind, class_name(error), text_of(error), "", builtin, arguments, parts), left_out


def _left_out(number: int) -> Failure:
    return Failure(METHOD_FAILED, "Exception", f"{number:,} more exceptions, left out on the way")


def to_wire(failure: Failure, carried: Callable[[Any], Any]) -> List[Any]:
    """As a list for a codec. `carried`: what comes back of a value; arguments that change on the way are left out.

    Text that is no valid Unicode is escaped, never refused.
    """
    texts = (failure.kind, failure.type_name, failure.text, failure.traceback, failure.builtin)
    arguments = None if failure.arguments is None else list(failure.arguments)
    try:
        if not _is_same(arguments, carried(arguments)):
            arguments = None
    except BaseException:  # code of the arguments' classes: whatever a method raises ends no server
        arguments = None
    return [*map(printable, texts), arguments, [to_wire(part, carried) for part in failure.parts]]


def from_wire(response: Any, level: int = 0) -> Optional[Failure]:
    """What :func:`to_wire` has made; None for anything else."""
    if type(response) not in (list, tuple) or len(response) != len(Failure._fields) or level > _LEVELS + 1:
        return None
    *texts, arguments, parts = response
    if any(type(text) is not str for text in texts) or type(arguments) not in (list, type(None)):
        return None
    inner = [from_wire(part, level + 1) for part in parts] if type(parts) is list else [None]
    if any(part is None for part in inner):
        return None
    kind, type_name, text, trace, builtin = texts
    return Failure(kind, type_name, text, trace, builtin, arguments, inner)


def nearest_builtin(kind: type) -> type:
    """The first of an exception class and its bases that is Python's own."""
    bases = mro_of(kind)
    return bases[next(at for at, base in enumerate(bases) if getattr(builtins, class_name_of(base), None) is base)]


def _as_builtin(error: BaseException) -> Tuple[str, Optional[Sequence[Any]]]:
    """The nearest builtin class of an exception, and the arguments it was constructed with."""
    kind = nearest_builtin(type(error))
    if not issubclass(kind, Exception):
        return "", None  # SystemExit and its like are the server's: to raise one in a caller would end that
    if kind is Exception and type(error) is not Exception:
        return "", None
    arguments = _arguments_of(error)
    if issubclass(kind, OSError):
        arguments = tuple(OSError.__reduce__(error)[1])  # with the file's name  # type: ignore[index]
    return class_name_of(kind), arguments


def _is_same(one: Any, other: Any) -> bool:
    kind = type(one)
    if kind is not type(other):
        return False
    if kind in (list, tuple):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if kind is dict:
        return _is_same(list(one.items()), list(other.items()))
    return bool(one == other)


def _traceback_of(error: BaseException, is_crowd: bool) -> str:
    """What Python would print; without the exceptions of a group that is a crowd, for which that can take hours."""
    trace = _traceback_in(error)
    if trace is None:
        return ""
    try:
        if is_crowd:
            return "".join(["Traceback (most recent call last):\n", *traceback.format_tb(trace), f"{said(error)}\n"])
        return "".join(traceback.format_exception(type(error), error, trace))
    except BaseException as failure:  # code of the exception's class, as above
        return f"<formatting the traceback raised {class_name(failure)}>"
