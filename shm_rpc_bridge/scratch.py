"""What large messages leave behind: memory into which they are copied, kept from one to the next, and grown buffers.

A copy of more than some 100 KB made anew each time costs more than the rest of the call: the C library gets the memory
from the system and gives it back, and the system clears every page of it again (530 page faults for an echo of 300 KB).
The same holds for what a codec makes of a message, which :func:`keep_freed` is for.
"""

import contextlib
from time import monotonic
from typing import Union

FROM = 32 * 1024
"""Bytes from which on a message is copied here; for less, new memory is quicker."""

LARGEST = 16 * 1024 * 1024
"""Bytes kept at the most, for each channel of a client and once for a server; what is larger gets memory of its own."""

KEPT_SECONDS = 5.0
"""After so long without a large message the memory is given back."""


_TIMES = 3
"""What an answer takes, times its message: its text, and a codec's output, which grows by doubling."""
_MOST_FREED = 32 * 1024 * 1024 - 64 * 1024
"""The largest block that raises glibc's thresholds."""
_freed = 0


def keep_freed(size: int) -> None:
    """Have the C library keep memory that was freed for the next message of `size` bytes. From any thread.

    glibc maps blocks beyond a threshold anew each time, and gives back what is free at the end of its heap beyond twice
    that. The threshold rises to the largest mapped block that was freed, at most 32 MiB: see mallopt(3),
    M_MMAP_THRESHOLD. So one is freed, whose pages nobody has touched. Elsewhere it does nothing.
    """
    global _freed
    block = min(_TIMES * size, _MOST_FREED)
    if block > _freed:
        _freed = block
        with contextlib.suppress(MemoryError):  # then the next message, too, may find none, and says so
            bytes(block)


class Scratch:
    """Used by one thread at a time, which is done with one message before it copies the next."""

    __slots__ = ("_used", "holds", "memory")

    def __init__(self) -> None:
        self.memory = bytearray()
        self.holds = False
        """Whether there may be something to be given back."""
        self._used = 0.0

    def copy(self, source: memoryview) -> Union[bytes, memoryview]:
        """A copy of `source`, valid until the next one."""
        size = len(source)
        if size > LARGEST:
            return bytes(source)
        self.note_use()
        if size > len(self.memory):
            self.memory = bytearray(min(LARGEST, max(size, 2 * len(self.memory))))
        copied = memoryview(self.memory)[:size]
        copied[:] = source
        return copied

    def note_use(self) -> None:
        """A large message has passed."""
        self._used = monotonic()
        self.holds = True

    def give_back_if_unused(self) -> bool:
        """Whether it was; also where it held nothing itself."""
        if not self.holds or monotonic() - self._used <= KEPT_SECONDS:
            return False
        self.holds = False
        self.memory = bytearray()
        return True


class InPlace(Scratch):
    """For a codec that trusts a message's writer, and reads it where it lies."""

    __slots__ = ()

    def copy(self, source: memoryview) -> memoryview:
        """`source` itself, not to be written to."""
        self.note_use()
        return source.toreadonly()
