"""The codec "pickle": Python objects as they are, exceptions included, for who trusts the other side.

Reading a pickle can run any code. Client and server both ask for this codec by name; what reaches a server comes from
processes of the same user, or of root, since nobody else can open its memory.
"""

import copyreg
import io
import pickle
from types import FunctionType, GeneratorType
from typing import Any, Callable, Dict, List, Optional

from ..classes import class_name, said
from ..exceptions import RPCError
from ..failures import METHOD_FAILED, Failure, from_wire, nearest_builtin, to_wire
from ..frames import Arrived, Framed, Outgoing, lends, opened
from ..remote_errors import RemoteTraceback, error_of
from .responses import failure_of, unreadable
from .values import Values, method_of

_loads: Callable[..., Any] = pickle.loads
_set_cause: Callable[[Exception, Optional[Exception]], None] = vars(BaseException)["__cause__"].__set__


_LARGE, _ATTENTION = 32 * 1024, 100
"""From how many bytes on a message may be one of arrays, and for how many messages buffers are looked for after it."""


def _dumps(value: Any) -> bytes:
    return pickle.dumps(value, 5)  # by position: a partial with the protocol by name takes a third longer


def _new_dumps() -> Callable[[Any], Outgoing]:
    """One that has buffers, as of arrays, travel beside the pickle, where there are any.

    To look for them takes a third of what a small message does, so that is done only after a large one has come.
    """
    attention = 0

    def dumps(value: Any) -> Outgoing:
        nonlocal attention
        if attention:
            buffers: List[pickle.PickleBuffer] = []
            encoded = pickle.dumps(value, 5, buffer_callback=buffers.append)
            if buffers:
                attention = _ATTENTION
                return _framed(encoded, buffers, method_of(value))
            attention -= 1
        else:
            encoded = pickle.dumps(value, 5)
        if len(encoded) > _LARGE:
            attention = _ATTENTION
        return encoded

    return dumps


def _framed(encoded: bytes, buffers: List[pickle.PickleBuffer], method: str) -> Framed:
    """Its notes say of each frame whether it can be written to, and of a request, which method it calls."""
    frames = [buffer.raw() for buffer in buffers]
    return Framed(bytes(not frame.readonly for frame in frames) + method.encode(), encoded, frames)


def _loads_framed(message: Arrived, method: str) -> Any:
    notes, body, frames = opened(message)
    if len(notes) < len(frames):
        raise ValueError(f"{len(notes)} notes of {len(frames)} buffers")
    writable, called = notes[: len(frames)], notes[len(frames) :].decode().rstrip(" ")
    if lends(message, method or called):
        return _loads(body, buffers=[frame.toreadonly() for frame in frames])
    return _loads(body, buffers=[bytearray(frame) if each else bytes(frame) for each, frame in zip(writable, frames)])


class Pickle(Values):
    """See :class:`.protocol.Codec`. A failure is followed by the pickled exception, or by why there is none."""

    keeps_types = True

    def __init__(self) -> None:
        super().__init__("pickle", _new_dumps(), _loads, _remedy_for, _loads_framed)

    def encode_failure(self, failure: Failure, error: Optional[BaseException]) -> bytes:
        original: object = None
        if error is not None and failure.kind == METHOD_FAILED and issubclass(type(error), Exception):
            try:
                original = _dumps_exception(error)
            except BaseException as refusal:  # whatever a method raises ends no server
                original = said(refusal)
        return _dumps((*to_wire(failure, _readable_anywhere), original))

    def decode_response(self, method: str, message: Arrived) -> Any:
        try:
            response = _loads(message)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # code of the pickle: a SystemExit in it must not end this process
            if not self._has_frames(message):
                raise unreadable(method, "pickle", said(error)) from error
            response = self._framed_response(method, message)
        if type(response) is tuple and response:
            if len(response) == 1:
                return response[0]
            *described, original = response
            raise _original(method, described, original, message)
        raise failure_of(method, response, message)


def _remedy_for(kind: type) -> str:
    if issubclass(kind, (type, FunctionType)):
        return "define it at the top level of a module, where the other side can import it"
    if issubclass(kind, GeneratorType):
        return "send a list, or as an argument stream(value)"
    return "send what it consists of, or give its class a __reduce__; a class must be at the top level of a module"


def _readable_anywhere(arguments: Any) -> Any:
    """What cannot be read at the client would take the whole description with it. Raises ValueError."""
    kinds = {type(each) for each in arguments or ()}
    if not kinds <= {str, int, float, bool, bytes, type(None)}:
        raise ValueError
    return arguments


def _original(method: str, described: Any, original: object, message: Arrived) -> Exception:
    """The exception itself, or one that describes it and says why that could not be had."""
    failure = from_wire(described)
    if failure is None or type(original) not in (bytes, str):
        return failure_of(method, described, message)
    why = original
    if type(original) is bytes:
        try:
            found = _loads(original)
            if issubclass(type(found), Exception):
                _set_cause(found, RemoteTraceback(failure.traceback) if failure.traceback else None)
                if issubclass(type(found), RPCError):  # of a call that the method has made: this one's has run
                    found.may_have_run = True
                return found  # type: ignore[no-any-return]
            why = f"a {class_name(found)} came"
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # as above
            why = said(error)
    return error_of(failure._replace(text=f"{failure.text} (the exception itself cannot be had here: {why})"))


def _dumps_exception(error: BaseException) -> bytes:
    """Of an exception and the exceptions in it: in its arguments, its attributes, in a group."""
    file = io.BytesIO()
    _ExceptionPickler(file, 5).dump(error)
    return file.getvalue()


class _ExceptionPickler(pickle.Pickler):
    """Most exceptions would be pickled as a call of their class with `args`, which their own ``__init__`` need not
    take; in a ProcessPoolExecutor that is the end of all its workers. They go as class, `args` and attributes.
    """

    def reducer_override(self, value: Any) -> Any:
        kind: Any = type(value)
        if not issubclass(kind, BaseException):
            return NotImplemented
        builtin: Any = nearest_builtin(kind)
        own = kind.__reduce__ is not builtin.__reduce__ or kind.__reduce_ex__ is not object.__reduce_ex__
        if own or kind in copyreg.dispatch_table:
            return NotImplemented
        _, arguments, *attributes = builtin.__reduce__(value)
        if not attributes:
            return _made, (kind, *arguments)
        setter = _set_attributes if kind.__setstate__ is builtin.__setstate__ else None  # None: its __setstate__
        return _made, (kind, *arguments), attributes[0], None, None, setter


def _made(kind: Any, *arguments: Any) -> BaseException:
    """An exception, made without ``__new__`` and ``__init__`` of classes that are not Python's own."""
    builtin: Any = nearest_builtin(kind)
    error: BaseException = builtin.__new__(kind, *arguments)
    builtin.__init__(error, *arguments)
    return error


def _set_attributes(error: BaseException, attributes: Dict[str, Any]) -> None:
    """Also those of a frozen dataclass, whose own ``__setattr__`` refuses."""
    for name, value in attributes.items():
        object.__setattr__(error, name, value)
