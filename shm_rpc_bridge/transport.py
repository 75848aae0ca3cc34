"""SharedMemoryTransport: a channel that is used on its own, as a safe byte pipe between two processes."""

import contextlib
import os
import sys
import warnings
import weakref
from threading import get_ident
from types import CodeType, FrameType
from typing import Any, Callable, Optional, Set, Tuple, cast

from . import layout, names, posix, stacks
from .bounded import BoundedBuffer
from .buffer import Terms
from .channel import DEFAULT_BUFFER_SIZE, DEFAULT_MAX_MESSAGE_SIZE, validated_sizes
from .exceptions import RPCError, RPCTransportError
from .frames import Message
from .living import living
from .rendezvous import End
from .waiting import deadline_after, retry_until, validated_strategy


class SharedMemoryTransport:
    """A pair of byte messages' ways between two processes: requests one way, responses the other.

    One process calls :meth:`create`, the other :meth:`open`; either may be the one that sends requests. In each
    process one thread at a time may send and one receive, a second one is refused; :meth:`close` may be called from any
    thread and wakes a waiting one with RPCTransportError. Each process closes its own end. At most one message is under
    way in each direction: sending waits until the previous one was taken. What the handler of a signal raises leaves
    both directions usable: a message is sent whole or not at all, and received once, at the latest with that exception.
    A transport does not survive ``fork``: create or open it in the process that uses it.
    """

    DEFAULT_BUFFER_SIZE = DEFAULT_BUFFER_SIZE
    DEFAULT_MAX_MESSAGE_SIZE = DEFAULT_MAX_MESSAGE_SIZE

    _closed = False

    def __init__(self, name: str, get_ready: Callable[[End], Any]) -> None:
        """Not for users: see :meth:`create` and :meth:`open`."""
        self.name = name
        self._end = end = End(name)
        # The thread that is receiving, or sending, or has left that with what a signal's handler has raised; or 0.
        self._reader = 0
        self._writer = 0
        self._reads_from: Optional[BoundedBuffer] = None
        self._sequence = 0
        self._answering = 0
        _transports.add(self)
        self._finalizer = weakref.finalize(self, _end, end)  # at the latest when the interpreter exits
        try:
            self._request, self._response = get_ready(end)
        except BaseException:
            self.close()
            raise

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
        names.validated(name)
        validated_sizes(buffer_size, max_message_size)
        terms = Terms(max_message_size, validated_strategy(wait), _nothing)
        return cls(name, lambda end: end.create(buffer_size, terms))

    @classmethod
    def open(cls, name: str, *, wait_for: float = 0.0, wait: str = "adaptive") -> "SharedMemoryTransport":
        """Open the channel that another process has created, waiting up to `wait_for` seconds for it to appear.

        Raises RPCTransportError when there is none, its creator is dead, or another process has opened it.
        """
        names.validated(name)
        terms = Terms(layout.LARGEST_MESSAGE, validated_strategy(wait), _nothing)
        deadline = deadline_after(wait_for, "wait_for")
        try:
            return cls(name, lambda end: retry_until(deadline, posix.NotFoundError, lambda: end.open(terms)))
        except posix.NotFoundError as error:
            raise RPCTransportError(f"{error}{f' (waited {wait_for:g} s for it)' if wait_for else ''}") from None

    # Each method is written out, not shared: this is the hot path, where another function call is measurable.

    def send_request(self, message: Message, timeout: Optional[float] = None) -> None:
        """Send one request; waits up to `timeout` seconds (None: for ever) until the previous one was taken.

        Raises RPCTimeoutError, and RPCTransportError when the peer is gone, the message is larger than
        max_message_size or does not fit into memory: the transport is then as it was before.
        """
        try:
            if self._writer:
                self._recover(self._request, self._writer)
            message, deadline = as_bytes(message), deadline_after(timeout)
            self._writer = get_ident()
            sequence = self._sequence = self._sequence + 1  # never used again, whatever becomes of it
            try:
                if self._closed:  # asked once this thread is noted, which close() asks for
                    self._refuse_if_closed()
                self._request.send_when_empty(message, sequence, deadline)
            except RPCError:
                self._sequence = sequence - 1  # the response to the one before is still wanted
                self._request.put_back()
                self._writer = 0
                raise
            self._writer = 0
        finally:
            if self._closed:
                self._release()

    def receive_request(self, timeout: Optional[float] = None) -> bytes:
        """The next request, waiting for it up to `timeout` seconds (None: for ever)."""
        try:
            request = self._reads_from = self._request
            if self._reader:
                self._recover(request, self._reader)
            request.release_view()
            deadline = deadline_after(timeout)
            self._reader = get_ident()
            try:
                if self._closed:  # asked once this thread is noted, which close() asks for
                    self._refuse_if_closed()
                self._answering, message, _ = request.receive(deadline)
            except RPCError:
                request.put_back()
                self._reader = 0
                raise
            self._reader = 0
            if self._closed:  # woken by close(), not by a message
                self._refuse_if_closed()
            return cast(bytes, message)
        finally:
            if self._closed:
                self._release()

    def view_request(self, timeout: Optional[float] = None) -> memoryview:
        """As :meth:`receive_request` without the copy: read-only memory, until requests are received again.

        From then on the view is released and using it is a ValueError. Slices, casts and NumPy arrays of it are not
        released: they show what is written there next, so drop them before.
        Meant for messages from some 64 KiB up, where the copy costs more than the care.
        """
        try:
            request = self._reads_from = self._request
            if self._reader:
                self._recover(request, self._reader)
            request.release_view()
            deadline = deadline_after(timeout)
            self._reader = get_ident()
            try:
                if self._closed:  # asked once this thread is noted, which close() asks for
                    self._refuse_if_closed()
                self._answering, view = request.receive_view(deadline)
            except RPCError:
                request.put_back()
                self._reader = 0
                raise
            self._reader = 0
            if self._closed:
                self._refuse_if_closed()
            return cast(memoryview, view)
        finally:
            if self._closed:
                self._release()

    def send_response(self, message: Message, timeout: Optional[float] = None) -> None:
        """Send the response to the request received last. Raises as :meth:`send_request` does."""
        try:
            if self._writer:
                self._recover(self._response, self._writer)
            message, deadline = as_bytes(message), deadline_after(timeout)
            self._writer = get_ident()
            try:
                if self._closed:  # asked once this thread is noted, which close() asks for
                    self._refuse_if_closed()
                self._response.send_when_empty(message, self._answering, deadline)
            except RPCError:
                self._response.put_back()
                self._writer = 0
                raise
            self._writer = 0
        finally:
            if self._closed:
                self._release()

    def receive_response(self, timeout: Optional[float] = None) -> bytes:
        """The response to the request sent last; responses to earlier ones, which timed out, are dropped."""
        try:
            response = self._reads_from = self._response
            if self._reader:
                self._recover(response, self._reader)
            response.release_view()
            deadline = deadline_after(timeout)
            while True:
                self._reader = get_ident()
                try:
                    if self._closed:  # asked once this thread is noted, which close() asks for
                        self._refuse_if_closed()
                    sequence, message, _ = response.receive(deadline)
                except RPCError:
                    response.put_back()
                    self._reader = 0
                    raise
                self._reader = 0
                if self._closed:
                    self._refuse_if_closed()
                if sequence == self._sequence:
                    return cast(bytes, message)
        finally:
            if self._closed:
                self._release()

    def view_response(self, timeout: Optional[float] = None) -> memoryview:
        """As :meth:`receive_response` without the copy: read-only memory, until responses are received again."""
        try:
            response = self._reads_from = self._response
            if self._reader:
                self._recover(response, self._reader)
            deadline = deadline_after(timeout)
            while True:
                response.release_view()
                self._reader = get_ident()
                try:
                    if self._closed:  # asked once this thread is noted, which close() asks for
                        self._refuse_if_closed()
                    sequence, view = response.receive_view(deadline)
                except RPCError:
                    response.put_back()
                    self._reader = 0
                    raise
                self._reader = 0
                if self._closed:
                    self._refuse_if_closed()
                if sequence == self._sequence:
                    return cast(memoryview, view)
        finally:
            if self._closed:
                self._release()

    def close(self) -> None:
        """Close this end. Idempotent. A thread that waits for a message in it gets RPCTransportError at once, one that
        waits to send and the peer within 0.1 s.
        """
        self._closed = self._end.is_closed = True
        # Whoever is inside releases the memory when it leaves. Only what this end reads is posted: to the peer it would
        # be a message.
        if self._reader and self._reads_from is not None and not self._end.is_inherited:
            with contextlib.suppress(posix.Closed):  # its reader has left in the meantime
                self._reads_from.interrupt_reader()
        self._release()

    def __enter__(self) -> "SharedMemoryTransport":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if self._end.holds_anything:
            was_closed = self._closed  # and that was interrupted
            self._reader = self._writer = 0  # whoever was inside would have this object
            self.close()  # first: where warnings are errors, the next line is one
            if not was_closed:
                warnings.warn(f"SharedMemoryTransport {self.name!r} was never closed", ResourceWarning, stacklevel=2)

    def __reduce__(self) -> Tuple[Any, ...]:
        raise TypeError("a transport cannot be copied or pickled: create or open it in the process that uses it")

    def _refuse_if_closed(self) -> None:
        if self._end.is_inherited:
            raise RPCTransportError(
                f"transport {self.name!r} belongs to process {self._end.process} and cannot be used in its forked "
                f"child {os.getpid()}: create or open it in the process that uses it"
            )
        if self._closed:
            raise RPCTransportError(f"transport {self.name!r} is closed")

    def _recover(self, buffer: BoundedBuffer, thread: int) -> None:
        """Refuse to go on with a closed transport, or beside somebody else; make good what was interrupted."""
        self._refuse_if_closed()
        if thread:
            caller = sys._getframe(1)
            if self._is_inside(thread, _SENDING if caller.f_code in _SENDING else _RECEIVING, beside=caller):
                raise RPCTransportError(
                    f"transport {self.name!r} is busy: another thread, or what this thread was doing when a signal "
                    "interrupted it, is in the middle of a message in this direction"
                )
            buffer.put_back()

    def _release(self) -> None:
        """Let go of everything, unless a thread is inside: then it calls this when it leaves."""
        caller = sys._getframe(1)
        is_reading = self._is_inside(self._reader, _RECEIVING, caller)
        if not is_reading and not self._is_inside(self._writer, _SENDING, caller):
            self._end.release()
            self._finalizer.detach()

    def _is_inside(self, thread: int, methods: Set[CodeType], beside: FrameType) -> bool:
        """Whether that thread, by its own note, is in one of these methods of this transport."""
        if not thread or self._end.is_inherited:  # a forked child has no other threads
            return False
        if thread == get_ident():
            return any(frame.f_locals.get("self") is self for frame in stacks.frames_in(methods, beside))
        return stacks.is_running(thread)


_SENDING = {method.__code__ for method in (SharedMemoryTransport.send_request, SharedMemoryTransport.send_response)}
_RECEIVING = {
    method.__code__
    for method in (
        *(SharedMemoryTransport.receive_request, SharedMemoryTransport.receive_response),
        *(SharedMemoryTransport.view_request, SharedMemoryTransport.view_response),
    )
}


_transports: "weakref.WeakSet[SharedMemoryTransport]" = weakref.WeakSet()


def _leave_transports_to_parent() -> None:
    for transport in living(_transports):
        transport._closed = True


os.register_at_fork(after_in_child=_leave_transports_to_parent)


def as_bytes(message: Message) -> Message:
    """`message` itself if it is bytes, a flat view of its bytes if it is another buffer, else ``TypeError``."""
    if type(message) is bytes:
        return message
    view = memoryview(message)
    return view.cast("B") if view.c_contiguous else view.tobytes()


def _end(end: End) -> None:
    """When a transport is dropped, or the interpreter exits with it: then a thread may be inside, which stays so."""
    end.remove_names()


def _nothing() -> None:
    """In place of what an end asks when a wait gets long, until there is one."""
