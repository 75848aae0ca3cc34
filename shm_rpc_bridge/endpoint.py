"""The server's side of many channels: the doorbell, and whose turn it is."""

from itertools import chain
from time import monotonic
from typing import Callable, Iterable, Optional

from .buffer import Buffer
from .exceptions import RPCTimeoutError, RPCTransportError
from .frames import Arrived, Framed, Outgoing
from .reception import Reception
from .served import Request, Served

OWING_LOOK_SECONDS = 0.002
"""Between looks whether a client has made room, where its ring may not be heard."""
_PARTING_SECONDS = 1.0


class Endpoint(Reception):
    """Serves the channels of one server, in one thread; others may only call :meth:`wake` and :meth:`abandon`."""

    def next_request(self, deadline: float) -> Optional[Request]:
        """Take the next request, round robin over the channels; :meth:`respond` to it before taking another one.

        None when none came within half a second or until `deadline`, and when a client rang that has only connected,
        left, or taken a request back.
        """
        if monotonic() >= self._next_sweep:
            self.look_after()
        turns = self._turns
        if turns.owing:
            turns.send_what_is_owed()
        is_behind = self._has_unheard
        if turns.behind:
            if self._doorbell.value and not self._doorbell.trywait():
                self._open_announced()
                is_behind = self._has_unheard = is_behind or len(self._channels) + len(self._leaving) > 1
            if not is_behind and len(turns.behind) == 1:  # most likely the last caller's, who is the only one
                request = self._take(self._last)
                if request is not None:
                    return request
            is_behind = is_behind or turns.is_behind()
        if not is_behind and not self._wait_for_bell(min(deadline, self._next_sweep)):
            self._look_who_rang()
            return None
        # One ring was taken. When no other is pending there is one request at most, most likely the last caller's
        # next one, or where the callers take turns, the next one's; else everyone comes before the last comes again.
        if is_behind or self._doorbell.value:
            self._open_announced()  # who is new rings once, and must not wait until all others are silent
        else:
            place = self._last + self._step
            request = self._take(place)
            if request is not None:
                self._last = place
                return request
        place = self._next_caller()
        self._step = 0 if place == self._last else 1
        self._last = place
        request = self._take(place)
        if request is None:
            self._has_unheard = False
            self._look_who_rang()
        return request

    def defer(self, request: Request) -> None:
        """Note that the response to a request comes by :meth:`respond_deferred`, after others were taken."""
        request[0].under_way += 1

    def respond_deferred(
        self, request: Request, response: Outgoing, instead: Callable[[Exception], Iterable[bytes]]
    ) -> None:
        """As :meth:`respond`, for one that was deferred."""
        request[0].under_way -= 1
        self.respond(request, response, instead)

    def respond(self, request: Request, response: Outgoing, instead: Callable[[Exception], Iterable[bytes]]) -> None:
        """Send the response to a request that was taken.

        What is too large, or does not fit into memory, is replaced by the first that can be sent of those that
        `instead` makes of the reason. Responses to a client that is gone, or does not take them, are dropped: nobody
        waits for it.
        """
        served, sequence, message, kind = request
        if self.is_closed or not served.held:  # the method has forked, and this is the child; or its client has gone
            return
        if served.response.seems_full():
            self._refuse(served, "its client has not taken the response before: it is closing, or damaged")
            return
        try:
            if served.given_up:
                served.refuse_given_up(sequence)
            if served.request.is_lent:
                response = _end_lease(served, message, response)
            served.response.send(response, sequence, kind)
        except (RPCTransportError, RPCTimeoutError, MemoryError) as error:
            try:
                if served.request.is_lent:  # still: the response could not be written
                    _let_go(served, message, response)
            except MemoryError as refusal:  # views of it would show the next request
                self._refuse(served, f"what was lent of its request cannot be kept for who looks at it: {refusal}")
                return
            self._respond_instead(served, sequence, error, instead(error))

    def _respond_instead(self, served: Served, sequence: int, error: Exception, responses: Iterable[bytes]) -> None:
        """With the first of them that can be sent; a client that does not take even the last is refused."""
        failure: Optional[Exception] = None
        for response in responses:
            try:
                served.response.send(response, sequence)
                return
            except (RPCTransportError, MemoryError) as failed:
                failure = failed
        self._refuse(served, f"{error}, and its client cannot be told: {failure}")

    def send_what_is_owed(self) -> bool:
        """Responses for which there was no room, to clients that have made some. Whether any is left.

        :meth:`next_request` does that, too; this is for whoever takes no requests just now.
        """
        return self._turns.send_what_is_owed()

    def send_rest(self) -> None:
        """Before the end: send what is owed to clients that take it, who have a second to do so."""
        deadline = monotonic() + _PARTING_SECONDS
        while self._turns.send_what_is_owed():
            now = monotonic()
            if now >= deadline:
                return
            self._parker.wait(min(deadline, now + OWING_LOOK_SECONDS))  # rung when one has made room

    def _next_caller(self) -> int:
        """The place in the circle after the last one's that has a request, or seems to; any when none has."""
        if self._circle_is_old:
            self._circle_is_old = False
            self._circle = [*self._channels.values(), *self._leaving]
        circle, first = self._circle, self._last + 1
        for place in chain(range(first, len(circle)), range(min(first, len(circle)))):
            if circle[place].request.seems_full():
                return place
        return self._last

    def _take(self, place: int) -> Optional[Request]:
        """The request of the caller at that place; None when it has none, or a damaged one."""
        circle = self._circle
        if self._circle_is_old or place >= len(circle):
            return None
        served = circle[place]
        try:
            taken = served.request.take()
        except (RPCTransportError, MemoryError) as error:
            self._refuse(served, f"its request cannot be taken: {error or type(error).__name__}")
            return None
        if taken is None:
            return None
        sequence, message, kind = taken
        return served, sequence, message, kind


def _end_lease(served: Served, message: Arrived, response: Outgoing) -> Outgoing:
    """Of a request; its response, in which may be what was lent, is written before, and what is returned is to be sent.

    Raises RPCTransportError or MemoryError.
    """
    written = response
    if isinstance(response, Framed):
        assert isinstance(served.response, Buffer)
        written = served.response.write(response)
    _let_go(served, message, response)
    return written


def _let_go(served: Served, message: Arrived, response: Outgoing) -> None:
    """Of what was lent of a request, also where its response holds it. Raises MemoryError."""
    if isinstance(response, Framed):
        response.let_go()
    served.request.end_lease(message)
