"""The codec "pickle": Python objects as they are, exceptions included, for who trusts the other side.

Reading a pickle can run any code. Client and server both ask for this codec by name; what reaches a server comes from
processes of the same user, or of root, since nobody else can open its memory.
"""

import functools
import pickle
from typing import Any, Optional

from ..classes import class_name
from ..failures import METHOD_FAILED, Failure, from_wire, to_wire
from ..remote_errors import RemoteTraceback, error_of
from .protocol import Encoded
from .responses import failure_of, unreadable
from .values import Values

_dumps = functools.partial(pickle.dumps, protocol=5)
_loads = pickle.loads


class Pickle(Values):
    """See :class:`.protocol.Codec`. A failure is followed by the pickled exception, or by why there is none."""

    keeps_types = True

    def __init__(self) -> None:
        super().__init__("pickle", _dumps, _loads)

    def encode_failure(self, failure: Failure, error: Optional[BaseException]) -> bytes:
        original: object = None
        if failure.kind == METHOD_FAILED and isinstance(error, Exception):
            try:
                original = _dumps(_taken_apart(error))
            except Exception as refusal:
                original = f"{class_name(refusal)}: {refusal}"
        return _dumps((*to_wire(failure, self._carried), original))

    def decode_response(self, method: str, message: Encoded) -> Any:
        try:
            response = _loads(message)
        except Exception as error:
            raise unreadable(method, "pickle", f"{class_name(error)}: {error}") from error
        if type(response) is tuple:
            if len(response) == 1:
                return response[0]
            *described, original = response
            raise _original(method, described, original, message)
        raise failure_of(method, response, message)


def _original(method: str, described: Any, original: object, message: Encoded) -> Exception:
    """The exception itself, or one that describes it and says why that could not be had."""
    failure = from_wire(described)
    if failure is None or original is None:
        return failure_of(method, described, message)
    why = original
    if type(original) is bytes:
        try:
            found = _put_together(_loads(original))
            if isinstance(found, Exception):
                found.__cause__ = RemoteTraceback(failure.traceback) if failure.traceback else None
                return found
            why = f"a {class_name(found)} came"
        except Exception as error:
            why = f"{class_name(error)}: {error}"
    return error_of(failure._replace(text=f"{failure.text} (the exception itself cannot be had here: {why})"))


def _taken_apart(error: Exception) -> Any:
    """What :func:`_put_together` takes: an exception that pickle would construct anew, from arguments that its own
    ``__init__`` need not take (which is the end of a whole ProcessPoolExecutor), goes as class, arguments, attributes.
    """
    kind = type(error)
    if kind.__reduce__ is BaseException.__reduce__ and kind.__reduce_ex__ is object.__reduce_ex__:
        return kind, error.args, vars(error)
    return error


def _put_together(parts: Any) -> Any:
    if type(parts) is not tuple:
        return parts
    kind, arguments, attributes = parts
    error = kind.__new__(kind, *arguments)
    error.args = arguments
    vars(error).update(attributes)
    return error
