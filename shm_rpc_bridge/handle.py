"""Handle: an object that stays in the server, called from here."""

import os
from collections import deque
from functools import partial
from threading import RLock
from typing import Any, Callable, Deque, Dict, Optional, Set, Tuple

from .connection import ClientChannel
from .exceptions import NOT_SENT, RPCTimeoutError, RPCTransportError
from .failures import CALL_OBJECT, LET_GO
from .remote_errors import HandedOut
from .waiting import POLL, deadline_after

Begin = Callable[[str, str, Tuple[Any, ...], ClientChannel, float], None]
"""Of method, how errors call it, arguments, channel and monotonic deadline: sends that."""
Exchange = Callable[[str, str, Optional[Tuple[Any, ...]], Dict[str, Any], ClientChannel, float], Any]
"""The same, with parameters: what the server answers. Without arguments: to what was begun."""


_LAST_SECONDS = 0.005
"""For which a server that is busy is waited for, to keep a channel; it would go with all that the server has for it."""


class Origin:
    """The channel that a handle came through. It is that handle's alone, and of those that came through it later."""

    def __init__(
        self, channel: ClientChannel, begin: Begin, exchange: Exchange, put_back: Callable[[ClientChannel], None]
    ) -> None:
        """`put_back`: gets the channel in the end, to use it for other calls if it is clean, or else to close it."""
        self.channel = channel
        channel.keep()
        self.process = os.getpid()
        self.held: Set[int] = set()
        """The numbers of the objects that there are handles to."""
        self.is_open = True
        self._begin = begin
        self._exchange = exchange
        self._put_back = put_back
        self._lock = RLock()
        """Held during a call, and by who ends the channel."""
        self._is_calling = False
        self._is_begun = False
        """A call that nobody is in."""
        self._dropped: Deque[int] = deque()

    def begin(self, shown: str, number: int, arguments: Tuple[Any, ...], timeout: Optional[float]) -> bool:
        """Have a call under way that :meth:`call` without arguments gets the result of. False where it cannot be: then
        it was not sent. That object must be the only one, since no other call goes through the channel meanwhile.
        """
        with self._lock:
            if self._is_calling or self.held != {number} or self._dropped or not self._is_usable():
                return False
            try:
                self._is_calling = True
                self._begin(CALL_OBJECT, shown, (number, *arguments), self.channel, deadline_after(timeout))
                self._is_begun = True
            finally:
                self._is_calling = False
            return True

    def call(
        self, shown: str, number: int, arguments: Optional[Tuple[Any, ...]], params: Any, timeout: Optional[float]
    ) -> Any:
        """What a method of that object returns; raises HandedOut for another object."""
        deadline = deadline_after(timeout)
        try:
            with self._lock:
                if self._is_calling:  # this thread
                    why = "this has interrupted a call through the handle's channel, as a signal's handler may"
                elif number not in self.held:
                    why = "the handle is closed"
                elif not self._is_usable(is_begun=arguments is None and self._is_begun):
                    why = "the handle is lost: its server has ended, or a call through its channel has failed before"
                else:
                    try:
                        self._is_calling, self._is_begun = True, False
                        if arguments is not None:
                            self._tell_dropped(deadline)
                            arguments = number, *arguments
                        return self._exchange(CALL_OBJECT, shown, arguments, params, self.channel, deadline)
                    except HandedOut as came:
                        self.held.add(came.number)  # while nobody can close the channel for being of no use
                        raise
                    finally:
                        self._is_calling = False
            raise RPCTransportError(f"{shown!r}: {why} {NOT_SENT}")
        finally:
            self._end_if_unused()

    def drop(self, number: int, timeout: Optional[float] = POLL, *, tell: bool = False) -> None:
        """Let the server let go of an object; where a call is under way, with the next one. Waits only to `tell` it."""
        if number in self.held:
            self.held.discard(number)
            self._dropped.append(number)
            if tell and self.is_open and self._lock.acquire(blocking=False):
                try:
                    if self._is_begun and not self._is_calling and self._is_usable(is_begun=True):
                        self._forget_begun()
                    if not self._is_calling and self._is_usable():
                        self._tell_dropped(deadline_after(timeout if self.held else _LAST_SECONDS))
                except (RPCTimeoutError, RPCTransportError):
                    self.channel.is_clean = False  # so that it is closed, and with it go the objects
                finally:
                    self._lock.release()
            self._end_if_unused()

    def _forget_begun(self) -> None:
        """Have its response, if that comes soon, so that the channel is clean."""
        try:
            self._is_calling, self._is_begun = True, False
            self.channel.exchange(None, deadline_after(_LAST_SECONDS))
        finally:
            self._is_calling = False

    def _is_usable(self, is_begun: bool = False) -> bool:
        """Asked with the lock: of a call that has failed, another thread may get it before the channel is closed."""
        return self.is_open and (self.channel.is_clean or is_begun) and self.channel.take()

    def _tell_dropped(self, deadline: float) -> None:
        numbers = []
        while self._dropped:
            numbers.append(self._dropped.popleft())
        if numbers:
            self._exchange(LET_GO, "close", tuple(numbers), {}, self.channel, deadline)

    def _end_if_unused(self) -> None:
        """Give the channel back once there is no handle, unless a thread is inside: that one comes here later."""
        is_of_use = self.held and (self.channel.is_clean or self._is_begun)
        if self.is_open and not is_of_use and self._lock.acquire(blocking=False):
            try:
                if self._is_calling:
                    return
                self.is_open = False
                self.channel.is_kept = False
                if self._dropped:  # and not told
                    self.channel.is_clean = False
                self._put_back(self.channel)
            finally:
                self._lock.release()


class Handle:
    """An object in a server, which a method has returned: ``handle.name(1, k=2)`` calls a method of that object.

    May be shared by threads; calls through one channel go one at a time, and a handle shares that with those that its
    methods have returned. Whoever has it closes it, or uses ``with``: the server lets go of the object then, when it is
    dropped (with the next call through its channel), and when this process dies. A call that has timed out or was
    interrupted loses all handles of its channel, since nobody knows what became of it. It is this process's: no forked
    child can use it, and no pickle carry it.
    """

    _origin: Origin = None  # type: ignore[assignment]  # until it has one, which may be interrupted

    def __init__(self, origin: Origin, came: HandedOut, timeout: Optional[float], shown: str = "") -> None:
        """Not for users. `timeout`: seconds that a call may take; None: for ever. `shown`: how errors call it."""
        self._origin = origin
        self._class_name = shown or came.class_name
        self._number = came.number
        self._timeout = timeout

    def call(self, method: str, /, *args: Any, **params: Any) -> Any:
        """Call a method of the object, also one named `call` or `close`. Raises what a client's `call` does."""
        return self._call(method, args, params)

    def _begin(self, method: str, *args: Any) -> bool:
        """Have a call under way, if it can be: the next one is :meth:`_call` without arguments, for its result."""
        return self._origin.begin(f"{self._class_name}.{method}", self._number, (method, *args), self._timeout)

    def _call(self, method: str, args: Optional[Tuple[Any, ...]], params: Dict[str, Any]) -> Any:
        origin = self._origin
        shown = f"{self._class_name}.{method}"
        if os.getpid() != origin.process:
            raise RPCTransportError(
                f"{shown!r}: the handle belongs to process {origin.process} and cannot be used in its forked child "
                f"{os.getpid()}: let that return its own {NOT_SENT}"
            )
        try:
            arguments = None if args is None else (method, *args)
            return origin.call(shown, self._number, arguments, params, self._timeout)
        except HandedOut as came:
            return Handle(origin, came, self._timeout)

    def _last_size(self) -> int:
        """Bytes of the larger one of the last request and its response."""
        return self._origin.channel.last_size()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("__"):  # what Python asks of any object; call() reaches methods of such names, too
            raise AttributeError(method)
        return partial(self.call, method)

    def close(self) -> None:
        """Let the server let go of the object. Idempotent; does nothing in a forked child.

        Where a call goes through its channel already, this does not wait for that: the object goes after it.
        """
        if os.getpid() == self._origin.process:
            self._origin.drop(self._number, self._timeout, tell=True)

    def __enter__(self) -> "Handle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        origin = self._origin
        if origin is not None and os.getpid() == origin.process:
            origin.drop(self._number)

    def __repr__(self) -> str:
        closed = "" if self._number in self._origin.held else ", closed"
        return f"<Handle of a {self._class_name}{closed}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"the handle of a {self._class_name} is this process's and cannot be copied or pickled")
