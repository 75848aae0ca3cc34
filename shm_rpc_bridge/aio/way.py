"""To whichever life of its server there is: the sessions of one AsyncRPCClient, opened, left, found again."""

import asyncio
import contextlib
import functools
import math
import os
import weakref
from time import monotonic
from typing import Optional, Set

from .. import posix
from ..codec.protocol import Codec
from ..connection import Connection
from ..exceptions import RPCTransportError
from ..failures import LET_GO
from ..frames import Message
from ..messages import ONE
from ..remote_errors import HandedOut
from ..scratch import KEPT_SECONDS
from .session import Session


class Way:
    """To whichever life of its server there is: what a client and those made by its with_options share."""

    def __init__(self, name: str, buffer_size: int, max_message_size: int, codec: Codec) -> None:
        """Sizes in bytes. Opens nothing yet."""
        self._name = name
        self._terms = buffer_size, max_message_size
        self._codec = codec
        self._current: Optional[Session] = None
        self._before: Set[Session] = set()  # whose servers have been replaced, with calls that are answered still
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._process = os.getpid()
        self._will_look = False
        self.is_closed = False

    @property
    def holds_anything(self) -> bool:
        return (self._current is not None or bool(self._before)) and self._process == os.getpid()

    def session_now(self) -> Optional[Session]:
        """The session with the present server; None where one has to be opened."""
        current = self._current
        if current is not None and current.is_current() and self._loop is asyncio.get_running_loop():
            return current
        return None

    async def session(self, patience: float) -> Session:
        """To the server there is now, or is within `patience` seconds. Raises RPCTransportError."""
        deadline = monotonic() + patience
        pause = 0.001
        while True:
            try:
                return self._connected()
            except posix.NotFoundError as error:
                left = deadline - monotonic()
                if left <= 0:
                    waited = f" (waited {patience:.3g} s for it)" if patience > 0 else ""
                    raise RPCTransportError(f"{error}{waited}") from None
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 2, 0.05)

    def _connected(self) -> Session:
        """Takes some hundred microseconds and waits for nobody."""
        self._refuse_if_unusable()
        current = self._current
        if current is not None:
            if current.is_current():
                return current
            self._leave(current)
        connection = Connection(self._name, self._codec.name, self._look_later)
        session: Optional[Session] = None
        try:
            connection.open()
            link = connection.new_link()
            link.open(*self._terms)
            session = Session(connection, link)
            session.on_unwanted = functools.partial(_let_go_of_unwanted, self._codec, weakref.ref(session))
            session.listen()
            self._current = session
            return session
        except BaseException:
            if session is not None:
                session.end(RPCTransportError("interrupted while connecting"))
            connection.is_retired = True
            connection.close_unused(())  # also one that was interrupted before anybody here had it
            connection.reap()
            raise

    def _look_later(self) -> None:
        """A large message has made the session large: have it replaced when it has not had any for a while."""
        if self._loop is not None and not self._will_look:
            self._will_look = True
            self._loop.call_later(KEPT_SECONDS, self._give_back_if_unused)

    def _give_back_if_unused(self) -> None:
        self._will_look = False
        current = self._current
        if current is None or current.is_closed or not current.is_outgrown():
            return
        if current.is_unused():
            self._leave(current)
        else:
            self._look_later()

    def _refuse_if_unusable(self) -> None:
        if self.is_closed:
            raise RPCTransportError(f"the client of {self._name!r} is closed")
        if os.getpid() != self._process:
            raise RPCTransportError(
                f"the client of {self._name!r} belongs to process {self._process} and cannot be used in its forked "
                f"child {os.getpid()}: construct another one there"
            )
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RPCTransportError(f"the client of {self._name!r} belongs to another event loop: construct one here")

    def _leave(self, session: Session) -> None:
        """Its server has closed or was replaced: whoever waits is answered still, if at all."""
        self._before.add(session)
        self._current = None
        # After those have had their turn that were just answered: the answer may be an object that the session keeps.
        session.on_idle = lambda: session.soon(lambda: self._end_before(session))
        self._end_before(session)

    def _end_before(self, session: Session) -> None:
        if session.is_idle() and not session.objects:
            session.end(RPCTransportError("its server was replaced"))
            self._before.discard(session)

    def close_from_anywhere(self) -> None:
        """As :meth:`close`, from whichever thread, now or when the loop has its next turn."""
        if self._loop is not None and self._loop.is_running():
            self._loop.call_soon_threadsafe(self.close)
        else:
            self.close()

    def close(self) -> None:
        """Let go of everything. Idempotent. In the loop, or when that does not run any more."""
        self.is_closed = True
        for session in [*([self._current] if self._current is not None else []), *self._before]:
            session.end(RPCTransportError("the client was closed during the call"))
        self._current = None
        self._before.clear()


def let_go(codec: Codec, session: Session, number: int) -> None:
    """Let the server forget an object that nobody here has any more. Waits for nothing."""
    if session.has_lost_its_loop:
        return  # it goes with the channel
    message = codec.encode_request(LET_GO, (number,), {})
    with contextlib.suppress(RPCTransportError):  # then it has ended, and with it the object
        _, future = session.begin(message, ONE, math.inf)
        future.add_done_callback(lambda done: done.cancelled() or done.exception())


def _let_go_of_unwanted(codec: Codec, of_session: "weakref.ref[Session]", response: Message) -> None:
    """Of the object that a call has come to which was cancelled or late, if it has."""
    session = of_session()
    try:
        codec.decode_response("", response)
    except HandedOut as came:
        if session is not None and not session.is_closed:
            let_go(codec, session, came.number)
    except Exception:  # of the method, or of whatever it is
        return
