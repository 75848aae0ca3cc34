"""RPCClient: a name, a pool of channels, and one deadline per call."""

import math
import os
import warnings
import weakref
from concurrent.futures import Future
from time import monotonic
from typing import Any, Dict, Iterable, Iterator, Optional

from .batch import Batch, mapped
from .borrowing import Borrowed, Loan
from .channel import DEFAULT_BUFFER_SIZE, DEFAULT_MAX_MESSAGE_SIZE
from .exceptions import RPCSerializationError, RPCTimeoutError, RPCTransportError
from .exchanging import Exchanging
from .failures import PING, STREAM, UPLOAD
from .handle import Handle, Origin
from .living import living
from .messages import ONE
from .pool import ChannelPool, counts_as_use
from .remote_errors import HandedOut
from .streams import Stream, not_a_stream
from .submitting import Threads
from .upload import CallWithStream, call_with_stream, hand_over
from .waiting import validated_strategy


class RPCClient(Exchanging):
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
        validated_strategy(wait)
        super().__init__(name, buffer_size, timeout, wait_for_server, max_message_size, codec, strict)
        self._arguments = name, buffer_size, timeout, wait_for_server, wait, max_message_size, codec, strict
        self._pool = pool = ChannelPool(name, buffer_size, max_message_size, wait, self._codec.name)
        self._idle = pool.idle
        self._threads = Threads()
        _pools.add(pool)
        try:
            pool.put_back(pool.open_channel(self._connect_within))
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
                origin = Origin(channel, self._begin, self._exchange, pool.put_back)
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
        given = hand_over(self.call(UPLOAD, method, call.place, *call.args, **call.params), method, call.items)
        return self._converted(method, given)

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
            self._decode,
            self._exchange_there,
            self._exchange_any,
            self.call,
            self._pool.put_back_lent,
            self._pool.discard,
        )

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

    def ping(self) -> float:
        """Seconds that a call without a method takes. Raises what a call raises: the server lives and answers."""
        before = monotonic()
        self.call(PING)
        return monotonic() - before

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
_pools: "weakref.WeakSet[ChannelPool]" = weakref.WeakSet()


def _leave_channels_to_parent() -> None:
    for pool in living(_pools):
        pool.leave_to_parent()


os.register_at_fork(after_in_child=_leave_channels_to_parent)
