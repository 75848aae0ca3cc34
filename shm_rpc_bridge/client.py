"""RPCClient: a name, a pool of channels, and one deadline per call."""

import logging
import math
import os
import threading
import warnings
import weakref
from collections import deque
from time import monotonic
from typing import Any, Deque, Optional

from . import codec, names, posix
from .channel import DEFAULT_BUFFER_SIZE, DEFAULT_MAX_MESSAGE_SIZE, validated_sizes
from .connection import ClientChannel, Connection
from .exceptions import RPCTimeoutError, RPCTransportError
from .waiting import retry_until, validated_strategy, validated_timeout

logger = logging.getLogger("shm_rpc_bridge")


class RPCClient:
    """Calls the methods of the server `name` on this host.

    May be shared by threads: concurrent calls each use a channel of their own, which is kept for the next call. After
    ``fork`` the child's copy opens channels of its own at its first call; the parent's are untouched. When the
    server was restarted, the next call connects to the new one. Whoever constructs it closes it, or uses ``with``.
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
        self.name = name
        self._buffer_size = buffer_size
        self._max_message_size = max_message_size
        self._timeout = validated_timeout(timeout)
        validated_timeout(wait_for_server, "wait_for_server")
        self._wait_for_server = math.inf if wait_for_server is None else wait_for_server
        self._wait = validated_strategy(wait)
        self._start_afresh()
        try:
            self._idle.append(self._open_channel(math.inf))
        except BaseException:
            self._disconnect()
            raise
        self._closed = False
        _clients.add(self)

    _closed = True  # until constructed

    def _start_afresh(self) -> None:
        self._lock = threading.Lock()  # guards opening and closing, is never held during a call
        self._connection: Optional[Connection] = None
        self._idle: Deque[ClientChannel] = deque()

    def _leave_to_parent(self) -> None:
        """In a forked child: let go of the parent's channels and be ready to open others."""
        connection = self._connection
        self._start_afresh()
        if connection is not None:
            connection.drop_inherited()

    def call(self, method: str, /, **params: Any) -> Any:
        """Call `method` with `params` in the server and return its result.

        Raises RPCMethodError when the method raised, is unknown or does not take these parameters;
        RPCSerializationError when a parameter or the result is no JSON; RPCTimeoutError after the client's timeout;
        RPCTransportError when the server is gone or a message is too large. After the last two the message says
        whether the method may have run; nothing is ever tried twice.
        """
        message = codec.encode_request(method, params)
        timeout = self._timeout
        deadline = math.inf if timeout is None else monotonic() + timeout
        try:
            channel = self._idle.pop()
        except IndexError:
            channel = self._open_channel(deadline)
        else:
            if not channel.is_current():
                self._retire(channel)
                channel = self._open_channel(deadline)
        try:
            response = channel.exchange(message, deadline)
        except RPCTimeoutError as error:
            raise RPCTimeoutError(f"{method!r} on {self.name!r} took more than {timeout} s: {error}") from None
        except RPCTransportError as error:
            raise RPCTransportError(f"{method!r} on {self.name!r}: {error}") from None
        finally:
            self._put_back(channel)
        return codec.decode_response(method, response)

    def close(self) -> None:
        """Close every channel; calls that other threads are in end at once with RPCTransportError. Idempotent."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.interrupt()
        self._disconnect()
        self._retire_idle()

    def __enter__(self) -> "RPCClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._closed:
            warnings.warn(f"RPCClient({self.name!r}) was never closed", ResourceWarning, stacklevel=2)
            self.close()

    def _open_channel(self, deadline: float) -> ClientChannel:
        patience = min(deadline, monotonic() + self._wait_for_server)
        return retry_until(patience, posix.NotFoundError, self._try_open_channel)

    def _try_open_channel(self) -> ClientChannel:
        with self._lock:
            if self._closed and self in _clients:
                raise RPCTransportError(f"the client of {self.name!r} is closed")
            if self._connection is not None and not self._connection.is_alive():
                self._connection.retire()
                self._connection = None
            if self._connection is None:
                self._connection = Connection(self.name)
                logger.debug("connected to server %r, process %d", self.name, self._connection.server_pid)
            return self._connection.open_channel(self._buffer_size, self._max_message_size, self._wait)

    def _disconnect(self) -> None:
        """Open no more channels on the connection there is, if any; those that are open keep it until they close."""
        with self._lock:
            if self._connection is not None:
                self._connection.retire()
                self._connection = None

    def _put_back(self, channel: ClientChannel) -> None:
        if channel.is_clean:
            self._idle.append(channel)
            if self._closed:  # close() has emptied the pool already
                self._retire_idle()
        else:
            self._retire(channel)

    def _retire(self, channel: ClientChannel) -> None:
        with self._lock:
            channel.connection.close_channel(channel)

    def _retire_idle(self) -> None:
        while True:
            try:
                channel = self._idle.pop()
            except IndexError:
                return
            self._retire(channel)


_clients: "weakref.WeakSet[RPCClient]" = weakref.WeakSet()


def _leave_clients_to_parent() -> None:
    for client in list(_clients):
        client._leave_to_parent()


os.register_at_fork(after_in_child=_leave_clients_to_parent)
