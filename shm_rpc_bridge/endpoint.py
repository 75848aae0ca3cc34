"""The server's side of many channels: the doorbell, whose turn it is, who came, who died."""

import logging
from time import monotonic
from typing import Callable, Dict, Optional

from . import names, posix
from .control import Control
from .exceptions import RPCTimeoutError, RPCTransportError
from .transport import Channel, unlink
from .waiting import SLICE, Waiter

logger = logging.getLogger("shm_rpc_bridge")

_SWEEP_INTERVAL = 0.5
"""Seconds between looks for dead clients: what one leaves is gone within a second; 64 looks cost 0.1 ms."""


class Endpoint:
    """Serves the channels of one server, in one thread; only :meth:`wake` may be called from others.

    Made by the server's process and closed by it; a client that misbehaves or dies costs its own channel.
    """

    def __init__(self, name: str, buffer_size: int, max_message_size: int, max_channels: int, wait: str) -> None:
        self._wait = wait
        self._max_message_size = max_message_size
        self._channels: Dict[int, Channel] = {}
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
        self._wait_for_bell = Waiter(self._doorbell, wait, _nothing).wait
        self._next_rung = self._control.next_rung
        self._control.publish()

    def serve_next(self, answer: Callable[[bytes], bytes], apologize: Callable[[RPCTransportError], bytes]) -> bool:
        """Take the next request, round robin over the channels, and send what `answer` makes of it.

        Returns False when there was none within 0.1 s, or only a channel that came, went or took its request back.
        A response that is too large or does not fit into memory is replaced by what `apologize` makes of the reason.
        Responses to a client that is gone, or does not take them, are dropped: nobody waits for it.
        """
        now = monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_INTERVAL
            self._sweep()
        if not self._wait_for_bell(now + SLICE):
            self._ring_for_the_forgotten()
            return False
        slot = self._next_rung(self._last)
        if slot < 0:
            return False
        self._last = slot
        channel = self._channels.get(slot) or self._accept(slot)
        if channel is None:
            self._reclaim(slot)
            return False
        try:
            sequence, message = channel.request.receive(0.0)
        except RPCTimeoutError:  # a channel that came, went or took its request back
            self._reclaim(slot)
            return False
        except RPCTransportError as error:
            logger.warning("channel %d dropped: %s", slot, error)
            self._drop(slot)
            return False
        response = answer(message)
        try:
            channel.response.send(response, sequence, 0.0)
        except RPCTimeoutError:
            logger.warning("channel %d dropped: its client does not take its responses", slot)
            self._drop(slot)
        except RPCTransportError as error:
            channel.response.send(apologize(error), sequence, 0.0)
        return True

    def wake(self) -> None:
        """Make :meth:`serve_next` return soon. From any thread or signal handler."""
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

    def _accept(self, slot: int) -> Optional[Channel]:
        if not self._control.slot_is_ready(slot):
            return None
        try:
            channel = Channel.open(self._names(slot), self._max_message_size, self._wait, _nothing)
        except posix.NotFoundError:  # its client has closed it again
            return None
        except RPCTransportError as error:
            logger.warning("channel %d refused: %s", slot, error)
            return None
        logger.debug("channel %d opened", slot)
        self._channels[slot] = channel
        return channel

    def _sweep(self) -> None:
        for slot in self._control.slots_in_use():
            self._reclaim(slot)

    def _reclaim(self, slot: int) -> None:
        if self._control.reclaim(slot, lambda: self._forget(slot)):
            logger.debug("channel %d closed: its client has left or died", slot)

    def _forget(self, slot: int) -> None:
        self._drop(slot)
        unlink(self._names(slot))

    def _drop(self, slot: int) -> None:
        channel = self._channels.pop(slot, None)
        if channel is not None:
            channel.close()

    def _ring_for_the_forgotten(self) -> None:
        """Recover from a lost wake-up: ring for every channel that has a request though nobody rang."""
        for slot, channel in self._channels.items():
            if channel.request.seems_full():
                self._control.map[self._control.rung_flag(slot)] = 1
                self._doorbell.release()

    def _names(self, slot: int) -> names.ChannelNames:
        return names.slot(self._control.name, self._control.generation, slot)


def _nothing() -> None:
    """What to recheck between the slices of a wait that is one slice long."""
