"""What large messages leave behind: memory into which they are copied, kept from one to the next, and grown buffers.

A copy of more than some 100 KB made anew each time costs more than the rest of the call: the C library gets the memory
from the system and gives it back, and the system clears every page of it again (530 page faults for an echo of 300 KB).
"""

from time import monotonic
from typing import Union

FROM = 32 * 1024
"""Bytes from which on a message is copied here; for less, new memory is quicker."""

LARGEST = 16 * 1024 * 1024
"""Bytes kept at the most, for each channel of a client and once for a server; what is larger gets memory of its own."""

KEPT_SECONDS = 5.0
"""After so long without a large message the memory is given back."""


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
