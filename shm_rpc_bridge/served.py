"""One channel that a server has open: where its requests come from, and what is known of who waits for the response."""

import math
from functools import partial
from typing import Any, Set, Tuple, Union

from . import channel as channels
from . import layout, names, posix
from .buffer import Buffer, Terms
from .control import Control
from .exceptions import RPCTimeoutError
from .frames import Arrived
from .lane import Lane
from .multiplexed import Requests, Responses, Turns


class Served:
    """Opened, used and let go by the server's thread; what others may ask says so."""

    __slots__ = ("control", "given_up", "held", "objects", "request", "response", "slot", "token", "under_way")

    def __init__(
        self,
        control: Control,
        slot: int,
        token: int,
        request: Union[Buffer, Requests],
        response: Union[Buffer, Responses],
        held: posix.Held,
    ) -> None:
        self.control = control
        self.slot = slot
        self.token = token
        self.request = request
        self.response = response
        self.held = held
        self.objects: Any = None
        """What the server keeps for this channel's client; dropped with the channel."""
        self.under_way = 0
        """Requests that were taken and are answered later, see :meth:`.endpoint.Endpoint.defer`."""
        self.given_up: Set[int] = set()
        """Sequences of those whose methods were told that nobody waits for the result; noted by any thread."""

    @classmethod
    def open(cls, control: Control, slot: int, token: int, terms: Terms, turns: Turns, held: posix.Held) -> "Served":
        """Open what the client of a slot has made. Raises NotFoundError, RPCTransportError or MemoryError; what there
        is of it then stands in `held`."""
        own_names = names_of(control, slot)
        terms = terms._replace(claim=partial(control.claim_memory, slot, True))
        if not layout.is_multiplexed(token):
            return cls(control, slot, token, *channels.open_existing(own_names, terms, held), held)
        request, response = channels.open_existing(own_names, terms, held, Lane)
        assert isinstance(request, Lane)
        assert isinstance(response, Lane)
        responses = Responses(response, posix.open_bell(names.bell(own_names), held), turns)
        return cls(control, slot, token, Requests(request, responses, turns, terms.lends_to), responses, held)

    def deadline(self, sequence: int) -> float:
        """Until when its client waits for that response, monotonic seconds; -inf: it waits no more. From any thread."""
        try:
            if not self.held or self.control.is_left(self.slot, self.token):
                return -math.inf
            return self.request.deadline(sequence)
        except (ValueError, OSError):  # meanwhile the server's thread has closed it
            return -math.inf

    def caller(self) -> int:
        """The process that asks, by its own word; 0 once it has left. From any thread."""
        try:
            return self.request.caller()
        except ValueError:  # the server's thread has closed it
            return 0

    def refuse_given_up(self, sequence: int) -> None:
        """RPCTimeoutError where the method was told so: a client that is late itself must not take that for the result.

        Before the response is sent.
        """
        is_given_up = sequence in self.given_up
        self.given_up.discard(sequence)
        if not self.under_way:
            self.given_up.clear()  # what was asked of calls that were over
        if is_given_up:
            raise RPCTimeoutError("its time was over before its end")

    def let_go(self) -> None:
        """Of everything. Idempotent."""
        self.objects = None
        posix.let_go(self.held)
        self.request.forget_memory()
        self.response.forget_memory()


Request = Tuple[Served, int, Arrived, int]
"""The channel, the sequence of the response, the message and its kind; valid until the next request is taken."""


def names_of(control: Control, slot: int) -> names.ChannelNames:
    """Those of the channel in a slot."""
    return names.slot(control.name, control.generation, slot, control.token(slot))
