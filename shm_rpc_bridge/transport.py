"""SharedMemoryTransport: a channel that is used on its own, as a safe byte pipe between two processes."""

import contextlib
from collections import deque
from typing import Deque, Optional

from . import layout, names, posix
from .buffer import Buffer, Message
from .channel import DEFAULT_BUFFER_SIZE, DEFAULT_MAX_MESSAGE_SIZE, Channel, unlink, validated_sizes
from .exceptions import RPCTransportError
from .waiting import deadline_after, retry_until, validated_strategy


class SharedMemoryTransport:
    """A pair of byte messages' ways between two processes: requests one way, responses the other.

    One process calls :meth:`create`, the other :meth:`open`; either may be the one that sends requests. In each
    process one thread at a time may send and one receive; :meth:`close` may be called from any thread and wakes a
    waiting one with RPCTransportError. Each process closes its own end. At most one message is under way in each
    direction: sending waits until the previous one was taken. A transport does not survive ``fork``: create or open
    it in the process that uses it.
    """

    DEFAULT_BUFFER_SIZE = DEFAULT_BUFFER_SIZE
    DEFAULT_MAX_MESSAGE_SIZE = DEFAULT_MAX_MESSAGE_SIZE

    def __init__(self, name: str, lock_file: posix.LockFile, is_creator: bool) -> None:
        """Not for users: see :meth:`create` and :meth:`open`."""
        self.name = name
        self._lock_file = lock_file
        self._is_creator = is_creator
        self._closed = False
        # One entry per thread inside a method, the buffer that it reads or writes; appending and popping are atomic.
        self._reading: Deque[Buffer] = deque()
        self._writing: Deque[Buffer] = deque()
        self._unreleased: Deque[None] = deque([None])  # taken by whoever releases the memory
        self._sequence = 0
        self._answering = 0
        self._channel: Channel

    @classmethod
    def create(
        cls,
        name: str,
        buffer_size: int = DEFAULT_BUFFER_SIZE,
        *,
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
        wait: str = "adaptive",
    ) -> "SharedMemoryTransport":
        """Create the channel `name` and hold it until closed.

        `buffer_size`: bytes each direction has room for at first; it grows up to `max_message_size`, bytes. `wait`:
        "adaptive" (spin for tens of microseconds, then park), "block" (park at once) or "spin" (burn a core).
        Raises RPCTransportError when a living process has it, or /dev/shm is full.
        """
        channel_names = names.transport(names.validated(name))
        validated_sizes(buffer_size, max_message_size)
        validated_strategy(wait)
        _remove_abandoned(name, channel_names)
        end: SharedMemoryTransport
        channel = Channel.create(
            channel_names, buffer_size, buffer_size, max_message_size, wait, lambda: end._recheck()
        )
        try:
            lock_file = _lock_as_creator(name, channel)
        except BaseException:
            if channel.is_linked():  # else the names are another creator's by now
                unlink(channel_names)
            channel.close()
            raise
        end = cls(name, lock_file, is_creator=True)
        end._channel = channel
        return end

    @classmethod
    def open(cls, name: str, *, wait_for: float = 0.0, wait: str = "adaptive") -> "SharedMemoryTransport":
        """Open the channel that another process has created, waiting up to `wait_for` seconds for it to appear.

        Raises RPCTransportError when there is none, its creator is dead, or another process has opened it.
        """
        channel_names = names.transport(names.validated(name))
        validated_strategy(wait)
        deadline = deadline_after(wait_for, "wait_for")
        end: SharedMemoryTransport
        lock_file = retry_until(deadline, posix.NotFoundError, lambda: _lock_as_opener(name, channel_names.request))
        try:
            channel = Channel.open(channel_names, layout.LARGEST_MESSAGE, wait, lambda: end._recheck())
        except BaseException:
            lock_file.close()
            raise
        end = cls(name, lock_file, is_creator=False)
        end._channel = channel
        return end

    # Each method is written out, not shared: this is the hot path, where another function call is measurable.

    def send_request(self, message: Message, timeout: Optional[float] = None) -> None:
        """Send one request; waits up to `timeout` seconds (None: for ever) until the previous one was taken.

        Raises RPCTimeoutError, and RPCTransportError when the peer is gone, the message is larger than
        max_message_size or does not fit into memory: the transport is then as it was before.
        """
        request = self._channel.request
        self._enter(self._writing, request)
        try:
            sequence = self._sequence + 1
            request.send(as_bytes(message), sequence, deadline_after(timeout))
            self._sequence = sequence  # only now is the response to the one before no longer wanted
        finally:
            self._leave(self._writing)

    def receive_request(self, timeout: Optional[float] = None) -> bytes:
        """The next request, waiting for it up to `timeout` seconds (None: for ever)."""
        request = self._channel.request
        self._enter(self._reading, request)
        try:
            request.release_view()
            self._answering, message = request.receive(deadline_after(timeout))
            if self._closed:  # woken by close(), not by a message
                self._recheck()
            return message
        finally:
            self._leave(self._reading)

    def view_request(self, timeout: Optional[float] = None) -> memoryview:
        """As :meth:`receive_request` without the copy: read-only memory, until requests are received again.

        From then on the view is released and using it is a ValueError; slices of it must be released before.
        Meant for messages from some 64 KiB up, where the copy costs more than the care.
        """
        request = self._channel.request
        self._enter(self._reading, request)
        try:
            request.release_view()
            self._answering, view = request.receive_view(deadline_after(timeout))
            if self._closed:
                self._recheck()
            return view
        finally:
            self._leave(self._reading)

    def send_response(self, message: Message, timeout: Optional[float] = None) -> None:
        """Send the response to the request received last. Raises as :meth:`send_request` does."""
        response = self._channel.response
        self._enter(self._writing, response)
        try:
            response.send(as_bytes(message), self._answering, deadline_after(timeout))
        finally:
            self._leave(self._writing)

    def receive_response(self, timeout: Optional[float] = None) -> bytes:
        """The response to the request sent last; responses to earlier ones, which timed out, are dropped."""
        response = self._channel.response
        self._enter(self._reading, response)
        try:
            deadline = deadline_after(timeout)
            response.release_view()
            while True:
                sequence, message = response.receive(deadline)
                if sequence == self._sequence and not self._closed:
                    return message
                self._recheck()
        finally:
            self._leave(self._reading)

    def view_response(self, timeout: Optional[float] = None) -> memoryview:
        """As :meth:`receive_response` without the copy: read-only memory, until responses are received again."""
        response = self._channel.response
        self._enter(self._reading, response)
        try:
            deadline = deadline_after(timeout)
            response.release_view()
            while True:
                sequence, view = response.receive_view(deadline)
                if sequence == self._sequence and not self._closed:
                    return view
                response.release_view()
                self._recheck()
        finally:
            self._leave(self._reading)

    def close(self) -> None:
        """Close this end. Idempotent. A thread that waits for a message in it gets RPCTransportError at once, one that
        waits to send and the peer within 0.1 s.
        """
        self._closed = True
        if (self._reading or self._writing) and not self._lock_file.is_closed:  # a forked child has no other threads
            # Whoever is inside releases the memory when it leaves. Only what this end reads is posted: to the peer it
            # would be a message.
            for buffer in tuple(self._reading):
                with contextlib.suppress(posix.Closed):  # its reader has left in the meantime
                    buffer.interrupt_reader()
        else:
            self._release()

    def __enter__(self) -> "SharedMemoryTransport":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _enter(self, inside: Deque[Buffer], buffer: Buffer) -> None:
        inside.append(buffer)
        if self._closed:
            self._leave(inside)
            raise RPCTransportError(f"transport {self.name!r} is closed")

    def _leave(self, inside: Deque[Buffer]) -> None:
        inside.pop()  # one thread at a time reads and one writes, so the last is this one's
        if self._closed and not self._reading and not self._writing:
            self._release()

    def _release(self) -> None:
        try:
            self._unreleased.pop()
        except IndexError:
            return
        # In a forked child the lock file is closed already: the names are the parent's.
        if self._is_creator and not self._lock_file.is_closed and self._channel.is_linked():
            unlink(names.transport(self.name))
        self._lock_file.close()
        self._channel.close()

    def _recheck(self) -> None:
        if self._closed:
            raise RPCTransportError(f"transport {self.name!r} was closed")
        peer = layout.OPENER_LOCK if self._is_creator else layout.CREATOR_LOCK
        # A creator's peer has been there once the names are gone: before that it is awaited, not dead.
        if not self._lock_file.is_locked(peer) and not (self._is_creator and self._channel.is_linked()):
            raise RPCTransportError(f"the peer of transport {self.name!r} has closed it or died")


def as_bytes(message: Message) -> Message:
    """`message` itself if it is bytes, a flat view of its bytes if it is another buffer, else ``TypeError``."""
    if type(message) is bytes:
        return message
    view = memoryview(message)
    return view.cast("B") if view.c_contiguous else view.tobytes()


def _remove_abandoned(name: str, channel_names: names.ChannelNames) -> None:
    """Make way for a new channel: remove what a dead creator has left, refuse what a living one holds."""
    try:
        lock_file = posix.open_lock_file(channel_names.request)
    except posix.NotFoundError:
        unlink(channel_names)  # what was created before the request region and then abandoned
        return
    try:
        if not lock_file.try_lock(layout.CREATOR_LOCK):
            raise RPCTransportError(f"transport {name!r} is in use: another process has created it")
        unlink(channel_names)
    finally:
        lock_file.close()


def _lock_as_creator(name: str, channel: Channel) -> posix.LockFile:
    """Lock a channel just created, unless another creator has taken it for dead in between and removed its names."""
    lock_file = posix.open_lock_file(names.transport(name).request)
    # Nobody opens it before the lock; afterwards an opener may have come already and removed the names itself.
    if (
        channel.is_linked()
        and lock_file.try_lock(layout.CREATOR_LOCK)
        and (channel.is_linked() or lock_file.is_locked(layout.OPENER_LOCK))
    ):
        return lock_file
    lock_file.close()
    raise RPCTransportError(f"transport {name!r} is in use: another process is creating it")


def _lock_as_opener(name: str, segment_name: str) -> posix.LockFile:
    try:
        lock_file = posix.open_lock_file(segment_name)
    except posix.NotFoundError:
        raise posix.NotFoundError(
            f"Cannot find shared memory {segment_name!r}: transport {name!r} must be created first"
        ) from None
    if not lock_file.is_locked(layout.CREATOR_LOCK):
        lock_file.close()
        raise posix.NotFoundError(
            f"Cannot find shared memory {segment_name!r}: who created transport {name!r} is dead or not done yet"
        )
    if not lock_file.try_lock(layout.OPENER_LOCK):
        lock_file.close()
        raise RPCTransportError(f"transport {name!r} is in use: another process has opened it")
    return lock_file
