"""What a server's methods are, and the one response to each request. Nothing here waits."""

import copy
import functools
import inspect
import logging
from types import AsyncGeneratorType, CoroutineType, GeneratorType, MethodType
from typing import Any, Callable, Coroutine, Dict, Iterator, List, Optional, Set, Tuple, Type

from . import current, parameters, uploaded
from .classes import class_name, text_of
from .codec.protocol import Codec
from .exceptions import RPCSerializationError, RPCTimeoutError, RPCTransportError
from .failures import (
    CALL_OBJECT,
    GIVEN_UP,
    HANDED_OUT,
    LET_GO,
    METHOD_FAILED,
    METHOD_UNKNOWN,
    PARAMETERS_REFUSED,
    PING,
    REQUEST_REFUSED,
    RESULT_REFUSED,
    RESULT_UNSENT,
    STREAM,
    UPLOAD,
    Failure,
    described,
)
from .frames import Outgoing
from .messages import BATCH, joined, parted
from .objects import Classes, Objects, Unknown
from .offered import meant
from .served import Request
from .statistics import Figures
from .streamed import METHODS, AsyncStreamed, Produced, Streamed, streamed

logger = logging.getLogger("shm_rpc_bridge")


IN_BATCH = -1
"""Instead of the kind of a request that is one of a batch: its response cannot come later than the next one's."""
Failed = Tuple[Failure, BaseException]
"""What a response says that is no result, and the exception behind it."""
Defer = Callable[["Dispatch", Request, str, "Coroutine[Any, Any, Any]"], Optional[Outgoing]]
"""Has a coroutine awaited elsewhere, where :meth:`Dispatch.outcome` makes the response of what comes of it: that, or
None when it comes later."""

_ALONE = "an object of class {} stays here, and a batch cannot have a handle to it: call this method on its own"


class Dispatch:
    """The methods of one server. They are called in the thread that calls :meth:`answer`; any thread may add some.

    Each thread that answers has one of its own, see :meth:`for_thread`.
    """

    def __init__(self, codec: Codec, max_objects: int, objects_kept: Callable[[int], int], defer: Defer) -> None:
        """`max_objects`: how many objects are kept for a client process, of which `objects_kept` tells the number."""
        self.failure: Optional[Failed] = None
        """What the last answer says; None when that is a result. Who has sent it calls :meth:`settle`."""
        self._is_inherited = [False]  # shared with those of other threads
        self.is_alone = True
        """Whether no two methods run at once. Set by who has made it."""
        self.exit: Optional[BaseException] = None
        """What a method has raised to end the server."""
        self._defer = defer
        self._codec = codec
        self._decode, self._encode = codec.decode_request, codec.encode_result
        self._methods: Dict[str, Callable[..., Any]] = {PING: _nothing}
        self._classes: Classes = {}
        self._kept: Set[int] = set()  # ids of them: a hash is code of a class's metaclass
        self._max_objects = max_objects
        self._objects_kept = objects_kept
        self._failed = 0
        self._of_threads = [self]

    def leave_to_parent(self) -> None:
        """In a forked child, whichever thread has forked it: a batch goes no further, its parent runs the rest."""
        self._is_inherited[0] = True

    def for_thread(self) -> "Dispatch":
        """The same methods, for another thread."""
        other = copy.copy(self)
        other._failed = 0
        self._of_threads.append(other)
        return other

    def figures(self) -> Tuple[int, Dict[str, Figures]]:
        """What was counted by all threads: answers that are no results, and of each method, where that is measured."""
        return sum(each._failed for each in list(self._of_threads)), {}

    def add(self, functions: Dict[str, Callable[..., Any]], prefix: str = "") -> List[str]:
        """Answer calls of them under their names with `prefix` before them, which are returned. All, or none.

        Raises ValueError for a name that is taken, TypeError for what cannot be called.
        """
        if not isinstance(prefix, str):
            raise TypeError(f"prefix must be a str, not {type(prefix).__name__}")
        for name, func in functions.items():
            if not isinstance(name, str):
                raise TypeError(f"a method's name must be a str, not {type(name).__name__}")
            self._check(prefix + name, func)
        if any(map(_is_awaited, functions.values())):
            self._kept.add(id(CoroutineType))
        if any(map(is_generator, functions.values())):
            self._kept.update(map(id, (GeneratorType, AsyncGeneratorType, CoroutineType)))
            self._classes.update({Streamed: METHODS, AsyncStreamed: METHODS})
        self._methods.update({prefix + name: func for name, func in functions.items()})
        return [prefix + name for name in functions]

    def _check(self, name: str, func: Callable[..., Any]) -> None:
        if not callable(func):
            raise TypeError(f"method {name!r} must be callable, not {type(func).__name__}")
        if name in (CALL_OBJECT, LET_GO, UPLOAD):
            raise ValueError(f"{name!r} is a name of the library's own: give the method another one")
        if name in self._methods:
            raise ValueError(f"method {name!r} is registered already")

    def keep_objects_of(self, kind: Type[Any], methods: "frozenset[str]") -> None:
        """Hand out objects of exactly this class instead of sending them; these of their methods can be called."""
        self._classes[kind] = methods
        self._kept.add(id(kind))

    def answer(self, request: Request) -> Optional[Outgoing]:
        """The response to one request, exactly one, whatever its method does; None when that comes later."""
        if request[3] == BATCH:
            return self._answer_batch(request)
        try:
            method, args, params = self._decode(request[2])
        except (RPCSerializationError, MemoryError) as error:
            return self.failed(error, REQUEST_REFUSED)
        kind = METHOD_FAILED
        function: Optional[Callable[..., Any]] = None
        try:
            try:
                function = self._methods[method]
            except KeyError:
                function, method, args = self._of_object(request, method, args)
            result = function(*args, **params)
            if self._kept and id(type(result)) in self._kept:
                if type(result) is not CoroutineType:
                    return self._handed_out(request, method, result)
                return self._defer(self, request, method, result)
            kind = RESULT_REFUSED
            return self._encode(method, result)
        except RPCSerializationError as error:  # the result's, or what the method was told by another server
            return self.failed(error, kind)
        except Unknown as unknown:
            return self._told(Failure(METHOD_UNKNOWN, "LookupError", str(unknown)), unknown)
        except (SystemExit, KeyboardInterrupt) as error:  # once the caller knows, this process ends
            self.exit = error
            return self.failed(error)
        except BaseException as error:  # CancelledError and GeneratorExit, too, are the caller's affair
            why = parameters.refused(function, method, args, params, error) if type(error) is TypeError else ""
            return self.failed(TypeError(why), PARAMETERS_REFUSED) if why else self.failed(error)

    def outcome(self, request: Request, method: str, get: Callable[[], Any]) -> Outgoing:
        """The response of what a coroutine has come to: `get` returns its result, or raises what it has raised."""
        kind = METHOD_FAILED
        try:
            result = get()
            if id(type(result)) in self._kept:
                return self._handed_out(request, method, result)
            kind = RESULT_REFUSED
            return self._encode(method, result)
        except RPCSerializationError as error:
            return self.failed(error, kind)
        except (SystemExit, KeyboardInterrupt) as error:
            self.exit = error
            return self.failed(error)
        except BaseException as error:
            return self.failed(error)

    def _answer_batch(self, request: Request) -> bytes:
        """One message of the responses to all requests in one, which are answered in turn; or of why there are none."""
        served, sequence, message, _ = request
        try:
            parts = parted(message)
        except ValueError as error:
            return joined([self.failed(RPCSerializationError(f"not a batch: {error}"), REQUEST_REFUSED)])
        except MemoryError as error:
            return joined([self.failed(error, REQUEST_REFUSED)])
        responses = []
        for part in parts:
            if self._is_inherited[0]:
                break
            if self.exit is None:
                own = self.answer((served, sequence, part, IN_BATCH))
                assert own is not None
                try:
                    responses.append(own if type(own) is bytes else bytes(own))
                except MemoryError as error:
                    responses.append(self.failed(error))
            else:
                ends = RPCSerializationError("an earlier call of this batch has ended the server")
                responses.append(self.failed(ends, REQUEST_REFUSED))
        try:
            response = joined(responses)
        except MemoryError as error:
            return joined([self.failed(error)])
        if self.exit is None:
            self.failure = None  # of one call, not of the batch
        return response

    def failed(self, error: BaseException, kind: str = METHOD_FAILED) -> bytes:
        """The response that a call has failed with that error."""
        return self._told(described(kind, error), error)

    def instead(self, refusal: Exception) -> Iterator[bytes]:
        """What to answer where the answer cannot be sent: of a failure less and less, then that it cannot be sent."""
        return self.instead_of(self.failure, refusal)

    def instead_of(self, failed: Optional[Failed], refusal: Exception) -> Iterator[bytes]:
        """As :meth:`instead`, of an answer that says so."""
        is_late = isinstance(refusal, RPCTimeoutError)
        if failed is not None and not is_late:
            failure, error = failed
            why = f"(shortened on the way: {text_of(refusal)})"
            for length, original in ((100_000, error), (1_000, error), (100_000, None), (1_000, None), (100, None)):
                yield self._encoded(failure.shortened(length, why), original)
        no_room = isinstance(refusal, RPCTransportError)
        yield self.failed(refusal, GIVEN_UP if is_late else RESULT_UNSENT if no_room else METHOD_FAILED)

    def settle(self) -> None:
        """Forget the failure that was told, and with it what the method had; raise what it has raised to end this."""
        self.failure = None
        if self.exit is not None:
            raise self.exit

    def _told(self, failure: Failure, error: BaseException) -> bytes:
        logger.debug("a call failed: %s: %s", failure.type_name, failure.text)
        self.failure = failure, error
        self._failed += 1
        return self._encoded(failure, error)

    def _encoded(self, failure: Failure, error: Optional[BaseException]) -> bytes:
        try:
            return self._codec.encode_failure(failure, error)
        except BaseException:  # of an object with dumps, which may raise whatever it likes
            logger.exception("codec %r cannot encode that a call has failed", self._codec.name)
            return b""  # which no codec takes for a result: the caller is told that it is none

    def _of_object(self, request: Request, method: str, args: Any) -> Tuple[Callable[..., Any], str, Any]:
        """What is called, as what, and with which arguments, when it is no method of the server's own."""
        if method == UPLOAD and len(args) > 1:
            return self._uploading(*args[:2]), args[0], args[2:]
        kept: Optional[Objects] = request[0].objects
        if kept is not None and args:
            if method == LET_GO:
                return kept.let_go, method, args
            if method == CALL_OBJECT and len(args) > 1:
                function = kept.method(*args[:2])
                of = function.__self__ if type(function) is MethodType else None
                if isinstance(of, Produced):
                    of.request = request[:2]
                return function, args[1], args[2:]
        raise self._unknown(method)

    def _unknown(self, method: str) -> Unknown:
        known = sorted(name for name in self._methods if name != PING)
        return Unknown(f"unknown method {method!r}{meant(method, known)}; registered: {', '.join(known) or 'none'}")

    def _uploading(self, method: Any, place: Any) -> Callable[..., Any]:
        """Takes all other arguments of a method that is called with a stream, and is what that then becomes."""
        function = self._methods.get(method) if type(method) is str else None
        if function is None:
            raise self._unknown(method)
        if is_generator(function):
            raise Unknown(f"{method!r} is a generator, and takes no stream: let it return a list, or call it in parts")
        if not self._max_objects:
            raise Unknown(f"{method!r} takes no stream: its server has processes, or max_objects=0")
        self._kept.update(map(id, uploaded.KINDS))
        self._classes.update(dict.fromkeys(uploaded.KINDS, uploaded.METHODS))
        kind = uploaded.Kind(_is_awaited(function), self.is_alone)
        return lambda *args, **params: uploaded.begun(method, function, kind, place, args, params)

    def _handed_out(self, request: Request, method: str, value: Any) -> bytes:
        """Keep an object, and answer with its number."""
        if request[3] == IN_BATCH:
            return self.failed(RPCSerializationError(_ALONE.format(class_name(value))), RESULT_REFUSED)
        served = request[0]
        stream = streamed(value)
        if stream is not None:
            stream.method = method
        name = UPLOAD if type(value) in uploaded.KINDS else class_name(value) if stream is None else STREAM
        client = served.request.creator()
        if self._objects_kept(client) >= self._max_objects:
            refusal = (
                f"process {client} has {self._max_objects} objects here, max_objects: close some handles and streams, "
                "or wait for some"
            )
            return self.failed(LookupError(refusal))
        if served.objects is None:
            served.objects = Objects(self._classes)
        number = served.objects.keep(value if stream is None else stream)
        return self._codec.encode_failure(Failure(HANDED_OUT, name, str(number)), None)


current.answers(Dispatch.answer)


def _is_awaited(func: Callable[..., Any]) -> bool:
    """Whether it is an async function, or an object or partial of one."""
    while isinstance(func, functools.partial):
        func = func.func
    called = vars(type(func)).get("__call__")  # of an object
    return inspect.iscoroutinefunction(func) or inspect.iscoroutinefunction(called)


def is_generator(func: Callable[..., Any]) -> bool:
    """Whether it is a generator function, async or not, or an object or partial of one."""
    while isinstance(func, functools.partial):
        func = func.func
    called = vars(type(func)).get("__call__")  # of an object
    return any(inspect.isgeneratorfunction(each) or inspect.isasyncgenfunction(each) for each in (func, called))


def _nothing() -> None:
    """What answers a ping."""
