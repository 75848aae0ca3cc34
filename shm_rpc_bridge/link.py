"""The client's end of a multiplexed channel: many calls at once, each with a number, and no waiting at all.

Who uses it waits for its bell, in whatever way; :meth:`Link.advance` then gives what has come.
"""

from threading import get_ident
from typing import List, Set, Tuple

from . import layout
from .body import Body
from .frames import Framed, Outgoing
from .messages import LARGEST_NUMBER, Numbered


class Link:
    """Used by one thread. It is closed by the connection that has made it."""

    def __init__(self, body: Body) -> None:
        """Nothing of it exists before :meth:`open`."""
        self.body = body
        self.thread = get_ident()
        """Which has made it."""
        self._control_map = body.control.map
        self._number = 0
        self._last_sent: List[Numbered] = []
        self._is_lost = False

    def open(self, request_size: int, max_message_size: int) -> None:
        """Claim a slot and create the channel in it; sizes in bytes. Raises RPCTransportError."""
        self._request, self._response, self.bell = self.body.open_multiplexed(request_size, max_message_size)

    def last_messages(self) -> Tuple[int, bool]:
        """How many there were both ways, and whether one of the last two would not have had room at first."""
        ends = self._request, self._response
        return sum(end.sequence() for end in ends), any(end.needs_spare() for end in ends)

    def is_current(self) -> bool:
        """Whether further calls go through it: False once its server has closed, or was replaced."""
        return not self._is_lost and self._control_map[layout.CONTROL_STATE_OFFSET] == layout.READY

    def begin(self, message: Outgoing, kind: int, deadline: float) -> int:
        """The number of a call that the next :meth:`advance` sends. RPCTransportError or MemoryError: it never is.

        `deadline`: when its response is not waited for any more, monotonic seconds; for its method to know.
        """
        number = self._number
        self._number = number + 1 if number < LARGEST_NUMBER else 0  # first: what is interrupted here may be sent yet
        self._request.put(number, kind, message, deadline)
        if isinstance(message, Framed):  # a large one goes now, so that it need not be copied until there is a turn
            self._send()
            self._request.keep_what_waits()
        return number

    def advance(self) -> List[Numbered]:
        """Send what there is room for, and return the responses that have come. RPCTransportError when damaged."""
        came: List[Numbered] = []
        if self._request.unsaid:
            self._request.say_unwanted()
        while True:
            if self._request.queue:
                self._send()
            parts = self._response.take_all()
            if parts is None:
                return came
            if self._response.writer_waits():
                self.body.doorbell.release()
            if not self._request.has_message():
                self._last_sent = []
            came += parts

    def _send(self) -> None:
        sent = self._request.flush()
        if sent:
            self._last_sent = sent
            self.body.doorbell.release()

    def park(self) -> bool:
        """Have the bell rung for what comes from now on. False when there is something already: advance again."""
        is_parked = self._response.say_reader_waits()
        if self._request.queue:
            is_parked = self._request.say_writer_waits() and is_parked
        return is_parked

    def abandon(self, number: int) -> bool:
        """Want no answer any more. True when the server has not taken the request, and so never runs it."""
        if self._request.drop(number):
            return True
        others = [sent for sent in self._last_sent if sent[0] != number]
        if len(others) < len(self._last_sent) and self._request.take_back():
            self._last_sent = []
            self._request.put_back(others)  # for the next advance()
            return True
        self._request.say_unwanted(number)
        return False

    def give_up(self) -> Set[int]:
        """Use it no more: the numbers of the requests that the server has certainly not taken. Can be called again."""
        self._is_lost = True
        numbers = {number for number, *_ in self._request.queue}
        if self._last_sent and self._request.take_back():
            numbers |= {number for number, *_ in self._last_sent}
        return numbers

    def forget_server(self) -> None:
        """It is closed."""
        self._is_lost = True
