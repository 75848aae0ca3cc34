"""One multiplexed channel in one event loop: who waits for which answer, and what becomes of them."""

import asyncio
import contextlib
import math
import os
import weakref
from collections import deque
from time import monotonic
from typing import Callable, Deque, Dict, Optional, Tuple

from ..connection import Connection, is_own_servers, refuse_own_server
from ..exceptions import RPCError, RPCTimeoutError, RPCTransportError
from ..frames import Message, Outgoing
from ..link import Link
from ..living import living
from ..messages import Numbered
from ..statistics import AWAITED

_LOOK_SECONDS = 0.5
"""Between looks, while there are calls, whether the server lives: its death is heard at once unless a child of it has
its end of the bell open."""

_REASONS_ASKED = 100
"""Times, every other millisecond, until nothing better is known of a channel's end than that."""

_IN_ONE_TURN = 64
"""Responses given out in one turn of the loop: each wakes a task, and others have their turn in between."""

_EARLY_SECONDS = 0.0005

_NEVER_RUNS = "the server had not taken it, so it never runs"
_UNKNOWN = "whether it ran is unknown"


Begun = Tuple[int, "asyncio.Future[Message]"]
"""A request that is under way: its number, and what has its response in the end."""


class Session:
    """Used in one loop. It ends when it is closed, or its server has ended; then all who wait for it are told."""

    def __init__(self, connection: Connection, link: Link) -> None:
        """`link`: open; both are closed by this, however it ends."""
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._link = link
        self._is_own_servers = is_own_servers(link.body.control)
        self._waiting: Dict[int, asyncio.Future[Message]] = {}
        self._came: Deque[Numbered] = deque()
        """Responses that are given out in the next turns of the loop."""
        self._deadlines: Dict[int, float] = {}
        # One timer for all, set to the deadline that was the first when it was set: most calls come before theirs.
        self._timer: Optional[asyncio.TimerHandle] = None
        self._timer_at = math.inf
        self._is_advancing = False
        self._look: Optional[asyncio.TimerHandle] = None
        self._oldest: Optional[int] = None
        """Of those that waited at the last look."""
        self.on_idle: Callable[[], None] = _nothing
        """Called when nobody waits for an answer any more; it may end this."""
        self.on_unwanted: Callable[[Message], None] = _ignore
        """Is given each answer that nobody waits for any more."""
        self.objects = 0
        """Objects that the server keeps for it, as for streams: they go with it."""
        self._seen = 0
        """Messages that had passed when it was asked last whether it is unused."""
        self.is_closed = False
        """From the moment that it ends."""
        self._has_ended = False
        _sessions.add(self)

    def listen(self) -> None:
        """To the server. Before any exchange."""
        self._loop.add_reader(self._link.bell.fd, self._heard)

    def soon(self, do: Callable[[], None]) -> None:
        """Have it done in a turn of the loop, unless that is closed. From any thread."""
        if not self.is_closed:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(do)

    @property
    def has_lost_its_loop(self) -> bool:
        """Whether that is closed, and with it whatever was under way."""
        return self._loop.is_closed()

    def is_current(self) -> bool:
        """Whether further calls go through it."""
        return not self.is_closed and self._link.is_current()

    def is_outgrown(self) -> bool:
        """Whether another one would take so much less memory that it is worth it."""
        return self._link.body.is_outgrown()

    def is_unused(self) -> bool:
        """Whether nothing but small messages has passed since this was asked before, and no object is kept for it."""
        seen, (self._seen, is_large) = self._seen, self._link.last_messages()
        return not (is_large and self._seen != seen) and not self.objects

    def is_idle(self) -> bool:
        return not self._waiting

    def server_is_alive(self) -> bool:
        return not self.is_closed and self._connection.is_alive()

    def begin(self, message: Outgoing, kind: int, deadline: float) -> Begun:
        """Send a request in this turn of the loop. After the monotonic `deadline` it wants no response any more.

        Whoever awaits the future, and gets an exception, passes it to :meth:`left`: RPCTimeoutError or
        RPCTransportError, which say whether the server had taken the request, or what has ended the waiting.
        """
        if self.is_closed:
            raise RPCTransportError("the client is closed")
        if self._is_own_servers:
            refuse_own_server(self._link.body.control)
        number = self._link.begin(message, kind, deadline)
        try:
            future = self._waiting[number] = self._loop.create_future()
            self._deadlines[number] = deadline
            if not self._is_advancing:
                self._advance_soon()
            if self._look is None:
                self._look = self._loop.call_later(_LOOK_SECONDS, self._look_after)
            if deadline < self._timer_at:
                self._set_timer(deadline)
            return number, future
        except BaseException:  # what the handler of a signal raises
            self.abandon(number)
            raise

    def left(self, number: int, error: BaseException) -> None:
        """Note that whoever has awaited a response waits no more, by that error."""
        if not isinstance(error, (RPCError, GeneratorExit)):  # else it was told, or its loop has ended
            self.abandon(number)  # it is cancelled, or what the handler of a signal raises
        self._forget(number)
        self._tell_if_idle()

    def abandon(self, number: int) -> None:
        """Want no response to that request any more, if it is under way."""
        try:
            self._abandon(number)
        finally:
            self._forget(number)

    def _forget(self, number: int) -> None:
        self._waiting.pop(number, None)
        self._deadlines.pop(number, None)

    def _tell_if_idle(self) -> None:
        if not self._waiting and not self.is_closed:
            self.on_idle()

    def _advance_soon(self) -> None:
        """Once in this turn of the loop, so that what is begun in the same turn goes in one message."""
        if not self._is_advancing:
            self._loop.call_soon(self._advance)
            self._is_advancing = True

    def _advance(self) -> None:
        try:
            self._is_advancing = False
            if self.is_closed:
                return
            self._came += self._link.advance()
            if self._came:
                self._give_out(_IN_ONE_TURN)
                self._advance_soon()  # after those who have waited for it: the loop has not come to rest
            elif not self._link.park():
                self._advance_soon()
        except RPCTransportError as error:  # a damaged message
            self.end(error)
        except BaseException as error:
            self._end_interrupted(error)
            raise

    def _give_out(self, most: int) -> None:
        """Give so many responses to the calls that wait for them."""
        came = self._came
        while came and most:
            number, _, response, _ = came[0]
            future = self._waiting.get(number)
            if future is not None:
                if not future.done():
                    future.set_result(response)
                self._forget(number)
            else:
                self.on_unwanted(response)
            came.popleft()
            most -= 1
        self._tell_if_idle()

    def _end_interrupted(self, error: BaseException) -> None:
        """By what the handler of a signal has raised: of what was sent or taken nothing is sure any more."""
        self.end(RPCTransportError(f"interrupted: {error!r}"))

    def _heard(self) -> None:
        if self._link.bell.silence():
            self._advance()
            return
        self._advance()  # its last words
        if not self.is_closed:
            self._loop.remove_reader(self._link.bell.fd)
            self._link.forget_server()
            self._end_when_known_why(_REASONS_ASKED)

    def _end_when_known_why(self, times: int) -> None:
        """Of a process that dies, one file is closed after the other; its locks may go last."""
        if self.is_closed:
            return
        try:
            self._link.body.recheck()
        except RPCTransportError as error:
            self.end(error)
            return
        if times:
            self._loop.call_later(0.002, self._end_when_known_why, times - 1)
        else:
            self.end(RPCTransportError("its server has closed this channel"))

    def _look_after(self) -> None:
        self._look = None
        if self.is_closed:
            return
        if self._waiting:
            self._look = self._loop.call_later(_LOOK_SECONDS, self._look_after)
        self._note_oldest()
        try:
            self._link.body.recheck()
        except RPCTransportError as error:
            self._advance()
            self.end(error)
            return
        self._advance()  # a wake-up was lost
        self._expire_late()  # if that was interrupted

    def _note_oldest(self) -> None:
        """For whoever looks at the server: that there are calls which take longer than from one look to the next."""
        oldest = next(iter(self._waiting), None)
        if oldest is not None and oldest == self._oldest:
            self._link.body.waits(AWAITED, b"%d" % len(self._waiting))
        else:
            self._link.body.waits_no_more()
        self._oldest = oldest

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        # Not at once again: some loops are a little early.
        self._timer = self._loop.call_later(max(_EARLY_SECONDS, deadline - monotonic()), self._expire_late)

    def _expire_late(self) -> None:
        self._timer_at = math.inf
        now = monotonic()
        late = [number for number, deadline in list(self._deadlines.items()) if deadline <= now]
        first = min((deadline for deadline in list(self._deadlines.values()) if deadline > now), default=math.inf)
        if first < math.inf:
            self._set_timer(first)
        for number in late:
            self._expire(number)
        self._tell_if_idle()

    def _expire(self, number: int) -> None:
        future = self._waiting.get(number)
        if future is not None and not future.done():
            never_runs = self._abandon(number)
            if not self.is_closed:
                self._link.body.gave_up(is_late=not never_runs)
            if not future.done():
                outcome = _NEVER_RUNS if never_runs else _UNKNOWN
                future.set_exception(RPCTimeoutError(f"no answer in time ({outcome})", may_have_run=not never_runs))
            self._forget(number)

    def _abandon(self, number: int) -> bool:
        """True when the request certainly never runs."""
        if number not in self._waiting or self.is_closed:
            return False
        try:
            never_runs = self._link.abandon(number)
            self._advance_soon()  # what was taken back with it
        except BaseException as error:
            self._end_interrupted(error)
            raise
        return never_runs

    def end(self, why: RPCError) -> None:
        """Tell all who wait, and let go of everything. Idempotent; interrupted, it can be called again."""
        if self._has_ended:
            return
        self.is_closed = True
        for timer in (self._look, self._timer):
            if timer is not None:
                timer.cancel()
        never_run = self._link.give_up()
        fd = self._link.bell.fd
        if not self._loop.is_closed():  # else all who waited have gone with it
            if fd >= 0:
                self._loop.remove_reader(fd)
            self._give_out(len(self._came))
            for number, future in list(self._waiting.items()):
                if not future.done():
                    outcome = _NEVER_RUNS if number in never_run else _UNKNOWN
                    told = RPCTransportError(f"{why} ({outcome})", may_have_run=number not in never_run)
                    future.set_exception(told)
        self._waiting.clear()
        self._deadlines.clear()
        self._let_go()
        self._has_ended = True

    def _let_go(self) -> None:
        self._connection.is_retired = True
        self._connection.close_channel(self._link)
        self._connection.reap()

    def leave_to_parent(self) -> None:
        """In a forked child: let go of what is the parent's; its loop, which the child shares, is left alone."""
        self.is_closed = True
        self._waiting = {}
        self._connection.drop_inherited()


def _ignore(response: Message) -> None:
    """What is done with an answer that nobody waits for."""


def _nothing() -> None:
    """What is done when nobody has asked for anything."""


_sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()


def _leave_sessions_to_parent() -> None:
    for session in living(_sessions):
        session.leave_to_parent()


os.register_at_fork(after_in_child=_leave_sessions_to_parent)
