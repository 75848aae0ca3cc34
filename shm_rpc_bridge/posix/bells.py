"""A bell that an event loop can wait for: a FIFO in /dev/shm, of which one process reads and another writes.

Its name goes with the channel's others. The reader hears of the writer's death as the end of the file.
"""

import contextlib
import os
import stat
import weakref
from typing import List

from ..living import living
from .descriptors import above_standard_streams, close_all
from .held import Held
from .refusals import FOLDER, refuse_if_odd, translated

_bells: "weakref.WeakSet[Bell]" = weakref.WeakSet()


class Bell:
    """One end of it. After a fork the child's copy is closed at once: it would keep a dead process's end open."""

    __slots__ = ("__weakref__", "_fds")

    def __init__(self, fds: List[int]) -> None:
        """`fds`: its descriptor, once it is open."""
        self._fds = fds
        _bells.add(self)

    @property
    def fd(self) -> int:
        """Its descriptor, -1 when it is closed."""
        return self._fds[0] if self._fds else -1

    def ring(self) -> None:
        """The writer's: wake whoever waits for the reading end. Never waits; nothing where nobody reads any more."""
        # It is full when nobody has heard the last 65,536 rings: one more says nothing new.
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # the other one of a pipe in one process
            os.write(self.fd, b"\0")

    def silence(self) -> bool:
        """The reader's: forget what was rung. False once no writer is left. Never waits."""
        try:
            return bool(os.read(self.fd, 4096))
        except BlockingIOError:
            return True

    def close(self) -> None:
        """Let go of it. Idempotent."""
        close_all(self._fds)


def create_bell(name: str, held: Held) -> Bell:
    """A new bell, of which this is the reading end, noted in `held`. Raises AlreadyExistsError."""
    path = f"{FOLDER}/{name}"
    bell = Bell([])
    held.append(bell)
    with translated(name, path), above_standard_streams():
        os.mkfifo(path, 0o600)
        try:
            os.chmod(path, 0o600)  # whatever the umask took away
            bell._fds.extend(map(os.open, (path,), (os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW,)))
        except BaseException:
            os.unlink(path)
            raise
    return bell


def open_bell(name: str, held: Held) -> Bell:
    """The writing end of an existing one, noted in `held`; refused unless it is private and ours.

    NotFoundError when it is gone.
    """
    path = f"{FOLDER}/{name}"
    bell = Bell([])
    held.append(bell)
    # It reads as well, so that there is a reader when the other one has died: else a ring is a SIGPIPE, which ends a
    # program that has put back its default action, as command line tools do.
    with translated(name, path), above_standard_streams():
        bell._fds.extend(map(os.open, (path,), (os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW,)))
    refuse_if_odd(name, os.fstat(bell.fd), stat.S_ISFIFO)
    return bell


def _close_inherited_bells() -> None:
    for bell in living(_bells):
        bell.close()


os.register_at_fork(after_in_child=_close_inherited_bells)
