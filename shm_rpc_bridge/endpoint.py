"""The server's side of many channels: the doorbell, whose turn it is, who came, who died."""

import contextlib
import logging
from itertools import chain
from time import monotonic
from typing import Callable, Dict, List, Optional, Tuple

from . import names, posix
from .channel import Channel, unlink
from .control import Control
from .exceptions import RPCError, RPCTimeoutError, RPCTransportError
from .waiting import Waiter

logger = logging.getLogger("shm_rpc_bridge")

_SWEEP_INTERVAL = 0.5
"""Seconds between looks for dead clients: what one leaves is gone within a second. All that wakes an idle server."""


class Endpoint:
    """Serves the channels of one server, in one thread; only :meth:`wake` may be called from others.

    Made by the server's process and closed by it; a client that misbehaves or dies costs its own channel.
    """

    def __init__(self, name: str, buffer_size: int, max_message_size: int, max_channels: int, wait: str) -> None:
        self._wait = wait
        self._max_message_size = max_message_size
        self._channels: Dict[int, Channel] = {}
        self._circle: List[Tuple[int, Channel]] = []  # the same, in the order of their turns
        self._last = 0
        self._closed = False
        self._next_sweep = 0.0
        self._control = Control.create(name, max_channels, buffer_size, max_message_size)
        try:
            self._doorbell_name = names.doorbell(name, self._control.generation)
            self._doorbell = posix.create_semaphore(self._doorbell_name, 0)
        except BaseException:
            self._control.close(remove=True)
            raise
        self._wait_for_bell = Waiter(self._doorbell, wait, _nothing, _SWEEP_INTERVAL).wait
        self._control.publish()

    def serve_next(
        self, answer: Callable[[bytes], bytes], apologize: Callable[[RPCTransportError], bytes], deadline: float
    ) -> bool:
        """Take the next request, round robin over the channels, and send what `answer` makes of it.

        Returns False when none came within half a second or until `deadline`, or who rang only came, left or took
        a request back.
        A response that is too large or does not fit into memory is replaced by what `apologize` makes of the reason.
        Responses to a client that is gone, or does not take them, are dropped: nobody waits for it.
        """
        now = monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_INTERVAL
            self._sweep(self._control.slots_in_use())
        if not self._wait_for_bell(min(deadline, self._next_sweep)):
            self._greet()
            return False
        # One ring was taken. When no other is pending there is one request at most, most likely the last caller's
        # next one; else everyone comes before the last caller comes again.
        place, taken = self._last, None
        if self._doorbell.value:
            self._open_announced()  # who is new rings once, and must not wait until all others are silent
        else:
            taken = self._take(place)
        if taken is None:
            place = self._last = self._next_caller()
            taken = self._take(place)
            if taken is None:
                self._greet()
                return False
        slot, channel = self._circle[place]
        sequence, message = taken
        response = answer(message)
        try:
            channel.response.send(response, sequence, 0.0)
        except RPCTimeoutError:
            self._refuse(slot, "its client does not take its responses")
            return True
        except RPCTransportError as error:
            try:
                channel.response.send(apologize(error), sequence, 0.0)
            except RPCError as failure:  # a client that takes no message as large as that, or takes none
                self._refuse(slot, f"{error}, and its client cannot be told: {failure}")
                return True
        channel.request.give_room()  # after the response: its client is waiting for that, and not yet for this
        return True

    def wake(self) -> None:
        """Make :meth:`serve_next` return soon. From any thread or signal handler."""
        with contextlib.suppress(posix.Closed):  # then there is nobody to wake
            self._doorbell.release()

    def close(self) -> None:
        """Tell the clients, remove every name, release everything. Idempotent. In a forked child: release only."""
        if self._closed:
            return
        self._closed = True
        if self._control.is_owned():
            posix.unlink_semaphore(self._doorbell_name)
            for slot in self._control.slots_in_use():
                unlink(self._names(slot))
            self._control.close(remove=True)
            for channel in self._channels.values():
                channel.response.interrupt_reader()
        else:
            self._control.close(remove=False)
        for slot in list(self._channels):
            self._drop(slot)
        self._doorbell.close()

    def _next_caller(self) -> int:
        """The place in the circle after the last one's that has a request, or seems to; any when none has."""
        circle, first = self._circle, self._last + 1
        for place in chain(range(first, len(circle)), range(min(first, len(circle)))):
            if circle[place][1].request.seems_full():
                return place
        return self._last

    def _take(self, place: int) -> Optional[Tuple[int, bytes]]:
        """Sequence and request of the caller at that place; None when it has none, or a damaged one."""
        circle = self._circle
        if place >= len(circle):
            return None
        try:
            return circle[place][1].request.take()
        except RPCTransportError as error:
            self._refuse(circle[place][0], str(error))
            return None

    def _greet(self) -> None:
        """Whoever rang had no request: open the channels that are announced, free the slots that were left."""
        self._open_announced()
        self._sweep(self._control.slots_left())

    def _open_announced(self) -> None:
        while (slot := self._control.next_announced()) is not None:
            self._accept(slot)

    def _accept(self, slot: int) -> None:
        try:
            channel = Channel.open(self._names(slot), self._max_message_size, self._wait, _nothing)
        except posix.NotFoundError:  # its client has closed it again
            return
        except RPCTransportError as error:
            self._refuse(slot, str(error))
            return
        logger.debug("channel %d opened", slot)
        self._channels[slot] = channel
        self._circle = list(self._channels.items())

    def _sweep(self, slots: List[int]) -> None:
        """Free those of `slots` whose clients have left or died."""
        for slot in slots:
            if self._control.reclaim(slot, lambda slot=slot: self._forget(slot)):  # type: ignore[misc]
                logger.debug("channel %d closed: its client has left or died", slot)

    def _forget(self, slot: int) -> None:
        self._drop(slot)
        unlink(self._names(slot))

    def _refuse(self, slot: int, why: str) -> None:
        """Have nothing more to do with a client that lives: it is told, and its next call comes on a new channel."""
        logger.warning("channel %d refused: %s", slot, why)
        self._control.refuse_slot(slot)
        if slot in self._channels:
            self._channels[slot].response.interrupt_reader()
        self._drop(slot)

    def _drop(self, slot: int) -> None:
        channel = self._channels.pop(slot, None)
        if channel is not None:
            channel.close()
            self._circle = list(self._channels.items())

    def _names(self, slot: int) -> names.ChannelNames:
        return names.slot(self._control.name, self._control.generation, slot)


def _nothing() -> None:
    """What to recheck between the slices of a wait that is one slice long."""
