"""One direction of a multiplexed channel: a buffer into which a message goes that holds many, without ever waiting.

The writer takes `empty`, writes and posts `full`; the reader takes `full`, copies and posts `empty`. Who finds nothing
to take, or no room, says so in a byte of the region and goes: the other end, seeing it, rings a bell. Each writes its
own word first and looks for the other's after a :func:`.posix.fence`, so that at least one sees the other's; a wake-up
that is lost all the same is made good by a look twice a second.
"""

from collections import deque
from typing import Deque, List, Optional

from . import layout, posix
from .buffer import Buffer, Taken, Terms, read_message_header, write_message_header
from .exceptions import RPCTransportError
from .frames import Framed, Outgoing
from .messages import MANY, NUMBERED, Numbered, numbered, numbered_parts
from .posix import Semaphore

TOGETHER = 256 * 1024
"""Bytes that are sent in one message at the most, unless one alone is larger."""
_HEADER = layout.LANE_HEADER_SIZE
_MASK = 2**32 - 1


class Lane(Buffer):
    """One end of it. Used by one thread at a time; its owner holds what it consists of."""

    _kinds = (MANY,)
    _flags = (0,)
    header_size = _HEADER

    __slots__ = ("_empty", "_has_room", "_sequence", "queue", "queued_bytes", "unsaid")

    def __init__(self, segment: posix.Segment, empty: Semaphore, full: Semaphore, terms: Terms) -> None:
        """Use a region and its semaphores."""
        super().__init__(segment, empty, full, terms._replace(scratch=None, wait="block"))
        self._empty = empty
        self._has_room = False
        self._sequence = 0
        self.queue: Deque[Numbered] = deque()
        """What waits for room."""
        self.queued_bytes = 0
        self.unsaid: Deque[int] = deque()
        """Numbers of messages that :meth:`say_unwanted` has had no room for yet."""

    def put(self, number: int, kind: int, message: Outgoing, deadline: float = 0.0) -> None:
        """Have it sent by the next :meth:`flush` that finds room. RPCTransportError or MemoryError if it never can."""
        size = NUMBERED.size + len(message)
        if size > self._capacity:  # now, and not when nobody asks for it any more
            self._make_room(size)
        if isinstance(message, Framed) and (self.queue or size <= TOGETHER):
            message = bytes(message)  # what it shows may change until then
        self.queue.append((number, kind, message, deadline))
        self.queued_bytes += size

    def keep_what_waits(self) -> None:
        """After a :meth:`flush` at once: what a message shows that is still here may change from here on."""
        if self.queue and isinstance(self.queue[-1][2], Framed):
            number, kind, message, deadline = self.queue.pop()
            self.queue.append((number, kind, bytes(message), deadline))

    def flush(self) -> List[Numbered]:
        """Send as many as fit into one message, if there is room for it: these."""
        queue = self.queue
        if not queue or not (self._has_room or not self._empty.trywait()):
            return []
        self._has_room = True
        sent = [queue.popleft()]
        size = NUMBERED.size + len(sent[0][2])
        room = min(self._capacity, TOGETHER)
        while queue and size + NUMBERED.size + len(queue[0][2]) <= room:
            size += NUMBERED.size + len(queue[0][2])
            sent.append(queue.popleft())
        self.queued_bytes -= size
        self._write(sent)
        self._has_room = False
        self._full.release()
        posix.fence()
        return sent

    def drop(self, number: int) -> bool:
        """Do not send that one. False when it waits no more."""
        for queued in self.queue:
            if queued[0] == number:
                self.queue.remove(queued)
                self.queued_bytes -= NUMBERED.size + len(queued[2])
                return True
        return False

    def put_back(self, messages: List[Numbered]) -> None:
        """Have these sent first, which were taken back."""
        self.queue.extendleft(reversed(messages))
        self.queued_bytes += sum(NUMBERED.size + len(message) for _, _, message, _ in messages)

    def _write(self, messages: List[Numbered]) -> None:
        buffer = self._map
        start = _HEADER + NUMBERED.size
        if len(messages) == 1:
            ((number, kind, message, deadline),) = messages
            end = start + len(message)
            buffer[_HEADER:start] = NUMBERED.pack(1, number, kind, len(message), deadline)
            if isinstance(message, Framed):
                message.write_into(buffer, start)
            else:
                buffer[start:end] = message
        else:
            whole = numbered(messages)
            end = _HEADER + len(whole)
            buffer[_HEADER:end] = whole
        self._sequence += 1
        write_message_header(buffer, 0, end - _HEADER, MANY, 0, self._sequence, 0.0)

    def take_back(self) -> bool:
        """The writer's: take back the last message, of which the reader has not taken anything. True: it never will."""
        if self._full.trywait():
            return False
        self._has_room = True
        return True

    def take_all(self) -> Optional[List[Numbered]]:
        """The messages in one, and room for the next one; None when there is none. Raises RPCTransportError."""
        if self._full.trywait():
            return None
        sequence, message, _ = self._copy_out()
        if sequence == self._sequence:  # woken by interrupt_reader()
            return []
        self._sequence = sequence
        try:
            parts = numbered_parts(bytes(message))
        except ValueError as error:
            raise RPCTransportError(f"{self._segment.name} is damaged: {error}") from None
        self._empty.release()
        posix.fence()
        return parts

    def _copy_out(self) -> Taken:
        size, kind, flags, sequence = read_message_header(self._map, 0)
        self._check_header(size, kind, flags)
        return sequence, self._map[_HEADER : _HEADER + size], kind

    # What the writer does not want answered any more.

    def say_unwanted(self, *numbers: int) -> None:
        """Note these, which were sent, and those that were left, as far as there is room; the rest another time."""
        self.unsaid.extend(numbers)
        said, heard = layout.UNWANTED.unpack_from(self._map, layout.UNWANTED_OFFSET)
        room = layout.UNWANTED_NUMBERS - (said - heard & _MASK)
        for number in [self.unsaid.popleft() for _ in range(min(room, len(self.unsaid)))]:
            layout.UNWANTED_NUMBER.pack_into(self._map, layout.unwanted_offset(said), number)
            said = said + 1 & _MASK
        posix.fence()
        layout.UNWANTED_NUMBER.pack_into(self._map, layout.UNWANTED_OFFSET, said)

    def heard_unwanted(self) -> List[int]:
        """The reader's: those that were noted since it was last asked, each once. By one thread at a time."""
        said, heard = layout.UNWANTED.unpack_from(self._map, layout.UNWANTED_OFFSET)
        if said == heard:
            return []
        posix.fence()
        count = min(said - heard & _MASK, layout.UNWANTED_NUMBERS)
        places = [layout.unwanted_offset(heard + each) for each in range(count)]
        numbers = [layout.UNWANTED_NUMBER.unpack_from(self._map, place)[0] for place in places]
        posix.fence()
        layout.UNWANTED_NUMBER.pack_into(self._map, layout.UNWANTED_OFFSET + layout.UNWANTED_NUMBER.size, said)
        return numbers

    # What one end says to the other before it goes.

    def say_reader_waits(self) -> bool:
        """Ask the writer to ring when it has sent something. False when something is there already."""
        self._map[layout.READER_WAITING_OFFSET] = 1
        posix.fence()
        return not self._full.value

    def reader_waits(self) -> bool:
        """Whether to ring now, once."""
        return self._asked(layout.READER_WAITING_OFFSET)

    def say_writer_waits(self) -> bool:
        """Ask the reader to ring when it has made room. False when there is room already."""
        self._map[layout.WRITER_WAITING_OFFSET] = 1
        posix.fence()
        return not self._empty.value

    def says_writer_waits(self) -> bool:
        """Whether the reader has been asked and has not made room since."""
        return self._map[layout.WRITER_WAITING_OFFSET] == 1

    def writer_waits(self) -> bool:
        """Whether to ring now, once."""
        return self._asked(layout.WRITER_WAITING_OFFSET)

    def _asked(self, offset: int) -> bool:
        asks = self._map[offset]
        if asks:
            self._map[offset] = 0
        return bool(asks)

    def has_message(self) -> bool:
        """A hint, not proof, that a message is waiting."""
        return self._full.value > 0
