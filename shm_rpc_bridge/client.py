"""RPCClient: a name, a pool of channels, and one deadline per call."""

import math
import os
import warnings
import weakref
from concurrent.futures import Future
from time import monotonic
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, TypeVar, Union

from . import codec as codecs
from . import names
from .batch import Batch, Settle, mapped
from .borrowing import Borrowed, Loan, Use, refused_object
from .channel import DEFAULT_BUFFER_SIZE, DEFAULT_MAX_MESSAGE_SIZE, validated_sizes
from .connection import ClientChannel
from .exceptions import NOT_SENT, RPCError, RPCSerializationError, RPCTimeoutError, RPCTransportError
from .failures import PING, STREAM, UPLOAD
from .frames import Arrived, Outgoing
from .handle import Handle, Origin
from .messages import BATCH, ONE
from .options import KEPT, Kept
from .pool import ChannelPool, counts_as_use
from .proxies import Remote, converted, proxy_of, typed
from .remote_errors import HandedOut
from .streams import Stream, not_a_stream
from .submitting import Threads
from .upload import CallWithStream, call_with_stream, hand_over, refusing_streams
from .waiting import validated_strategy, validated_timeout

Interface = TypeVar("Interface")


class RPCClient:
    """Calls the methods of the server `name` on this host.

    May be shared by threads: concurrent calls each use a channel of their own, which is kept for the next call. After
    ``fork`` the child's copy opens channels of its own at its first call; the parent's are untouched. Handed to another
    process by pickle, it connects anew there. A signal's handler or a ``__del__`` may use it, whatever it interrupts.
    When the server was restarted, the next call connects to the new one. Whoever constructs it closes it, or uses
    ``with``.
    """

    def __init__(
        self,
        name: str,
        buffer_size: int = DEFAULT_BUFFER_SIZE,
        timeout: Optional[float] = 5.0,
        *,
        wait_for_server: float = 0.0,
        wait: str = "adaptive",
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
        codec: Any = "json",
        strict: bool = False,
    ) -> None:
        """Connect.

        `buffer_size`: bytes a request buffer has room for at first; it grows up to `max_message_size`, bytes.
        `timeout`: seconds a whole call may take; None: for ever, 0: no waiting at all. `wait_for_server`: seconds to
        wait here for a server that is not there yet; calls do not, see :meth:`with_options`. `wait`: "adaptive" (spin
        for tens of microseconds, then park), "block" (park at once) or "spin" (burn a core). `codec`: "json",
        "json+types", "msgpack", "pickle", or an object with ``dumps`` and ``loads``; the server must have the same. A
        pickle can run any code where it is read: "pickle" trusts the server. `strict`, of codec "json": refuse
        parameters that would not arrive as they are, such as tuples, dates and NaN; the server need not have it.
        Raises RPCTransportError when there is no server or one of another codec, ValueError or TypeError for bad
        arguments.
        """
        names.validated(name)
        validated_sizes(buffer_size, max_message_size)
        validated_strategy(wait)
        validated_timeout(wait_for_server, "wait_for_server")
        self.name = name
        self._timeout = validated_timeout(timeout)
        self._arguments = name, buffer_size, timeout, wait_for_server, wait, max_message_size, codec, strict
        self._codec = chosen = codecs.chosen(codec, strict)
        self._encode = chosen.encode_request if isinstance(codec, str) else refusing_streams(chosen.encode_request)
        self._decode: Callable[[str, Any], Any] = chosen.decode_response
        self._patience = 0.0
        self._options: Dict[str, Any] = {}
        self._pool = pool = ChannelPool(name, buffer_size, max_message_size, wait, chosen.name)
        self._idle = pool.idle
        self._threads = Threads()
        _pools.add(pool)
        try:
            pool.put_back(pool.open_channel(math.inf if wait_for_server is None else wait_for_server))
        except BaseException:
            pool.close()
            raise

    def call(self, method: str, /, *args: Any, **params: Any) -> Any:
        """Call `method` in the server with these arguments, by position and by name, and return its result.

        Raises RPCMethodError when the method raised, is unknown or does not take these parameters; when it raised a
        builtin exception, what is raised is that as well. RPCSerializationError when the codec refuses a parameter or
        the result; RPCTimeoutError after the client's timeout; RPCTransportError when the server is gone or a message
        is too large. Each says, in words and as ``may_have_run``, whether the method may have run. A request that
        certainly has not, because its server closed or died first, is sent once more if another one is there by then.
        """
        timeout = self._timeout
        try:
            message = self._encode(method, args, params)
        except RPCSerializationError:
            call = call_with_stream(args, params)
            if call is None:
                raise
            return self._hand_over(method, call)
        pool, idle = self._pool, self._idle
        deadline = math.inf if timeout is None else monotonic() + timeout
        response = lost = None
        while True:
            try:
                channel = idle.pop()
            except IndexError:
                channel = self._opened(method, deadline, lost)
            try:
                if channel.take():
                    response = channel.exchange(message, deadline)
                    result = self._decode(method, response)
                    idle.append(channel)
                    if pool.is_closed:  # meanwhile, and has emptied the pool already
                        pool.close()
                    return result
            except HandedOut as came:  # the channel is the handle's from here on
                origin = Origin(channel, self._exchange, pool.put_back)
                origin.held.add(came.number)
                handle = Handle(origin, came, timeout, _shown_as(came, method, args))
                return Stream(handle) if came.class_name == STREAM else handle
            except (RPCTimeoutError, RPCTransportError) as error:
                lost = self._lost(error, channel, method, lost, response is not None)
                continue
            except BaseException:
                pool.put_back(channel)
                raise
            pool.discard(channel)

    def _hand_over(self, method: str, call: CallWithStream) -> Any:
        result = hand_over(self.call(UPLOAD, method, call.place, *call.args, **call.params), method, call.items)
        returns = self._options.get("returns", Any)
        return result if returns is Any else converted(method, result, returns)

    def _exchange_batch(self, shown: str, message: bytes, settle: Settle) -> None:
        def use(channel: ClientChannel, response: Arrived) -> None:
            settle(shown, response, channel.answered_kind)
            self._pool.put_back(channel)

        self._exchange_any(shown, message, BATCH, use)

    def _exchange_any(self, shown: str, message: Outgoing, kind: int, use: Use) -> None:
        """A request of any kind; `use` is given the channel with the response, and gives it back to the pool."""
        pool, timeout = self._pool, self._timeout
        deadline = math.inf if timeout is None else monotonic() + timeout
        answered = False
        lost: Optional[Exception] = None
        while True:
            channel = self._channel(shown, deadline, lost)
            try:
                if channel.take():
                    response = channel.exchange(message, deadline, kind)
                    answered = True
                    use(channel, response)
                    return
            except (RPCTimeoutError, RPCTransportError) as error:
                lost = self._lost(error, channel, shown, lost, answered)
                continue
            except BaseException:
                pool.put_back(channel)
                raise
            pool.discard(channel)

    def stream(self, method: str, /, *args: Any, **params: Any) -> Stream:
        """:meth:`call` of a method that is a generator: ``for item in client.stream("f", 1)``. So does `call` itself.

        RPCSerializationError where the method, which has run, returns anything else.
        """
        result = self.call(method, *args, **params)
        if not isinstance(result, Stream):
            raise not_a_stream(method, self.name, result)
        return result

    def borrow(self, method: str, /, *args: Any, **params: Any) -> Borrowed:
        """:meth:`call`, whose result is lent: ``with client.borrow("f", 1) as result:``.

        Arrays and bytes in it are views of shared memory that cannot be written to, and are not copied; what is kept of
        them when the block ends is copied then. Other calls go on meanwhile, in other channels.
        """
        message = self._encode(method, args, params)
        return Borrowed(
            lambda use: self._exchange_any(method, message, ONE, use),
            lambda response: self._decode(method, response),
            self._pool.put_back_lent,
            self._pool.discard,
        )

    def loan(self, shape: Any, dtype: Any = "f8") -> Loan:
        """Shared memory for an array, to be filled there and sent without a copy; see :class:`.borrowing.Loan`."""
        return Loan(
            shape,
            dtype,
            lambda: self._channel("loan", math.inf, None),
            self._encode,
            self._exchange_there,
            self.call,
            self._pool.put_back_lent,
        )

    def _exchange_there(self, method: str, message: Outgoing, channel: ClientChannel) -> Any:
        """A call through a channel in which its message lies already."""
        deadline = math.inf if self._timeout is None else monotonic() + self._timeout
        if not channel.is_clean or not channel.take():
            why = "the loan is lost: its server has ended, or a call of it has failed before"
            raise RPCTransportError(f"{method!r} on {self.name!r}: {why} {NOT_SENT}")
        try:
            response = channel.exchange(message, deadline)
        except (RPCTimeoutError, RPCTransportError) as error:
            raise self._about(error, method) from None
        try:
            return self._decode(method, response)
        except HandedOut as came:
            channel.is_clean = False  # so that it is not used again, and the object goes with it
            raise refused_object(came) from None

    def _channel(self, method: str, deadline: float, lost: Optional[Exception]) -> ClientChannel:
        """An idle one, or a new one."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._opened(method, deadline, lost)

    def _lost(
        self, error: RPCError, channel: ClientChannel, method: str, lost: Optional[Exception], is_answered: bool
    ) -> Exception:
        """After a request has failed on that channel: what to say of it, if it may be sent once more; else raises it.

        `lost`: what this has returned before. `is_answered`: whether the error is the method's own.
        """
        never_ran = not error.may_have_run and not channel.connection.is_alive()
        self._pool.put_back(channel)
        if is_answered:
            raise error
        told = self._about(error, method)
        if lost is not None or not never_ran or isinstance(error, RPCTimeoutError) or self._pool.is_closed:
            raise told from None
        return told

    def _exchange(
        self, method: str, shown: str, args: Any, params: Any, channel: ClientChannel, deadline: float
    ) -> Any:
        """A call through a channel that a handle has."""
        message = self._encode(method, args, params)
        try:
            response = channel.exchange(message, deadline)
        except (RPCTimeoutError, RPCTransportError) as error:
            raise self._about(error, shown) from None
        return self._codec.decode_response(shown, response)  # `returns` is about what the client's own methods return

    def _opened(self, method: str, deadline: float, lost: Optional[Exception]) -> ClientChannel:
        """A new channel. Where there is no server: the error also says how the request was `lost` with the last."""
        try:
            return self._pool.open_channel(min(self._patience, deadline - monotonic()))
        except RPCTransportError as error:
            if lost is not None:
                raise RPCTransportError(f"{lost}; {error}") from None
            raise RPCTransportError(f"{method!r} on {self.name!r}: {error} {NOT_SENT}") from None

    def _about(self, error: Exception, method: str) -> Exception:
        took = f" took more than {self._timeout} s" if isinstance(error, RPCTimeoutError) else ""
        kind = RPCTimeoutError if took else RPCTransportError  # of which posix has subclasses
        told = kind(f"{method!r} on {self.name!r}{took}: {error}")
        vars(told).update(vars(error))  # whether it may have run
        return told

    def submit(self, method: str, /, *args: Any, **params: Any) -> "Future[Any]":
        """Call in another thread: its Future has the result, or the exception. So calls to several servers overlap.

        A client has 16 such threads, made when they are first needed; further calls wait for one. The timeout counts
        from when a call begins. Closing the client ends all with RPCTransportError, those that wait as well.
        """
        self._pool.refuse_if_closed()
        return self._threads.submit(self.call, method, *args, **params)

    def batch(self) -> Batch:
        """Many calls in one message: ``with client.batch() as batch: batch.call("f", 1)``, then ``batch.results()``.

        They are sent when the block ends, run one after the other in the server, before any other call, and answered
        together, within one timeout. Each has its own result or exception: see :class:`.batch.Batch`. A method whose
        result stays in the server as an object cannot be called so.
        """
        return Batch(self._encode, self._decode, self._exchange_batch)

    def map(self, method: str, /, *iterables: Iterable[Any], at_once: int = 100) -> Iterator[Any]:
        """The results of `method` for each element, or for those of several iterables side by side, as ``map`` does.

        `at_once`: how many calls go in one message, within one timeout. They are sent when the first of their results
        is asked for. Raises what a call has raised where its result would be.
        """
        if isinstance(at_once, bool) or not isinstance(at_once, int) or at_once < 1:
            raise ValueError(f"at_once must be 1 or more calls, not {at_once!r}")
        return mapped(self.batch, method, zip(*iterables), at_once)

    @property
    def remote(self) -> Any:
        """The server's methods as methods: ``client.remote.add(1, b=2)`` is ``client.call("add", 1, b=2)``."""
        return Remote(self.call)

    def proxy(self, interface: Callable[..., Interface]) -> Interface:
        """The server's methods as `interface`, a class or Protocol, declares them; type checkers know them by that.

        A method whose declared result is a dataclass, a TypedDict or another class returns that, see `returns` of
        :meth:`with_options`. AttributeError for a method that is not declared.
        """
        return proxy_of(interface, self, self._codec.keeps_types)

    def ping(self) -> float:
        """Seconds that a call without a method takes. Raises what a call raises: the server lives and answers."""
        before = monotonic()
        self.call(PING)
        return monotonic() - before

    def with_options(
        self,
        *,
        timeout: Union[float, Kept, None] = KEPT,
        wait_for_server: Union[float, Kept] = KEPT,
        returns: Any = KEPT,
    ) -> "RPCClient":
        """This client with other options, on the same channels: for one call, or to be kept.

        `timeout`: seconds that a call may take. `wait_for_server`: seconds of them to wait for a server that is not
        there, instead of failing at once. `returns`: the type of the results, which are converted to it: a dataclass,
        a TypedDict, a msgspec.Struct, ``list[Price]``, ``datetime`` and so on; needs msgspec. With codec "pickle"
        results have their types already.
        There is nothing to close: closing this client, or what is returned, closes both.
        """
        other = object.__new__(type(self))
        vars(other).update(vars(self), _is_owner=False, _owner=self)  # which is not dropped before this
        if not isinstance(timeout, Kept):
            other._timeout = validated_timeout(timeout)
        if not isinstance(wait_for_server, Kept):
            validated_timeout(wait_for_server, "wait_for_server")
            other._patience = math.inf if wait_for_server is None else wait_for_server
            other._options = {**other._options, "wait_for_server": wait_for_server}
        if not isinstance(returns, Kept):
            other._decode = typed(self._codec.decode_response, returns)
            other._options = {**other._options, "returns": returns}
        return other

    _is_owner = True  # whether it is this object that was constructed and must be closed

    def close(self) -> None:
        """Close every channel; calls that other threads are in end at once with RPCTransportError. Idempotent."""
        self._pool.close()
        self._threads.close()

    def __enter__(self) -> "RPCClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        pool: Optional[ChannelPool] = getattr(self, "_pool", None)  # None when the constructor refused its arguments
        if self._is_owner and pool is not None and pool.holds_anything:
            was_closed = pool.is_closed  # and that was interrupted
            pool.close()  # first: where warnings are errors, the next line is one
            if not was_closed:
                warnings.warn(f"RPCClient({self.name!r}) was never closed", ResourceWarning, stacklevel=2)

    def __reduce__(self) -> Any:
        name, buffer_size, _, *rest = self._arguments
        return _connect, (self._options, name, buffer_size, self._timeout, *rest)

    def __copy__(self) -> "RPCClient":
        raise TypeError("a client is not copied: share it, or construct another one")

    def __deepcopy__(self, memo: Any) -> "RPCClient":
        return self.__copy__()


def _connect(
    with_options: Dict[str, Any],
    name: str,
    buffer_size: int,
    timeout: Optional[float],
    wait_for_server: float,
    wait: str,
    max_message_size: int,
    codec: Any,
    strict: bool,
) -> RPCClient:
    """The client that another process has pickled, connected from this one."""
    options: Any = {"wait_for_server": wait_for_server, "wait": wait, "max_message_size": max_message_size}
    client = RPCClient(name, buffer_size, timeout, codec=codec, strict=strict, **options)
    if with_options:
        client = client.with_options(**with_options)
    return client


def _shown_as(came: HandedOut, method: str, args: Any) -> str:
    """How errors call what is no object of the server's own."""
    return str(args[0]) if came.class_name == UPLOAD else method if came.class_name == STREAM else ""


counts_as_use(RPCClient.call, "channel")
counts_as_use(RPCClient._exchange, "channel")
counts_as_use(RPCClient._exchange_any, "channel")
counts_as_use(RPCClient._exchange_there, "channel")
_pools: "weakref.WeakSet[ChannelPool]" = weakref.WeakSet()


def _leave_channels_to_parent() -> None:
    for pool in list(_pools):
        pool.leave_to_parent()


os.register_at_fork(after_in_child=_leave_channels_to_parent)
