"""A server's control segment, from both sides: who serves, whether it is alive, which slots are taken.

The server holds the lock on one byte of it for life, each client the lock on its slot's byte. The kernel releases a
lock when its holder dies, however it comes, so there is nothing here that a death could leave behind held.
"""

import logging
import os
from typing import Callable, List, Optional, Tuple

from . import layout, names, posix
from .exceptions import RPCTransportError

logger = logging.getLogger("shm_rpc_bridge")


class Control:
    """The control segment of one server, opened by the server or by a client. One process; closed by its owner."""

    def __init__(self, name: str, segment: posix.Segment, lock_file: posix.LockFile) -> None:
        self.name = name
        self.map = segment.map
        self._segment = segment
        self._lock_file = lock_file
        header = layout.CONTROL.unpack_from(segment.map, 0)
        (
            _,
            _,
            self.max_channels,
            self.server_pid,
            _,
            self.generation,
            self.max_message_size,
            self.buffer_size,
        ) = header

    @classmethod
    def create(cls, name: str, max_channels: int, buffer_size: int, max_message_size: int) -> "Control":
        """The control segment of a new server. Raises RPCTransportError when a living one has the name.

        What a dead server of that name has left behind is removed.
        """
        segment, lock_file = _create_locked(name, layout.control_size(max_channels))
        generation = int.from_bytes(os.urandom(6), "big")
        identity = layout.CONTROL_MAGIC, layout.VERSION, max_channels, os.getpid(), layout.CREATING
        layout.CONTROL.pack_into(segment.map, 0, *identity, generation, max_message_size, buffer_size)
        own = names.generation_prefix(name, generation)
        for listed in posix.list_own_objects(names.control(name) + ":"):
            if not listed.name.startswith(own):
                posix.unlink_object(listed)
        return cls(name, segment, lock_file)

    @classmethod
    def open(cls, name: str) -> "Control":
        """The control segment of a running server. Raises NotFoundError when there is none yet or it is dead."""
        control_name = names.control(name)
        missing = f"Cannot find shared memory {control_name!r}: start the server {name!r} first"
        try:
            lock_file = posix.open_lock_file(control_name)
        except posix.NotFoundError:
            raise posix.NotFoundError(missing) from None
        try:
            header = lock_file.read(layout.CONTROL_HEADER_SIZE)
            if not lock_file.is_locked(layout.SERVER_LOCK):
                pid = server_pid(header)
                raise posix.NotFoundError(f"{missing} (process {pid}, which served it, is dead)" if pid else missing)
            size = _checked_size(control_name, header, missing)
            segment = posix.open_segment(control_name, size)
        except BaseException:
            lock_file.close()
            raise
        return cls(name, segment, lock_file)

    def publish(self) -> None:
        """Say that the server can be connected to. Everything it consists of has been created by now."""
        self.map[layout.CONTROL_STATE_OFFSET] = layout.READY

    def is_ready(self) -> bool:
        """False once the server has closed, or another one has taken its name."""
        return self.map[layout.CONTROL_STATE_OFFSET] == layout.READY

    def server_is_alive(self) -> bool:
        """As the kernel knows it. For clients; about a microsecond."""
        return self._lock_file.is_locked(layout.SERVER_LOCK)

    # Slots, from the client's side

    def claim_slot(self) -> int:
        """Take a free slot and keep its lock. Not for two threads at once. RPCTransportError when all are taken."""
        slot = -1
        while True:
            slot = self._find(layout.SLOT_FREE, slot + 1)
            if slot < 0:
                raise RPCTransportError(
                    f"server {self.name!r} has all its {self.max_channels} channels in use: "
                    "close some clients or start it with a larger max_channels"
                )
            if self._lock_file.try_lock(layout.slot_lock(slot)):
                if self._state(slot) == layout.SLOT_FREE:
                    self._set_state(slot, layout.SLOT_CLAIMED)
                    return slot
                self._lock_file.unlock(layout.slot_lock(slot))  # taken and left again in between; the server's now

    def announce_slot(self, slot: int) -> None:
        """Say that the channel of a claimed slot exists."""
        self._set_state(slot, layout.SLOT_READY)

    def is_refused(self, slot: int) -> bool:
        """Whether the server has refused the channel of a slot."""
        return self._state(slot) == layout.SLOT_REFUSED

    def release_slot(self, slot: int) -> None:
        """Give a slot up. From here on it is the server's to reclaim."""
        self._set_state(slot, layout.SLOT_LEFT)
        self._lock_file.unlock(layout.slot_lock(slot))

    # Slots, from the server's side

    def next_announced(self) -> Optional[int]:
        """A slot whose channel waits to be opened; from now on it counts as served."""
        slot = self._find(layout.SLOT_READY)
        if slot < 0:
            return None
        self._set_state(slot, layout.SLOT_SERVED)
        return slot

    def refuse_slot(self, slot: int) -> None:
        """Say that the channel of a slot is not served, or not any more. It stays its client's to give up."""
        self._set_state(slot, layout.SLOT_REFUSED)

    def slots_left(self) -> List[int]:
        """Slots whose clients say that they have closed."""
        return [slot for slot, state in enumerate(self._states()) if state == layout.SLOT_LEFT]

    def slots_in_use(self) -> List[int]:
        """Slots that are not free, in order."""
        return [slot for slot, state in enumerate(self._states()) if state != layout.SLOT_FREE]

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

    def _find(self, state: int, first: int = 0) -> int:
        """The next slot from `first` on in that state, or -1."""
        states = layout.CONTROL_HEADER_SIZE
        found = self.map.find(bytes([state]), states + first, states + self.max_channels)
        return found - states if found >= 0 else -1

    def _states(self) -> bytes:
        """The states of all slots up to the last that is not free: an idle server looks at them ten times a second."""
        return self.map[layout.CONTROL_HEADER_SIZE : layout.control_size(self.max_channels)].rstrip(b"\0")

    def _state(self, slot: int) -> int:
        return self.map[layout.CONTROL_HEADER_SIZE + slot]

    def _set_state(self, slot: int, state: int) -> None:
        self.map[layout.CONTROL_HEADER_SIZE + slot] = state

    def is_owned(self) -> bool:
        """False in a child of the process that opened it: locks, and with them ownership, stay with the parent."""
        return not self._lock_file.is_closed

    def close(self, remove: bool) -> None:
        """Release it; with `remove` (the server's way) tell the clients and take its name away first. Idempotent."""
        if self._segment.is_closed:
            return
        if remove and self.is_owned():
            self.map[layout.CONTROL_STATE_OFFSET] = layout.CLOSED
            if self._segment.is_linked():
                posix.unlink_segment(names.control(self.name))
        self._lock_file.close()
        self._segment.close()


def _create_locked(name: str, size: int) -> Tuple[posix.Segment, posix.LockFile]:
    """A new control segment and the lock that makes its name ours. Whoever dies on the way here is in nobody's way."""
    control_name = names.control(name)
    while True:
        try:
            segment = posix.create_segment(control_name, size)
        except posix.AlreadyExistsError:
            _remove_dead(name, control_name)
            continue
        try:
            lock_file = posix.open_lock_file(control_name)
            if lock_file.try_lock(layout.SERVER_LOCK) and segment.is_linked():
                return segment, lock_file
            lock_file.close()
        except posix.NotFoundError:
            pass  # another starting server took ours for dead before it was locked
        segment.close()


def _remove_dead(name: str, control_name: str) -> None:
    """Remove a control segment whose owner is dead; raise when it is alive."""
    try:
        lock_file = posix.open_lock_file(control_name)
    except posix.NotFoundError:
        return
    try:
        pid = server_pid(lock_file.read(layout.CONTROL_HEADER_SIZE))
        if pid and not lock_file.is_locked(layout.SERVER_LOCK):
            # Its header came after its lock, so it is dead. Said before the lock is taken, by which clients judge:
            # those it had connect anew on their next call, and none comes in the meantime.
            lock_file.write(bytes([layout.CLOSED]), layout.CONTROL_STATE_OFFSET)
        if not lock_file.try_lock(layout.SERVER_LOCK):
            raise RPCTransportError(f"server name {name!r} is in use" + (f" by process {pid}" if pid else ""))
        if lock_file.is_linked():  # else another starting server has removed it
            posix.unlink_segment(control_name)
            logger.info("removed what the dead server %r (process %d) had left", name, pid)
    finally:
        lock_file.close()


def server_pid(header: bytes) -> int:
    """The process that a control segment's header names; 0 when it is no such header."""
    if len(header) < layout.CONTROL_HEADER_SIZE or not header.startswith(layout.CONTROL_MAGIC):
        return 0
    return int(layout.CONTROL.unpack_from(header, 0)[3])


def _checked_size(control_name: str, header: bytes, missing: str) -> int:
    """The size that a served control segment must have, from its header, or an error saying what is wrong."""
    if not header.strip(b"\0"):
        raise posix.NotFoundError(f"{missing} (it is starting)")
    if len(header) < layout.CONTROL_HEADER_SIZE:
        raise RPCTransportError(f"{control_name} is too short: {len(header)} bytes")
    magic, version, max_channels, _, state, *_ = layout.CONTROL.unpack_from(header, 0)
    if state == layout.CREATING:  # and the rest of the header perhaps half written
        raise posix.NotFoundError(f"{missing} (it is starting)")
    if magic != layout.CONTROL_MAGIC:
        raise RPCTransportError(f"{control_name} is no control segment: it begins with {magic!r}")
    if version != layout.VERSION:
        raise RPCTransportError(f"{control_name} has layout version {version}, this library {layout.VERSION}")
    if state != layout.READY:
        raise posix.NotFoundError(f"{missing} (it has closed)")
    return layout.control_size(max_channels)
