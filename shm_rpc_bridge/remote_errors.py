"""An exception of a method as its caller catches it: an RPCMethodError, and the builtin exception that it was.

except ValueError:        # works after the split
except RPCMethodError:    # catches everything that a method raises
"""

import builtins
from typing import Any, Dict, Optional, Tuple, Type

from .exceptions import RPCMethodError, RPCSerializationError, RPCTimeoutError, RPCTransportError
from .failures import (
    GIVEN_UP,
    HANDED_OUT,
    METHOD_FAILED,
    REQUEST_REFUSED,
    RESULT_REFUSED,
    RESULT_UNSENT,
    WORKER_DIED,
    WORKER_MISSING,
    Failure,
)


class RemoteTraceback(Exception):
    """The cause of an exception that was raised in another process: what Python would have printed there."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


class HandedOut(Exception):
    """No error: the result is an object that stays in the server. For clients, which make a handle of it."""

    def __init__(self, class_name: str, number: int) -> None:
        super().__init__(class_name, number)
        self.class_name = class_name
        self.number = number


def error_of(failure: Failure) -> Exception:
    """What the caller is to raise."""
    refusal = f"in the server: {failure.text or failure.type_name}"  # a MemoryError has no text
    if failure.kind == RESULT_REFUSED:
        return RPCSerializationError(f"{refusal} (the method has run)", may_have_run=True)
    if failure.kind == REQUEST_REFUSED:
        return RPCSerializationError(f"{refusal} (the method has not run)")
    if failure.kind == RESULT_UNSENT:
        return RPCTransportError(f"the answer cannot be sent, {refusal} (the method has run)", may_have_run=True)
    if failure.kind == GIVEN_UP:
        return RPCTimeoutError(f"{refusal} (the method has run)", may_have_run=True)
    if failure.kind in (WORKER_DIED, WORKER_MISSING):
        return RPCTransportError(refusal, may_have_run=failure.kind == WORKER_DIED)
    if failure.kind == HANDED_OUT and failure.text.isdecimal():
        return HandedOut(failure.type_name, int(failure.text))
    error = _method_error(failure)
    if failure.traceback:
        error.__cause__ = RemoteTraceback(failure.traceback)
    return error


def _method_error(failure: Failure) -> RPCMethodError:
    remote = failure.type_name, failure.text, failure.traceback, failure.kind == METHOD_FAILED
    if failure.builtin == "ExceptionGroup":
        title = failure.arguments[0] if failure.arguments else failure.text
        arguments: Tuple[Any, ...] = (title, [_method_error(part) for part in failure.parts])
    else:
        arguments = (failure.text,) if failure.arguments is None else tuple(failure.arguments)
    return _constructed(failure.builtin, arguments, remote)


def _constructed(builtin: str, arguments: Tuple[Any, ...], remote: Tuple[str, str, str, bool]) -> RPCMethodError:
    kind = _class_for(builtin)
    *texts, may_have_run = remote
    if kind is None:
        return RPCMethodError(*texts, may_have_run=may_have_run)
    try:
        error: Any = kind(*arguments)
    except Exception:  # a group without parts or title, which Python refuses
        return RPCMethodError(*texts, may_have_run=may_have_run)
    RPCMethodError.__init__(error, *texts, may_have_run=may_have_run)
    try:
        getattr(builtins, builtin).__init__(error, *arguments)
    except Exception:  # a class derived from it took other arguments, or the codec could not carry them
        error.args = (error.remote_message,)
    error._made_of = builtin, arguments, remote
    return error  # type: ignore[no-any-return]


_classes: Dict[str, Type[Exception]] = {}


def _class_for(builtin: str) -> Optional[Type[Exception]]:
    """A class that is both the builtin exception and RPCMethodError; None where no builtin has that name."""
    if builtin not in _classes:
        base = getattr(builtins, builtin, None)
        if not (isinstance(base, type) and issubclass(base, Exception)):
            return None
        bases = (RPCMethodError,) if base is Exception else (base, RPCMethodError)
        _classes[builtin] = type(builtin, bases, dict(_MEMBERS))
    return _classes[builtin]


_MEMBERS = {
    "__module__": __name__,
    "__doc__": "What a method has raised: this builtin exception and an RPCMethodError.",
    "__init__": lambda self, *arguments: None,  # see _constructed: both bases have their turn
    "__str__": lambda self: self.remote_message,  # as it was, for who catches it as what it was
    "__reduce__": lambda self: (_constructed, self._made_of),
}
