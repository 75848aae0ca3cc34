"""Handle: an object that stays in the server, called from here."""

from functools import partial
from threading import RLock
from typing import Any, Callable, Dict, Optional, Tuple

from .connection import ClientChannel
from .exceptions import NOT_SENT, RPCTransportError
from .failures import CALL_OBJECT, LET_GO
from .remote_errors import HandedOut
from .waiting import deadline_after

Exchange = Callable[[str, str, Tuple[Any, ...], Dict[str, Any], ClientChannel, float], Any]
"""Of method, how errors call it, arguments, parameters, channel and monotonic deadline: what the server answers."""


class Origin:
    """The channel that a handle came through. It is that handle's alone, and of those that came through it later."""

    def __init__(self, channel: ClientChannel, exchange: Exchange, discard: Callable[[ClientChannel], None]) -> None:
        self.channel = channel
        self.exchange = exchange
        self.lock = RLock()
        """Held during a call."""
        self.handles = 0
        self.is_open = True
        self._discard = discard

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self._discard(self.channel)


class Handle:
    """An object in a server, which a method has returned: ``handle.name(1, k=2)`` calls a method of that object.

    May be shared by threads, which then call one at a time. Whoever has it closes it, or uses ``with``: the server lets
    go of the object then, and also when this process dies, or after a call to it that has timed out or was interrupted,
    since nobody knows what became of that. It is this process's: no forked child can use it, and no pickle carry it.
    """

    def __init__(self, origin: Origin, came: HandedOut, timeout: Optional[float]) -> None:
        """Not for users. `timeout`: seconds that a call may take; None: for ever."""
        self._is_closed = False
        self._origin = origin
        self._class_name = came.class_name
        self._number = came.number
        self._timeout = timeout
        origin.handles += 1

    def call(self, method: str, /, *args: Any, **params: Any) -> Any:
        """Call a method of the object, also one named `call` or `close`. Raises what a client's `call` does."""
        origin = self._origin
        shown = f"{self._class_name}.{method}"
        deadline = deadline_after(self._timeout)
        with origin.lock:
            if self._is_closed or not origin.is_open or not origin.channel.take():
                why = "is closed" if self._is_closed else "is lost: its server has ended, or a call before has failed"
                raise RPCTransportError(f"{shown!r}: the handle {why} {NOT_SENT}")
            try:
                return origin.exchange(
                    CALL_OBJECT, shown, (self._number, method, *args), params, origin.channel, deadline
                )
            except HandedOut as came:
                return Handle(origin, came, self._timeout)
            finally:
                if not origin.channel.is_clean:
                    origin.close()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        if method.startswith("__"):  # what Python asks of any object; call() reaches methods of such names, too
            raise AttributeError(method)
        return partial(self.call, method)

    def close(self) -> None:
        """Let the server let go of the object. Idempotent."""
        origin = self._origin
        with origin.lock:
            if self._is_closed:
                return
            self._is_closed = True
            origin.handles -= 1
            if not origin.handles:
                origin.close()
            elif origin.is_open and origin.channel.take():
                origin.exchange(LET_GO, "close", (self._number,), {}, origin.channel, deadline_after(self._timeout))

    def __enter__(self) -> "Handle":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Handle of a {self._class_name}{', closed' if self._is_closed else ''}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"the handle of a {self._class_name} is this process's and cannot be pickled")
