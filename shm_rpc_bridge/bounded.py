"""A buffer whose two ends do not answer each other: the reader says when there is room for the next message.

The writer takes `empty`, writes, posts `full`; the reader takes `full`, copies, posts `empty`: the bounded buffer of
Dijkstra (1965), of one message. What a signal's handler interrupts by raising is made good: see :meth:`put_back`.
"""

from typing import Optional, Tuple

from . import layout, posix
from .buffer import HEADER, Buffer, Taken, Terms, read_message_header, write_message_header
from .exceptions import RPCTimeoutError
from .frames import Message
from .messages import ONE
from .posix import Semaphore
from .waiting import Waiter


class BoundedBuffer(Buffer):
    """One end of one direction. Each end is used by one thread at a time; its owner holds what it consists of."""

    _kinds = (ONE,)
    _flags = (0,)

    __slots__ = ("_empty", "_view", "_wait_empty")

    def __init__(self, segment: posix.Segment, empty: Semaphore, full: Semaphore, terms: Terms) -> None:
        """Use a region and its semaphores."""
        super().__init__(segment, empty, full, terms)
        self._empty = empty
        self._wait_empty = Waiter(empty, terms.wait, terms.recheck)
        self._view: Optional[memoryview] = None

    def say_namespace(self, namespace: int) -> None:
        """The creator's: in which PID namespace its process's number counts."""
        layout.NAMESPACE.pack_into(self._map, layout.CALLER_OFFSET, namespace & 0xFFFFFFFF)

    # Where a token is given, its giver notes so in the same line, first: Python runs the handler of a signal, which may
    # raise, at the end of a call and not between the note and the call (from 3.11 on; before it might, once in a blue
    # moon). So what was interrupted is known, and :meth:`put_back` makes it good.

    def send_when_empty(self, message: Message, sequence: int, deadline: float) -> None:
        """Write one message and post it. Raises RPCTimeoutError when the last one is not taken by the deadline."""
        size = len(message)
        if size > self._capacity:
            self._make_room(size)
        waiter = self._wait_empty
        tried = posted = False
        try:
            if self._empty.value:  # there but for a peer that lags behind
                (tried := True) and self._empty.trywait()
            elif not waiter.wait(deadline):
                raise RPCTimeoutError("the peer has not taken the previous message in time")
            buffer = self._map
            write_message_header(buffer, 0, size, 0, 0, sequence, 0.0)
            buffer[HEADER : HEADER + size] = message
            (posted := True) and self._full.release()
            waiter.taken = False
        except BaseException:
            waiter.taken = not posted and (tried or waiter.taken)
            raise

    def receive(self, deadline: float) -> Taken:
        """Take one message, as a copy. Raises RPCTimeoutError when none comes by the deadline."""
        waiter = self._wait_full
        given = False
        try:
            if not waiter.wait(deadline):
                raise RPCTimeoutError("no message in time")
            taken = self._copy_out()
            (given := True) and self._empty.release()
            waiter.taken = False
            return taken
        except BaseException:
            if given:
                waiter.taken = False
            raise

    def receive_view(self, deadline: float) -> Tuple[int, memoryview]:
        """Take one message without copying it: a read-only view, the writer's again after :meth:`release_view`."""
        if not self._wait_full.wait(deadline):
            raise RPCTimeoutError("no message in time")
        size, kind, flags, sequence = read_message_header(self._map, 0)
        if size > self._capacity or kind or flags:
            self._check_header(size, kind, flags)
        with memoryview(self._map) as region:
            self._view = region[HEADER : HEADER + size].toreadonly()
        return sequence, self._view

    def release_view(self) -> None:
        """Give the message that :meth:`receive_view` showed back to its writer; using its view is an error now.

        Raises BufferError while something holds the view itself, such as a PickleBuffer. Slices, casts and NumPy arrays
        hold the memory instead, which Python does not notice: they show what is written next.
        """
        if self._view is not None:
            self._view.release()
            given = False
            try:
                if self._wait_full.taken:
                    (given := True) and self._empty.release()
                    self._wait_full.taken = False
            except BaseException:
                self._wait_full.taken = not given
                raise
            self._view = None

    def put_back(self) -> None:
        """Make good what a signal's handler has interrupted: a message taken and not given out is there again, and
        where one was not sent there is room."""
        self._view = None
        for waiter, semaphore in ((self._wait_full, self._full), (self._wait_empty, self._empty)):
            # A buffer has one token: if it is in neither semaphore it is in a hand, and if not in this one, the peer's.
            if waiter.taken and not self._full.value and not self._empty.value:
                semaphore.release()
            waiter.taken = False

    def forget_memory(self) -> None:
        super().forget_memory()
        self._view = None
        self._wait_full.taken = self._wait_empty.taken = False
