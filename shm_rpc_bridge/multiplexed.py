"""The server's end of a multiplexed channel, in the words of one for a call at a time: requests and responses.

A message of it brings many requests; they are given out one by one, and answered in any order, each by its number.
"""

import math
import threading
from collections import deque
from typing import Collection, Deque, Dict, Optional, Set

from . import posix
from .buffer import Taken
from .frames import Arrived, Outgoing, Unopened, is_framed
from .lane import Lane
from .messages import ONE, Numbered

MOST_UNTAKEN, MOST_UNTAKEN_BYTES = 1000, 64 << 20
"""Responses that a client has not taken, from which on no more of its requests are: it is slow, or stopped."""


class Turns:
    """Of one server: the channels that have to be looked at although nobody has rung for them."""

    def __init__(self) -> None:
        self.behind: Set[Requests] = set()
        """Those of which requests were taken and not given out."""
        self.owing: Set[Responses] = set()
        """Those with responses that wait for room."""

    def is_behind(self) -> bool:
        """Whether there is a request that nobody rings for any more."""
        return any(requests.seems_full() for requests in self.behind)

    def send_what_is_owed(self) -> bool:
        """To those clients that have made room since. Whether anything is owed still."""
        for responses in list(self.owing):
            responses.flush()
        return bool(self.owing)


class Responses:
    """What goes to one client. Used by one thread."""

    def __init__(self, lane: Lane, bell: posix.Bell, turns: Turns) -> None:
        self._lane = lane
        self._bell = bell
        self._turns = turns
        self._answered = 0
        self.wanted: Dict[int, float] = {}
        """The deadlines of requests that were taken and not answered, by their numbers."""
        self.unwanted: Set[int] = set()
        """Those of them which the client does not want answered any more."""

    def sequence(self) -> int:
        """Responses that were sent or wait for room."""
        return self._answered

    def send(self, message: Outgoing, number: int, kind: int = ONE) -> None:
        """Send it now, or when there is room. Raises RPCTransportError or MemoryError when it never can be."""
        self.wanted.pop(number, None)
        if self.unwanted:
            self.unwanted.discard(number)
        self._lane.put(number, kind, message)
        self._answered += 1
        if self not in self._turns.owing:  # else it goes with what is owed
            self.flush()
        self._lane.keep_what_waits()

    def flush(self) -> None:
        """Send what fits, and ring where the client waits for it; what is left is sent when it has made room."""
        lane = self._lane
        while lane.queue:
            if lane.flush():
                self.ring_if_awaited()
            elif lane.says_writer_waits() or lane.say_writer_waits():
                self._turns.owing.add(self)
                return
        self._turns.owing.discard(self)

    def ring_if_awaited(self) -> None:
        if self._lane.reader_waits():
            self._bell.ring()

    def ring(self) -> None:
        self._bell.ring()

    @property
    def is_untaken(self) -> bool:
        """Whether so much waits for the client that it gets no more."""
        return len(self._lane.queue) >= MOST_UNTAKEN or self._lane.queued_bytes >= MOST_UNTAKEN_BYTES

    def seems_full(self) -> bool:
        """False: whatever waits for room, one response more does no harm."""
        return False

    def interrupt_reader(self) -> None:
        """Wake the client though there is nothing for it, to look at what has changed. Ends normal use."""
        self._lane.interrupt_reader()
        self._bell.ring()

    def forget_memory(self) -> None:
        """Once what it consists of was let go."""
        self._turns.owing.discard(self)
        self._lane.queue.clear()
        self._lane.forget_memory()


class Requests:
    """What comes from one client. Used by one thread."""

    is_lent = False
    """Never is there a view of memory that is written again."""

    def __init__(self, lane: Lane, responses: Responses, turns: Turns, lends_to: Collection[str]) -> None:
        """`lends_to`: methods that get views of frames."""
        self._lane = lane
        self._responses = responses
        self._turns = turns
        self._taken: Deque[Numbered] = deque()
        self._hearing = threading.Lock()
        self._lends_to = lends_to

    def seems_full(self) -> bool:
        """A hint, not proof, that a request is waiting."""
        return not self._responses.is_untaken and (bool(self._taken) or self._lane.has_message())

    def take(self) -> Optional[Taken]:
        """The next request, if there is one: its number, itself and its kind. Raises RPCTransportError if damaged.

        Those that the client does not want answered any more when it is their turn are dropped.
        """
        taken = self._taken
        if taken and self._hear_unwanted():
            self._drop_unwanted()
        if not taken:
            if self._responses.is_untaken:
                return None
            taken.extend(self._lane.take_all() or ())
            if not taken:
                return None
            if self._lane.writer_waits():
                self._responses.ring()
            self._responses.wanted.update([(number, deadline) for number, _, _, deadline in taken])
            if len(taken) > 1:
                self._turns.behind.add(self)
        number, kind, message, _ = taken.popleft()
        if not taken and not self._lane.has_message():  # whose ring may have been taken meanwhile
            self._turns.behind.discard(self)
        if self._lends_to and is_framed(message):
            return number, Unopened(memoryview(message), self._lends_to), kind
        return number, message, kind

    def _hear_unwanted(self) -> bool:
        """Whether there are any that were taken and are not answered. From any thread."""
        wanted, unwanted = self._responses.wanted, self._responses.unwanted
        with self._hearing:
            for number in self._lane.heard_unwanted():
                unwanted.add(number)  # first: it may be answered between these two lines
                if number not in wanted:
                    unwanted.discard(number)
        return bool(unwanted)

    def _drop_unwanted(self) -> None:
        for each in [each for each in self._taken if each[0] in self._responses.unwanted]:
            self._taken.remove(each)
            self._responses.wanted.pop(each[0], None)
            self._responses.unwanted.discard(each[0])
        if not self._taken and not self._lane.has_message():
            self._turns.behind.discard(self)

    def end_lease(self, message: Arrived) -> None:
        """Nothing: see :attr:`is_lent`."""

    def deadline(self, number: int) -> float:
        """Of a request that was taken; -inf when its client does not want it any more, or it is answered."""
        self._hear_unwanted()
        return -math.inf if number in self._responses.unwanted else self._responses.wanted.get(number, -math.inf)

    def creator(self) -> int:
        """The process of the client, by its own word."""
        return self._lane.creator()

    def caller(self) -> int:
        """The same: nobody forwards through such a channel what others ask."""
        return self._lane.creator()

    def forget_memory(self) -> None:
        """Once what it consists of was let go."""
        self._turns.behind.discard(self)
        self._taken.clear()
        self._lane.forget_memory()
