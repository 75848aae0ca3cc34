"""What an owner holds of the system: a list in which each thing stands from the very instant that it is open.

Python runs the handler of a signal between any two of its own steps, and it may raise there: what was opened in one
step and noted in the next could be lost between them. So the note is made in the same step of C as the opening, here
and wherever ``extend(map(...))`` stands in this package; and everything that is noted can be closed again and again,
so that a release which was interrupted is simply done once more.
"""

from typing import List, Protocol

import posix_ipc


class Closable(Protocol):
    def close(self) -> None:
        """Let go of it. Idempotent, also after a call that was interrupted."""


Held = List[Closable]


def let_go(held: Held) -> None:
    """Close everything, last first. Interrupted, it can be called again; so can it by two threads at once."""
    close_all(held)
    held.clear()


def close_all(held: Held) -> None:
    """Close everything, last first, and keep the notes: while something may just be opened.

    What a signal's handler closes while the thread that it has interrupted opens it is open afterwards: that thread
    closes all once more.
    """
    for thing in reversed(held[:]):
        thing.close()


class Handles(List[posix_ipc.SharedMemory]):
    """posix_ipc's handles of files in /dev/shm that are open, one at the most."""

    @property
    def fd(self) -> int:
        """Its descriptor, -1 when there is none (any more)."""
        return int(self[0].fd) if self else -1

    def open(self, name: str, flags: int = 0) -> None:
        """Open the file of that name, or create it, and have it here, in one step."""
        self.extend(map(posix_ipc.SharedMemory, ("/" + name,), (flags,), (0o600,)))

    def close(self) -> None:
        for handle in self:
            handle.close_fd()
        self.clear()
