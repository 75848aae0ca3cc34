"""Calls of a server that are under way outside its own thread, and the answers that come of them.

The server's thread alone takes requests and sends responses. Methods may run in :mod:`.workers`, coroutines in an
event loop, see :mod:`.coroutines`; what they answer is noted here, and the server woken to send it.
"""

from queue import Empty, SimpleQueue
from typing import NamedTuple, Optional

from .dispatch import Dispatch, Failed
from .endpoint import OWING_LOOK_SECONDS, Endpoint
from .frames import Outgoing, kept
from .served import Request


class Answered(NamedTuple):
    """One call that is over."""

    request: Request
    response: Outgoing
    failed: Optional[Failed]
    """What the response says, when it is no result."""
    exit: Optional[BaseException]
    """What its method has raised to end the server."""


def answered_by(dispatch: Dispatch, request: Request, response: Outgoing) -> Answered:
    """`dispatch`: that of the thread which has answered, and calls this."""
    failed, dispatch.failure = dispatch.failure, None
    ends, dispatch.exit = dispatch.exit, None
    try:
        response = kept(response)
    except MemoryError as error:
        response = dispatch.failed(error)
        failed, dispatch.failure = dispatch.failure, None
    return Answered(request, response, failed, ends)


class Deferred:
    """Of one server. Any thread may :meth:`add`; all else is the server's thread's."""

    def __init__(self, dispatch: Dispatch, endpoint: Endpoint) -> None:
        self._dispatch = dispatch
        self._endpoint = endpoint
        self._ready: SimpleQueue[Answered] = SimpleQueue()
        self.under_way = 0
        """Calls whose answers have not come yet."""

    def begin(self, request: Request) -> None:
        """Note that this one runs elsewhere now."""
        self._endpoint.defer(request)
        self.under_way += 1

    def add(self, answered: Answered) -> None:
        """Have it sent."""
        self._ready.put(answered)
        self._endpoint.wake()

    def send_ready(self) -> None:
        """Send what has come. Raises what a method has raised to end the server."""
        while not self._ready.empty():
            self._send(self._ready.get())

    def finish(self) -> None:
        """Wait for all that is under way, and send it."""
        while self.under_way:
            is_owing = self._endpoint.send_what_is_owed()
            try:
                self._send(self._ready.get(timeout=OWING_LOOK_SECONDS if is_owing else _LOOK_SECONDS))
            except Empty:  # a handler of a signal has its turn, and a forked child sees that nothing is under way there
                continue

    def _send(self, answered: Answered) -> None:
        self.under_way -= 1
        request, response, failed, ends = answered
        self._endpoint.respond_deferred(request, response, lambda refusal: self._dispatch.instead_of(failed, refusal))
        if ends is not None:
            raise ends


_LOOK_SECONDS = 0.5
