"""AsyncRPCClient: the calls of an RPCClient, awaited."""

import asyncio
import contextlib
import math
import warnings
from functools import partial
from time import monotonic
from typing import Any, Awaitable, Callable, Optional, Tuple

from ..calling import Calling
from ..channel import DEFAULT_BUFFER_SIZE, DEFAULT_MAX_MESSAGE_SIZE
from ..exceptions import RPCError, RPCSerializationError, RPCTimeoutError, RPCTransportError
from ..failures import CALL_OBJECT, PING, STREAM, UPLOAD
from ..frames import Framed, Outgoing
from ..messages import ONE
from ..remote_errors import HandedOut
from ..streams import not_a_stream
from ..upload import CallWithStream, call_with_stream, hand_over_from_loop
from .begun import BegunCall
from .session import Begun, Session
from .stream import AsyncStream
from .way import Way, let_go


class AsyncRPCClient(Calling):
    """Calls the methods of the server `name` on this host, from one event loop.

    Any number of calls may be under way at once, from any tasks of that loop, through one channel: what is begun in one
    turn of the loop goes in one message. No thread is made, nothing is polled; the loop sleeps until the server rings.
    A call that is cancelled disturbs no other, and is never run if the server had not taken it. When the server was
    restarted, the next call connects to the new one. Whoever constructs it closes it, or uses ``async with``. It does
    not survive ``fork``: construct another one in the child.
    """

    def __init__(
        self,
        name: str,
        buffer_size: int = DEFAULT_BUFFER_SIZE,
        timeout: Optional[float] = 5.0,
        *,
        wait_for_server: float = 0.0,
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
        codec: Any = "json",
        strict: bool = False,
    ) -> None:
        """Nothing is connected before ``async with``, :meth:`connect` or the first call.

        `wait_for_server`: seconds that :meth:`connect` waits for a server that is not there yet; calls do not, see
        :meth:`with_options`. The other arguments are those of :class:`.RPCClient`. ValueError or TypeError for bad
        ones.
        """
        super().__init__(name, buffer_size, timeout, wait_for_server, max_message_size, codec, strict)
        self._way = Way(name, buffer_size, max_message_size, self._codec)

    async def connect(self) -> None:
        """Connect, if that was not done. Raises RPCTransportError when there is no server or one of another codec."""
        await self._way.session(self._connect_within)

    async def call(self, method: str, /, *args: Any, **params: Any) -> Any:
        """Call `method` in the server with these arguments, by position and by name, and return its result.

        Raises what :meth:`.RPCClient.call` does, and CancelledError where it is cancelled: then the method may have run
        only if the server had taken the request. A request that certainly has not run, because its server closed or
        died first, is sent once more if another one is there by then.
        """
        timeout = self._timeout
        try:
            message = self._encode(method, args, params)
        except RPCSerializationError:
            call = call_with_stream(args, params)
            if call is None:
                raise
            return await self._hand_over(method, call)
        deadline = math.inf if timeout is None else monotonic() + timeout
        if self._way.session_now() is None:
            message = _as_now(message)
        return await self._result(method, message, deadline, None)

    def submit(self, method: str, /, *args: Any, **params: Any) -> Awaitable[Any]:
        """:meth:`call`, under way when this returns; what it returns is awaited, once, for the result.

        So many calls at once need no task each, which is half of what they take with ``asyncio.gather``. The timeout
        counts from now. One that finds no connection is a task, which connects. Belongs in the client's loop.
        """
        timeout = self._timeout
        try:
            message = self._encode(method, args, params)
        except RPCSerializationError:
            call = call_with_stream(args, params)
            if call is None:
                raise
            return asyncio.ensure_future(self._hand_over(method, call))
        deadline = math.inf if timeout is None else monotonic() + timeout
        session = self._way.session_now()
        if session is not None:
            with contextlib.suppress(RPCTransportError):  # of which the task says more
                return self._result(method, message, deadline, (session, session.begin(message, ONE, deadline)))
        return asyncio.ensure_future(self._result(method, _as_now(message), deadline, None))

    async def _result(
        self, method: str, message: Outgoing, deadline: float, under_way: Optional[Tuple[Session, Begun]]
    ) -> Any:
        """Of a call; where it is under way already, in a session, of that one."""
        lost: Optional[Exception] = None
        while True:
            if under_way is not None:
                session, (number, future) = under_way
            else:
                session = self._way.session_now() or await self._session(method, deadline, lost)
            try:
                if under_way is None:
                    number, future = session.begin(message, ONE, deadline)
                try:
                    response = await future
                except BaseException as error:
                    session.left(number, error)
                    raise
            except (RPCTimeoutError, RPCTransportError) as error:
                lost = self._lost(error, session, method, lost)
                if isinstance(message, Framed) and message.may_change:  # since it was called with that
                    raise lost from None
                under_way = None
                continue
            try:
                return self._decode(method, response)
            except HandedOut as came:
                if came.class_name == STREAM:
                    return self._stream(session, came.number, method)
                session.objects += 1
                if came.class_name == UPLOAD:
                    return session, came.number
                self._let_go(session, came.number)
                raise RPCSerializationError(
                    f"the result of {method!r} is a {came.class_name} that stays in the server, and this client has no "
                    "handles: call it with an RPCClient (the method has run)",
                    may_have_run=True,
                ) from None

    async def _session(self, method: str, deadline: float, lost: Optional[Exception]) -> Session:
        try:
            return await self._way.session(min(self._patience, deadline - monotonic()))
        except RPCTransportError as error:
            raise self._nowhere(error, method, lost) from None

    def _lost(self, error: RPCError, session: Session, method: str, lost: Optional[Exception]) -> Exception:
        """What to say of a request that has failed, if it may be sent once more; else raises it."""
        told, is_timeout = self._about(error, method, self._timeout), isinstance(error, RPCTimeoutError)
        if lost is not None or error.may_have_run or is_timeout or session.server_is_alive() or self._way.is_closed:
            raise told from None
        return told

    def _let_go(self, session: Session, number: int) -> None:
        """Let the server forget an object that nobody here has any more."""
        session.objects -= 1
        let_go(self._codec, session, number)

    def _stream(self, session: Session, number: int, method: str) -> AsyncStream:
        session.objects += 1
        take = self._calls_of_object(session, number, "take", method)
        return AsyncStream(take, lambda: self._let_go(session, number), session.soon)

    async def _hand_over(self, method: str, call: CallWithStream) -> Any:
        encoded = self._encode(UPLOAD, (method, call.place, *call.args), call.params)
        deadline = math.inf if self._timeout is None else monotonic() + self._timeout
        session, number = await self._result(UPLOAD, encoded, deadline, None)
        try:
            result = await hand_over_from_loop(
                self._calls_of_object(session, number, "give", method), method, call.items
            )
        finally:
            self._let_go(session, number)
        return self._converted(method, result)

    def _calls_of_object(self, session: Session, number: int, called: str, shown: str) -> Callable[..., BegunCall]:
        """Of that method of an object that stays in the server: what begins a call of it. Errors call it `shown`."""
        timeout, decode, encode = self._timeout, self._codec.decode_response, self._encode

        def about(error: Exception) -> RPCError:
            return self._about(error, shown, timeout)

        def begin(*args: Any) -> BegunCall:
            deadline = math.inf if timeout is None else monotonic() + timeout
            message = encode(CALL_OBJECT, (number, called, *args), {})
            try:
                begun = session.begin(message, ONE, deadline)
            except RPCTransportError as error:
                raise about(error) from None
            return BegunCall(session, begun, len(message), partial(decode, shown), about)

        return begin

    async def stream(self, method: str, /, *args: Any, **params: Any) -> AsyncStream:
        """:meth:`call` of a method that is a generator: ``async for item in await client.stream("f", 1)``.

        RPCSerializationError where the method, which has run, returns anything else.
        """
        result = await self.call(method, *args, **params)
        if not isinstance(result, AsyncStream):
            raise not_a_stream(method, self.name, result)
        return result

    async def ping(self) -> float:
        """Seconds that a call without a method takes. Raises what a call raises: the server lives and answers."""
        before = monotonic()
        await self.call(PING)
        return monotonic() - before

    async def close(self) -> None:
        """Let go of everything; calls that tasks are in end at once with RPCTransportError. Idempotent."""
        self._way.close()

    async def __aenter__(self) -> "AsyncRPCClient":
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __del__(self) -> None:
        way: Optional[Way] = getattr(self, "_way", None)
        if self._is_owner and way is not None and way.holds_anything:
            was_closed = way.is_closed  # and that was interrupted
            way.close_from_anywhere()  # first: where warnings are errors, the next line is one
            if not was_closed:
                warnings.warn(f"AsyncRPCClient({self.name!r}) was never closed", ResourceWarning, stacklevel=2)

    def __reduce__(self) -> Any:
        raise TypeError("an AsyncRPCClient belongs to its event loop: construct another one where it is used")


def _as_now(message: Outgoing) -> Outgoing:
    """To be sent later, when what it shows may have changed."""
    return bytes(message) if isinstance(message, Framed) and message.may_change else message
