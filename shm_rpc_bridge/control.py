"""A server's control segment, from both sides: who serves, whether it is alive, which slots are taken.

The server holds the lock on one byte of it for life, each client the lock on its slot's byte. The kernel releases a
lock when its holder dies, however it comes, so there is nothing here that a death could leave behind held. The segment
gets its public name when it is complete and locked: what has that name is alive, or dead for good.
"""

import contextlib
import os
from time import sleep
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import layout, names, posix
from .exceptions import RPCTransportError
from .header import Header, Offer, checked_size, read_header, remove_dead, why_dead
from .statistics import memory_in_use

_CLAIM_PAUSES = (0.0, 0.0005, 0.001, 0.002, 0.004, 0.008)
"""Seconds between attempts to claim a slot that is not in use and cannot be had, since its lock is held for an instant;
or memory, which the server is just letting go."""

_MANY = 200
"""Slots from which on one look at all locks is cheaper than one at each."""


class Control:
    """The control segment of one server, opened by the server or by a client. One process; its owner lets go of it."""

    def __init__(self, name: str, segment: posix.Segment, lock_file: posix.LockFile) -> None:
        self.name = name
        self.map = segment.map
        self._segment = segment
        self._lock_file = lock_file
        header = Header(*layout.CONTROL.unpack_from(segment.map, 0))
        self.max_channels = header.max_channels
        self.generation = header.generation
        self.max_message_size = header.max_message_size
        self.buffer_size = header.buffer_size
        self.process = header.process
        self.codec = header.codec_name
        self.methods = header.methods
        self.max_memory = header.max_memory
        self._claimed: Dict[int, object] = {}

    @classmethod
    def create(cls, name: str, generation: int, offer: Offer, held: posix.Held) -> "Control":
        """The control segment of a new server, noted in `held`; nobody finds it before :meth:`publish`."""
        unpublished = names.generation_prefix(name, generation)
        segment = posix.create_segment(unpublished, layout.control_size(offer.max_channels, offer.methods), held)
        lock_file = posix.open_lock_file(unpublished, held)
        lock_file.try_lock(layout.SERVER_LOCK)  # nobody else asks for it
        process = posix.this_process()
        header = Header(
            *(layout.CONTROL_MAGIC, layout.VERSION, offer.max_channels, process.pid, layout.READY, posix.LIBC),
            *(
                offer.methods,
                generation,
                offer.max_message_size,
                offer.buffer_size,
                process.start_time,
                process.namespace,
            ),
            *(offer.codec.encode(), offer.max_memory),
        )
        layout.CONTROL.pack_into(segment.map, 0, *header)
        return cls(name, segment, lock_file)

    @classmethod
    def open(cls, name: str, held: posix.Held) -> "Control":
        """The control segment of a running server. Raises NotFoundError when there is none yet or it is dead."""
        control_name = names.control(name)
        missing = f"Cannot find shared memory {control_name!r}: start the server {name!r} first"
        try:
            lock_file = posix.open_lock_file(control_name, held)
        except posix.NotFoundError:
            raise posix.NotFoundError(missing) from None
        first_bytes = lock_file.read(layout.CONTROL_HEADER_SIZE)
        header = read_header(first_bytes)
        if header is not None:
            why = why_dead(lock_file, header)
            if why:
                raise posix.NotFoundError(f"{missing} ({posix.described(header.process)}, which served it, {why})")
        size = checked_size(control_name, first_bytes, header, missing)
        return cls(name, posix.open_segment(control_name, size, held), lock_file)

    def publish(self) -> None:
        """Take the name, so that clients can connect. Everything the server consists of has been created by now.

        What a dead server of that name has left behind, or one that came too late, is removed. RPCTransportError when
        a living one has the name, NotFoundError when that has removed this one already.
        """
        public, own = names.control(self.name), names.generation_prefix(self.name, self.generation)
        while not posix.link_segment(own, public):
            remove_dead(self.name, public)
        posix.unlink_segment(own)
        for listed in posix.list_own_objects(public + ":"):
            if not listed.name.startswith(own) and not listed.odd:
                posix.unlink_object(listed)

    def is_ready(self) -> bool:
        """False once the server has closed, or another one has taken its name."""
        return self.map[layout.CONTROL_STATE_OFFSET] == layout.READY

    def is_serving(self) -> bool:
        """Whether those who wait are still answered."""
        return self.map[layout.CONTROL_STATE_OFFSET] in (layout.READY, layout.LEAVING)

    def leave(self) -> None:
        """Let the clients connect to another life of this server on their next call."""
        self.map[layout.CONTROL_STATE_OFFSET] = layout.LEAVING

    def is_linked(self) -> bool:
        """Whether it still has a name."""
        return self._segment.is_linked()

    def why_server_is_dead(self) -> str:
        """For clients, about 20 microseconds: "is dead ...", or "" while it lives."""
        return why_dead(self._lock_file, read_header(self.map[: layout.CONTROL_HEADER_SIZE]))

    def forget_memory(self) -> None:
        """Once its segment was let go. It is of no use from here on."""
        self.map = posix.no_memory()

    # Slots, from the client's side

    def claim_slot(self, owner: object, token: int) -> int:
        """Take a free slot and keep its lock, for `owner`, which calls :meth:`leave_slots` whether this raises or not.

        `token` is how the objects of its channel will be named: should their maker die, the server finds them by it.
        RPCTransportError when all are taken. May be interrupted by itself in the same thread, not by another thread.
        """
        for pause in _CLAIM_PAUSES:
            slot = self._claimed_slot(owner, token)
            if slot >= 0:
                return slot
            if self._next_slot(layout.SLOT_LEFT) < 0 and self._next_slot(layout.SLOT_FREE) < 0:
                break  # in this order: one that is left becomes free, maybe just now
            sleep(pause)  # the server is just freeing one, or another client claiming it
        raise RPCTransportError(
            f"server {self.name!r} has all its {self.max_channels} channels in use: "
            "close some clients or start it with a larger max_channels"
        )

    def _claimed_slot(self, owner: object, token: int) -> int:
        """-1 when none can be had just now."""
        for state in (layout.SLOT_FREE, layout.SLOT_LEFT):
            slot = -1
            while (slot := self._next_slot(state, slot + 1)) >= 0:
                if self._claimed.setdefault(slot, owner) is not owner:
                    continue  # the lock would not tell: it is the same process's
                if self._lock_file.try_lock(layout.slot_lock(slot)):
                    if self._state(slot) == state:
                        layout.TOKEN.pack_into(self.map, layout.token_offset(self.max_channels, slot), token)
                        self._set_state(slot, layout.SLOT_CLAIMED)
                        return slot
                    self._lock_file.unlock(layout.slot_lock(slot))  # taken and left again in between
                self._claimed.pop(slot, None)
        return -1

    def announce_slot(self, slot: int) -> None:
        """Say that the channel of a claimed slot exists."""
        self._set_state(slot, layout.SLOT_READY)

    def claim_memory(self, slot: int, is_response: bool, size: int) -> None:
        """Note that a region of that slot's channel is to be that large. RPCTransportError when all are too large then.

        Of two that claim at once both may be refused where there is room for one: each writes first, and then adds up.
        A client waits a moment first, for what others have closed, or it itself has, is the server's to let go.
        """
        for pause in () if is_response else _CLAIM_PAUSES:
            if self._has_claimed(slot, is_response, size):
                return
            sleep(pause)
        if not self._has_claimed(slot, is_response, size):
            in_use = memory_in_use(self.map, self.max_channels)
            raise RPCTransportError(
                f"the buffers of server {self.name!r} would have {in_use + size:,} bytes, max_memory is "
                f"{self.max_memory:,}: send less, close some clients or give the server a larger max_memory"
            )

    def _has_claimed(self, slot: int, is_response: bool, size: int) -> bool:
        place = layout.memory_offset(self.max_channels, slot, is_response)
        (before,) = layout.MEMORY.unpack_from(self.map, place)
        layout.MEMORY.pack_into(self.map, place, size)
        if not self.max_memory or size <= before:
            return True
        posix.fence()
        if memory_in_use(self.map, self.max_channels) <= self.max_memory:
            return True
        layout.MEMORY.pack_into(self.map, place, before)
        return False

    def forget_memory_of(self, slot: int) -> None:
        """The server's: its channel is no more."""
        for is_response in (False, True):
            layout.MEMORY.pack_into(self.map, layout.memory_offset(self.max_channels, slot, is_response), 0)

    def is_refused(self, slot: int, token: int) -> bool:
        """Whether the server has refused that channel."""
        return self._token(layout.refused_offset(self.max_channels, slot)) == token

    def note_wait(self, slot: int, since_ns: int, state: int, beginning: bytes) -> None:
        """Say what the client of a slot waits for, see :mod:`.statistics`; that it does not any more: with all zero."""
        offset, (*_, given_up, late, _, _, _) = self._wait(slot)
        beginning = beginning[: layout.WAIT_BEGINNING_SIZE]
        record = since_ns, os.getpid(), given_up, late, state, len(beginning), beginning
        layout.WAIT.pack_into(self.map, offset, *record)

    def note_given_up(self, slot: int, is_late: bool) -> None:
        """Count a call that its client has given up, after the server had taken it or before."""
        offset, (since, process, given_up, late, *rest) = self._wait(slot)
        record = since, process, (given_up + 1) & 0xFFFF, (late + is_late) & 0xFFFF, *rest
        layout.WAIT.pack_into(self.map, offset, *record)

    def given_up(self, slot: int) -> Tuple[int, int]:
        """How many its client has given up, and of these those that had been taken."""
        _, (_, _, given_up, late, *_) = self._wait(slot)
        return given_up, late

    def forget_wait(self, slot: int) -> None:
        """The server's: the client of a slot is gone."""
        layout.WAIT.pack_into(self.map, layout.wait_offset(self.max_channels, slot), 0, 0, 0, 0, 0, 0, b"")

    def _wait(self, slot: int) -> Tuple[int, Tuple[Any, ...]]:
        offset = layout.wait_offset(self.max_channels, slot)
        return offset, layout.WAIT.unpack_from(self.map, offset)

    def leave_slots(self, owner: object) -> None:
        """Give up what `owner` has claimed. From here on it is the server's to reclaim, or a client's to claim."""
        for slot in [slot for slot, claimed_by in list(self._claimed.items()) if claimed_by is owner]:
            # The lock is had already, unless the claim has failed; with all others, once the file is closed.
            if self.is_owned() and self._lock_file.try_lock(layout.slot_lock(slot)):
                self._set_state(slot, layout.SLOT_LEFT)
                self._lock_file.unlock(layout.slot_lock(slot))
            self._claimed.pop(slot, None)

    # Slots, from the server's side

    def next_announced(self) -> Optional[int]:
        """A slot whose channel waits to be opened; from now on it counts as served."""
        slot = self._next_slot(layout.SLOT_READY)
        if slot < 0:
            return None
        token = self.token(slot)
        self._set_state(slot, layout.SLOT_SERVED)
        if self.token(slot) != token:  # left and claimed again in between: its new owner may have announced it
            self._set_state(slot, layout.SLOT_READY)
        return slot

    def token(self, slot: int) -> int:
        """The token of the channel for which a slot was claimed last."""
        return self._token(layout.token_offset(self.max_channels, slot))

    def refuse(self, slot: int, token: int) -> None:
        """Say that a channel is not served, or not any more. Its slot stays its client's to give up."""
        layout.TOKEN.pack_into(self.map, layout.refused_offset(self.max_channels, slot), token)

    def is_left(self, slot: int, token: int) -> bool:
        """Whether the client of that channel has closed it, or is dead. From any thread, a few microseconds."""
        return (
            self._state(slot) != layout.SLOT_SERVED
            or self.token(slot) != token
            or not self._lock_file.is_locked(layout.slot_lock(slot))
        )

    def slots_left(self) -> List[int]:
        """Slots whose clients say that they have closed."""
        left, slot = [], -1
        while (slot := self._next_slot(layout.SLOT_LEFT, slot + 1)) >= 0:
            left.append(slot)
        return left

    def slots_in_use(self) -> List[int]:
        """Slots that are not free, in order."""
        return [slot for slot, state in enumerate(self._states()) if state != layout.SLOT_FREE]

    def without_owner(self, slots: List[int]) -> List[int]:
        """Those of `slots` whose owners may be gone; :meth:`reclaim` asks again. Quick for thousands, too."""
        if len(slots) > _MANY:
            locked = self._lock_file.locked_by_others()
            if locked is not None and layout.SERVER_LOCK in locked:  # else it does not show what this process can lock
                return [slot for slot in slots if layout.slot_lock(slot) not in locked]
        return slots

    def reclaim(self, slot: int, remove: Callable[[], None]) -> bool:
        """If the owner of `slot` is gone, call `remove` and free the slot; False while the owner lives."""
        lock = layout.slot_lock(slot)
        # Asked first, because it is cheaper than being refused: nearly every owner lives.
        if self._lock_file.is_locked(lock) or not self._lock_file.try_lock(lock):
            return False
        try:
            remove()
            self._set_state(slot, layout.SLOT_FREE)
        finally:
            self._lock_file.unlock(lock)
        return True

    def _next_slot(self, state: int, first: int = 0) -> int:
        """The next slot from `first` on in that state, or -1."""
        states = layout.CONTROL_HEADER_SIZE
        found = self.map.find(bytes([state]), states + first, states + self.max_channels)
        return found - states if found >= 0 else -1

    def _states(self) -> bytes:
        """The states of all slots up to the last that is not free: an idle server looks at them ten times a second."""
        first = layout.CONTROL_HEADER_SIZE
        return self.map[first : first + self.max_channels].rstrip(b"\0")

    def _state(self, slot: int) -> int:
        return self.map[layout.CONTROL_HEADER_SIZE + slot]

    def _set_state(self, slot: int, state: int) -> None:
        self.map[layout.CONTROL_HEADER_SIZE + slot] = state

    def _token(self, offset: int) -> int:
        return int(layout.TOKEN.unpack_from(self.map, offset)[0])

    def is_owned(self) -> bool:
        """False in a child of the process that opened it: locks, and with them ownership, stay with the parent."""
        return not self._lock_file.is_closed

    def withdraw_name(self) -> None:
        """The server's way to go: tell the clients and take its name away. Idempotent."""
        if self._segment.is_closed:
            return
        with contextlib.suppress(ValueError):  # its mapping is closed, but for which all is done once more
            self.map[layout.CONTROL_STATE_OFFSET] = layout.CLOSED
        posix.unlink_segment(names.generation_prefix(self.name, self.generation))
        if self._segment.is_linked():  # else the name is not ours (yet, or any more)
            posix.unlink_segment(names.control(self.name))
