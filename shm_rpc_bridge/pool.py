"""The channels of one client, to whichever life of its server there is: opened, lost, found again, retired."""

import logging
import threading
from collections import deque
from time import monotonic
from types import CodeType
from typing import Any, Callable, Deque, Dict, List, Optional

from . import giving_back, posix, stacks
from .connection import ClientChannel, Connection, Lease
from .exceptions import RPCTransportError
from .waiting import retry_until

logger = logging.getLogger("shm_rpc_bridge")

MOST_VIEWED = 4
"""Channels that are kept apart because somebody looks at what was lent of them: in a loop, where a result has its name
until the next one takes it, it is one."""


class ChannelPool:
    """May be used by several threads, and by a signal's handler or a ``__del__`` that interrupts one of them here."""

    def __init__(self, name: str, request_size: int, max_message_size: int, wait: str, codec: str) -> None:
        """Sizes in bytes. Opens nothing yet."""
        self._name = name
        self._terms = request_size, max_message_size, wait
        self._codec = codec
        self.idle: Deque[ClientChannel] = deque()
        """A thread that pops a channel has it for itself, until it puts it back."""
        self._lent: Deque[Lease] = deque()
        self.is_closed = False
        self.why_hopeless: Callable[[], str] = str
        """Why there is no use in waiting for a server that is not there; "" while there is."""
        self._start_afresh()

    def _start_afresh(self) -> None:
        # For opening and closing, never held during a call nor while a channel is made. Reentrant: what interrupts a
        # thread in here, and uses the client, finds the lists whole at every step.
        self._lock = threading.RLock()
        self._connections: List[Connection] = []  # the last one is current unless it is retired

    def open_channel(self, patience: float) -> ClientChannel:
        """A new channel to the server there is now, or is within `patience` seconds. Raises RPCTransportError."""
        try:
            return retry_until(monotonic() + patience, posix.NotFoundError, self._try_open_channel)
        except posix.NotFoundError as error:
            waited = f" (waited {patience:.3g} s for it)" if patience > 0 else ""
            raise RPCTransportError(f"{error}{waited}") from None

    def _try_open_channel(self) -> ClientChannel:
        channel = None
        try:
            with self._lock:
                self.refuse_if_closed()
                self._reap()
                channel = self._connected().new_channel()
            channel.open(*self._terms)
            self.refuse_if_closed()  # meanwhile, when this channel could not be interrupted yet
            return channel
        except BaseException as error:
            if channel is not None:
                self.discard(channel)
            if self.is_closed and isinstance(error, _OF_WHAT_IS_CLOSED):
                raise RPCTransportError(self._closed()) from None
            if isinstance(error, posix.NotFoundError) and (why := self.why_hopeless()):
                raise RPCTransportError(why) from None
            raise

    def refuse_if_closed(self) -> None:
        """Raises RPCTransportError once it is closed."""
        if self.is_closed:
            raise RPCTransportError(self._closed())

    def _closed(self) -> str:
        return f"the client of {self._name!r} is closed"

    def _connected(self) -> Connection:
        current = self._connections[-1] if self._connections else None
        # One that is not open yet is being opened by what this thread has interrupted, which goes on with it.
        if current is not None and current.is_open and not current.is_retired:
            if current.is_alive():
                return current
            current.is_retired = True
            self._reap()
        connection = Connection(self._name, self._codec, lambda: giving_back.watch(self))
        self._connections.append(connection)
        try:
            connection.open()
            self.refuse_if_closed()  # meanwhile, by what has interrupted this thread
        except BaseException:
            connection.is_retired = True
            connection.reap()  # closing has let go of it before it had all that it has now
            self._reap()
            raise
        logger.debug("connected to server %r, %s", self._name, connection.server)
        return connection

    def put_back(self, channel: ClientChannel) -> None:
        """After a call that has failed: keep the channel if it is of further use, else close it."""
        if not channel.is_clean:
            self.discard(channel)
        elif channel not in self.idle:  # else interrupted when it was all over
            self.idle.append(channel)
        if self.is_closed:  # meanwhile
            self.close()

    def put_back_lent(self, lease: Lease) -> None:
        """After a lease: keep its channel for the next call, as soon as nobody looks at what was lent any more.

        Where one still looks at several, the oldest are left to it as copies; where there is no memory for these, with
        the channel's.
        """
        self._lent.append(lease)
        self._end_leases()

    def _end_leases(self) -> None:
        for _ in range(len(self._lent)):
            try:
                lease = self._lent.popleft()
            except IndexError:  # another thread has come for it
                return
            if len(self._lent) < MOST_VIEWED and lease.is_viewed():
                self._lent.append(lease)
                continue
            try:
                lease.end()
            except MemoryError:
                self.discard(lease.channel)
            else:
                self.put_back(lease.channel)

    def give_back_unused(self) -> bool:
        """Close those idle channels that large messages have made large, when the last one was long ago.

        Whether there are others that might come to it. From any thread.
        """
        self._end_leases()
        for _ in range(len(self.idle)):
            try:
                channel = self.idle.popleft()
            except IndexError:
                break
            if channel.is_forgotten or (channel.body.is_unused() and channel.body.is_outgrown()):
                self.discard(channel)
            else:
                self.put_back(channel)
        return any(connection.holds_memory() for connection in list(self._connections))

    def discard(self, channel: ClientChannel) -> None:
        """Close a channel that this thread has."""
        with self._lock:
            channel.connection.close_channel(channel)
            self._reap()

    def close(self) -> None:
        """Close every channel; calls that threads are in end at once, and close theirs. Idempotent."""
        with self._lock:
            self.is_closed = True
            for connection in list(self._connections):
                connection.is_retired = True
                connection.interrupt()
            while self.idle:
                channel = self.idle.pop()
                channel.connection.close_channel(channel)
            # Not told by who has a reference: what has made this thread lose a channel, and leads here, has one, too.
            used = {frame.f_locals.get(_USING[frame.f_code]) for frame in stacks.frames_in(_USING)}
            for connection in list(self._connections):
                connection.close_unused(used)
            self._reap()

    @property
    def holds_anything(self) -> bool:
        """Whether there is anything left to be closed."""
        return bool(self._connections)

    @property
    def latest(self) -> Optional[Connection]:
        """To the present life of the server, or to the last one; None before the first."""
        connections = self._connections
        return connections[-1] if connections else None

    def _reap(self) -> None:
        """Close what is lost, and let go of connections whose channels have gone."""
        for connection in list(self._connections):
            if connection.reap() and connection in self._connections:
                self._connections.remove(connection)

    def leave_to_parent(self) -> None:
        """In a forked child: let go of the parent's channels and be ready to open others."""
        connections = self._connections
        self._start_afresh()
        self.idle.clear()
        self._lent.clear()
        for connection in connections:
            connection.drop_inherited()


_OF_WHAT_IS_CLOSED = RPCTransportError, OSError, ValueError, AttributeError, posix.Closed
"""What it may raise to go on with what a handler has closed in the middle of it."""

_USING: Dict[CodeType, str] = {}


def counts_as_use(function: Any, variable: str) -> None:
    """While a thread is in `function`, the channel in that variable of it is not closed under it."""
    _USING[function.__code__] = variable


counts_as_use(ChannelPool._try_open_channel, "channel")
