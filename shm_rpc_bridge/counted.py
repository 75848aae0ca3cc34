"""What a server has counted of its channels, and how it comes to stand in the control segment."""

from time import monotonic_ns
from typing import Dict, List, Protocol, Sequence

from . import statistics
from .control import Control
from .statistics import Figures, Statistics, Totals
from .waiting import Waiter


class Answers(Protocol):
    """The responses of one channel."""

    def sequence(self) -> int:
        """How many there were."""


class Counted:
    """Of one server, through all its lives. Its thread alone counts; any may :meth:`write`."""

    def __init__(self) -> None:
        self._began = monotonic_ns()
        self._answered = 0  # through channels that are closed
        self._slept = 0  # of waiters that are used no more
        self._waiters: Sequence[Waiter] = ()
        self._timeouts = self._late = 0  # of clients that have left
        self.opened = 0
        """Channels."""
        self.refused = 0
        """Of these."""

    def wait_by(self, *waiters: Waiter) -> None:
        """From here on it is these whose sleeps count."""
        self._slept += sum(waiter.slept for waiter in self._waiters)
        self._waiters = waiters

    def closed(self, responses: Answers) -> None:
        """A channel is closed now; while it can still be read."""
        self._answered += responses.sequence()

    def left(self, control: Control, slot: int) -> None:
        """The client of a slot is gone."""
        timeouts, late = control.given_up(slot)
        self._timeouts += timeouts
        self._late += late
        control.forget_wait(slot)

    def write(
        self, control: Control, slots: List[int], open_ones: Sequence[Answers], failed: int, methods: Dict[str, Figures]
    ) -> None:
        """Have all stand there. `failed` answers, and `methods`, were counted by others.

        ValueError where the server's thread has just closed a channel, or the segment.
        """
        given_up = [control.given_up(slot) for slot in slots]
        totals = Totals(
            monotonic_ns(),
            self._began,
            self._answered + sum(responses.sequence() for responses in open_ones),
            failed,
            self._slept + sum(waiter.slept for waiter in self._waiters),
            self.opened,
            self.refused,
            self._timeouts + sum(timeouts for timeouts, _ in given_up),
            self._late + sum(late for _, late in given_up),
        )
        statistics.write_totals(control.map, control.max_channels, totals)
        statistics.write_methods(control.map, control.max_channels, control.methods, methods)


def read(control: Control) -> Statistics:
    """Read the number. ValueError when it is closed."""
    return statistics.read(control.map, control.max_channels, control.methods, control.codec, monotonic_ns())
