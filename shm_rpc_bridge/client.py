"""RPCClient: a name, a pool of channels, and one deadline per call."""

import logging
import math
import os
import warnings
import weakref
from time import monotonic
from typing import Any, Optional

from . import codec, names
from .channel import DEFAULT_BUFFER_SIZE, DEFAULT_MAX_MESSAGE_SIZE, validated_sizes
from .connection import ClientChannel
from .exceptions import NOT_SENT, RPCTimeoutError, RPCTransportError
from .pool import ChannelPool, counts_as_use
from .waiting import validated_strategy, validated_timeout

logger = logging.getLogger("shm_rpc_bridge")


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
    ) -> None:
        """Connect.

        `buffer_size`: bytes a request buffer has room for at first; it grows up to `max_message_size`, bytes.
        `timeout`: seconds a whole call may take; None: for ever, 0: no waiting at all. `wait_for_server`: seconds to
        wait for a server that is not there, here and when a call has to connect again. `wait`: "adaptive" (spin for
        tens of microseconds, then park), "block" (park at once) or "spin" (burn a core).
        Raises RPCTransportError when there is no server, ValueError or TypeError for bad arguments.
        """
        names.validated(name)
        validated_sizes(buffer_size, max_message_size)
        validated_strategy(wait)
        validated_timeout(wait_for_server, "wait_for_server")
        self.name = name
        self._timeout = validated_timeout(timeout)
        self._arguments = name, buffer_size, timeout, wait_for_server, wait, max_message_size
        patience = math.inf if wait_for_server is None else wait_for_server
        self._pool = pool = ChannelPool(name, buffer_size, max_message_size, wait, patience)
        self._idle = pool.idle
        _pools.add(pool)
        try:
            pool.put_back(pool.open_channel(math.inf))
        except BaseException:
            pool.close()
            raise

    def call(self, method: str, /, **params: Any) -> Any:
        """Call `method` with `params` in the server and return its result.

        Raises RPCMethodError when the method raised, is unknown or does not take these parameters;
        RPCSerializationError when a parameter or the result is no JSON; RPCTimeoutError after the client's timeout;
        RPCTransportError when the server is gone or a message is too large. Each says, in words and as
        ``may_have_run``, whether the method may have run; nothing is ever tried twice.
        """
        timeout = self._timeout
        message = codec.encode_request(method, params)
        pool, idle = self._pool, self._idle
        deadline = math.inf if timeout is None else monotonic() + timeout
        while True:
            try:
                channel = idle.pop()
            except IndexError:
                channel = self._opened(method, deadline)
            try:
                if channel.take():
                    result = codec.decode_response(method, channel.exchange(message, deadline))
                    idle.append(channel)
                    if pool.is_closed:  # meanwhile, and has emptied the pool already
                        pool.close()
                    return result
            except (RPCTimeoutError, RPCTransportError) as error:
                pool.put_back(channel)
                raise self._about(error, method) from None
            except BaseException:
                pool.put_back(channel)
                raise
            pool.discard(channel)

    def _opened(self, method: str, deadline: float) -> ClientChannel:
        try:
            return self._pool.open_channel(deadline)
        except RPCTransportError as error:
            what = f"{method!r} on {self.name!r}: {error} {NOT_SENT}"
            raise RPCTransportError(what) from None

    def _about(self, error: Exception, method: str) -> Exception:
        took = f" took more than {self._timeout} s" if isinstance(error, RPCTimeoutError) else ""
        told = type(error)(f"{method!r} on {self.name!r}{took}: {error}")
        vars(told).update(vars(error))  # whether it may have run
        return told

    def with_timeout(self, timeout: Optional[float]) -> "RPCClient":
        """This client for calls that may take `timeout` seconds, on the same channels: for one call, or to be kept.

        There is nothing to close: closing this client, or what is returned, closes both.
        """
        validated_timeout(timeout)
        timed = object.__new__(RPCClient)
        timed._is_owner = False
        timed.name, timed._arguments, timed._pool, timed._idle = self.name, self._arguments, self._pool, self._idle
        timed._timeout = timeout
        return timed

    _is_owner = True  # whether it is this object that was constructed and must be closed

    def close(self) -> None:
        """Close every channel; calls that other threads are in end at once with RPCTransportError. Idempotent."""
        self._pool.close()

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
        return _connect, (*self._arguments[:2], self._timeout, *self._arguments[3:])

    def __copy__(self) -> "RPCClient":
        raise TypeError("a client is not copied: share it, or construct another one")

    def __deepcopy__(self, memo: Any) -> "RPCClient":
        return self.__copy__()


def _connect(
    name: str,
    buffer_size: int,
    timeout: Optional[float],
    wait_for_server: float,
    wait: str,
    max_message_size: int,
) -> RPCClient:
    """The client that another process has pickled, connected from this one."""
    options: Any = {"wait_for_server": wait_for_server, "wait": wait, "max_message_size": max_message_size}
    return RPCClient(name, buffer_size, timeout, **options)


counts_as_use(RPCClient.call, "channel")
_pools: "weakref.WeakSet[ChannelPool]" = weakref.WeakSet()


def _leave_channels_to_parent() -> None:
    for pool in list(_pools):
        pool.leave_to_parent()


os.register_at_fork(after_in_child=_leave_channels_to_parent)
