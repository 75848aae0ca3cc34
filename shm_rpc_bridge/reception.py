"""Clients of a server come and leave: its channels, the lives under its name, deaths, and what is told of it."""

import contextlib
import logging
from time import monotonic
from typing import Callable, Dict, List, Set

from . import channel as channels
from . import counted, posix
from .buffer import Terms
from .codec import TRUSTING
from .exceptions import RPCTransportError
from .header import Offer
from .life import Life
from .multiplexed import Turns
from .scratch import InPlace, Scratch
from .served import Served, names_of
from .statistics import Figures, Statistics
from .waiting import Waiter

logger = logging.getLogger("shm_rpc_bridge")

_SWEEP_INTERVAL = 0.5
"""Seconds between looks for dead clients: what one leaves is gone within a second. All that wakes an idle server."""


class Reception:
    """Opened by the server's process and closed by it; a client that misbehaves or dies costs its own channel.

    All of it is one thread's; others may only call :meth:`wake` and :meth:`abandon`.
    """

    def __init__(self, name: str, offer: Offer, wait: str) -> None:
        self._name = name
        self._offer = offer
        self._wait = wait
        self.lends_to: Set[str] = set()
        """Names of methods that get views of what they are called with."""
        scratch = InPlace() if offer.codec in TRUSTING else Scratch()
        self._terms = Terms(offer.max_message_size, wait, _nothing, scratch=scratch, lends_to=self.lends_to)
        self._channels: Dict[int, Served] = {}
        self._circle: List[Served] = []  # the same, in the order of their turns
        self._circle_is_old = False
        self._leaving: List[Served] = []  # of the life before, when the name had to be taken again
        self._last = self._step = 0
        self._turns = Turns()
        self._has_unheard = False  # rings that were taken while a client had its turn for which nobody rings
        self.is_closed = False
        self._is_abandoned = False
        self._next_sweep = 0.0
        self._opening: posix.Held = []  # what there is of the channel that is being opened
        self._has_lost_its_name = False
        self._is_shared = False
        self._lives = [Life(name)]  # the present one last
        self._counted = counted.Counted()
        self.on_look: Callable[[], None] = _nothing
        """Called twice a second, while it looks after its channels."""

    def open(self) -> None:
        """Take the name, so that clients can connect. Raises RPCTransportError; what there is then, this lets go."""
        try:
            self._adopt(self._lives[0])
        except BaseException:
            self.close()
            raise

    def _adopt(self, life: Life) -> None:
        """Begin that life and serve its clients."""
        life.begin(self._offer)
        self._control = life.control
        self._doorbell = life.doorbell
        self._waiter = Waiter(life.doorbell, self._wait, _nothing, _SWEEP_INTERVAL)
        self._parker = Waiter(life.doorbell, "block", _nothing, _SWEEP_INTERVAL)
        self._counted.wait_by(self._waiter, self._parker)
        self.park_at_once(self._is_shared)

    def park_at_once(self, is_shared: bool) -> None:
        """Whether other threads of this process work for it: a thread that looks for a request keeps the GIL."""
        self._is_shared = is_shared
        self._wait_for_bell = (self._parker if is_shared else self._waiter).wait

    def objects_kept(self, client: int) -> int:
        """How many objects are kept for the channels of that process."""
        served = [*self._channels.values(), *self._leaving]
        return sum(len(each.objects) for each in served if each.objects and each.request.creator() == client)

    def write_figures(self, failed: int, methods: Dict[str, Figures]) -> None:
        """Have it stand in the control segment what was counted by now; `failed` and `methods` were by others.

        From any thread; ValueError where the server's own has just closed a channel, or the server.
        """
        responses = [each.response for each in (*self._channels.values(), *self._leaving)]
        self._counted.write(self._control, list(self._channels), responses, failed, methods)

    def statistics(self) -> Statistics:
        """Read the counts."""
        return counted.read(self._control)

    def wake(self) -> None:
        """Make :meth:`next_request` return soon. From any thread or signal handler."""
        with contextlib.suppress(posix.Closed, AttributeError):  # closed, or not open yet: there is nobody to wake
            self._doorbell.release()

    def abandon(self) -> None:
        """Tell the clients and remove every name while a thread may still serve: nothing is unmapped. Idempotent."""
        if self._is_abandoned:
            return
        for life in list(self._lives):
            if life.has_begun and not life.is_inherited:
                for slot in life.control.slots_in_use():
                    channels.unlink(names_of(life.control, slot))
            life.remove_names()
        if not self._lives[-1].is_inherited:
            for served in [*self._channels.values(), *self._leaving]:
                with contextlib.suppress(posix.Closed, OSError):  # just now, by the thread that serves
                    served.response.interrupt_reader()
        self._is_abandoned = True

    def close(self) -> None:
        """Tell the clients, remove every name, release everything. Idempotent. In a forked child: release only."""
        self.is_closed = True
        self.abandon()
        for served in [*self._channels.values(), *self._leaving]:
            self._drop(served)
        posix.let_go(self._opening)
        while self._lives:
            self._lives[-1].end()
            self._lives.pop()

    def look_after(self) -> None:
        """Twice a second, by :meth:`next_request`: for those who died, for memory that is not used, for the name."""
        now = monotonic()
        if now < self._next_sweep:
            return
        self._next_sweep = now + _SWEEP_INTERVAL
        assert self._terms.scratch is not None
        self._drop_leaving()
        self._sweep(self._control.without_owner(self._control.slots_in_use()))
        self._terms.scratch.give_back_if_unused()
        self.on_look()
        if self._control.is_ready() and not self._control.is_linked():  # and not given up by abandon()
            self._take_name_again()

    def _take_name_again(self) -> None:
        """The server's name was removed though it lives: begin another life under it, or say who has it now."""
        old = self._control
        life = Life(self._name)
        self._lives.append(life)
        try:
            self._adopt(life)
        except RPCTransportError as error:
            self._lives.remove(life)
            life.end()
            if not self._has_lost_its_name:
                self._has_lost_its_name = True
                logger.error(
                    "the name of server %r was removed from shared memory while it lives, and cannot be taken again: "
                    "%s. Clients that are connected go on with this server, new ones reach the other: stop one of them",
                    *(self._name, error),
                )
            return
        self._has_lost_its_name = False
        logger.warning(
            "the name of server %r was removed from shared memory while it lives; it has taken it again, its clients "
            "connect anew. What removes it? systemd does at log-out (loginctl enable-linger, or RemoveIPC=no in "
            "logind.conf), and so do cleaners of temporary files",
            self._name,
        )
        old.leave()
        # Whoever has sent a request by now is answered; the next one comes on a new channel.
        self._leaving += self._channels.values()
        self._channels = {}
        for served in self._leaving:
            if served.request.seems_full():
                self._doorbell.release()

    def _drop_leaving(self) -> None:
        """Let go of the life before the present one, whose clients have had the time to leave it."""
        for served in list(self._leaving):
            if served.request.seems_full():
                self._doorbell.release()  # its own bell is not heard any more
            elif not served.under_way and served.response not in self._turns.owing:
                served.response.interrupt_reader()
                self._drop(served)
        while len(self._lives) > 1 and not self._leaving:
            self._lives[0].end()
            self._lives.pop(0)

    def _look_who_rang(self) -> None:
        """It was no request: open the channels that are announced, free the slots that were left."""
        self._open_announced()
        self._sweep(self._control.slots_left())

    def _open_announced(self) -> None:
        while (slot := self._control.next_announced()) is not None:
            self._accept(slot)

    def _accept(self, slot: int) -> None:
        token = self._control.token(slot)
        served = self._channels.get(slot)
        if served is not None:
            if served.token == token:  # announced once more: see Control.next_announced
                return
            self._drop(served)  # its client has left, and another came before that was seen
        held = self._opening = []
        try:
            served = Served.open(self._control, slot, token, self._terms, self._turns, held)
            channels.unlink(names_of(self._control, slot))
        except posix.NotFoundError as error:  # its client has closed it again; or, of one that waits, somebody else
            posix.let_go(held)
            logger.debug("channel %d of server %r cannot be opened: %s", slot, self._name, error)
            self._control.refuse(slot, token)
            return
        except (RPCTransportError, MemoryError) as error:
            posix.let_go(held)
            self._log_refusal(slot, str(error) or type(error).__name__)
            self._control.refuse(slot, token)
            return
        logger.debug("channel %d opened", slot)
        self._channels[slot] = served
        self._circle_is_old = True
        self._counted.opened += 1

    def _sweep(self, slots: List[int]) -> None:
        """Free those of `slots` whose clients have left or died."""
        for slot in slots:
            if self._control.reclaim(slot, lambda slot=slot: self._forget(slot)):  # type: ignore[misc]
                logger.debug("channel %d closed: its client has left or died", slot)

    def _forget(self, slot: int) -> None:
        if slot in self._channels:
            self._drop(self._channels[slot])
        self._counted.left(self._control, slot)
        self._control.forget_memory_of(slot)
        channels.unlink(names_of(self._control, slot))

    def _refuse(self, served: Served, why: str) -> None:
        """Have nothing more to do with a client that lives: it is told, and its next call comes on a new channel."""
        self._log_refusal(served.slot, why)
        self._counted.refused += 1
        self._control.refuse(served.slot, served.token)
        served.response.interrupt_reader()
        self._drop(served)

    def _log_refusal(self, slot: int, why: str) -> None:
        logger.warning("channel %d of server %r refused: %s", slot, self._name, why)

    def _drop(self, served: Served) -> None:
        self._circle_is_old = True
        if served.held and not self.is_closed:  # as it is in a forked child, where nothing is mapped any more
            self._counted.closed(served.response)
        served.let_go()
        if self._channels.get(served.slot) is served:
            del self._channels[served.slot]
        elif served in self._leaving:
            self._leaving.remove(served)


def _nothing() -> None:
    """What to recheck between the slices of a wait that is one slice long."""
