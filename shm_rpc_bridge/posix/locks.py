"""Locks on single bytes of a segment, held for life: how everyone knows who is alive."""

import fcntl
import os
import struct
import time
import weakref
from typing import Optional, Set

from ..living import living
from .descriptors import above_standard_streams
from .held import Handles, Held
from .refusals import FOLDER, refuse_if_odd, translated

# Open file description locks: held by this one open of the file, released by the kernel when the last descriptor of
# it is closed, which includes death of any kind. Linux 3.15. Their numbers are in `fcntl` from Python 3.9 only.
_F_OFD_GETLK, _F_OFD_SETLK = 36, 37
_FLOCK = struct.Struct("hhqqi4x")  # l_type, l_whence, l_start, l_len, l_pid of struct flock, 64-bit

_lock_files: "weakref.WeakSet[LockFile]" = weakref.WeakSet()


class LockFile:
    """One open of a segment for the sake of its locks; each byte of it can be locked on its own.

    Locks conflict between LockFiles, also of one process, and never within one. After a fork the child's copy is
    closed at once, so that a lock is held by exactly the process that took it. For that no fork of another thread may
    find it open and not yet listed here: posix_ipc opens without giving up the GIL, and the note is of the same step.
    """

    def __init__(self, name: str) -> None:
        """Of the segment `name`; nothing is open before :meth:`open`."""
        self.name = name
        self._handles = Handles()
        _lock_files.add(self)

    @classmethod
    def open(cls, name: str, held: Held) -> "LockFile":
        """Open the segment `name` and note it in `held`. Raises NotFoundError; refuses what is not private and ours."""
        lock_file = cls(name)
        held.append(lock_file)
        with translated(name, f"{FOLDER}/{name}"), above_standard_streams():
            lock_file._handles.open(name)
        refuse_if_odd(name, os.fstat(lock_file.fd))
        return lock_file

    @property
    def fd(self) -> int:
        """Its descriptor, -1 when it is closed."""
        return self._handles.fd

    def try_lock(self, offset: int) -> bool:
        """Lock the byte at `offset` for as long as this object is open; False when another holds it."""
        try:
            fcntl.fcntl(self.fd, _F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0))
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, by POSIX
            return False
        return True

    def unlock(self, offset: int) -> None:
        fcntl.fcntl(self.fd, _F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, offset, 1, 0))

    def is_locked(self, offset: int) -> bool:
        """Whether another LockFile holds the byte at `offset`: whether its owner is alive."""
        answer = fcntl.fcntl(self.fd, _F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0))
        kind: int = _FLOCK.unpack(answer)[0]
        return kind != fcntl.F_UNLCK

    def locked_by_others(self) -> Optional[Set[int]]:
        """The bytes that are locked, all in one look at /proc/locks, in which each takes one line; None without it.

        For many: :meth:`is_locked` has the kernel go through all locks of the file, so asking for each is quadratic.
        """
        status = os.fstat(self.fd)
        file = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}".encode()
        found: Set[int] = set()
        try:
            with open("/proc/locks", "rb") as lines:
                for line in lines:
                    if file in line:
                        *_, where, first, last = line.split()
                        if where == file and last != b"EOF":
                            found.update(range(int(first), int(last) + 1))
        except OSError:
            return None
        return found

    def is_linked(self) -> bool:
        """Whether the segment still has a name."""
        return os.fstat(self.fd).st_nlink > 0

    def age(self) -> float:
        """Seconds since the segment was made or written to, by the wall clock."""
        return time.time() - os.fstat(self.fd).st_mtime

    def read(self, size: int) -> bytes:
        """The segment's first bytes, fewer than `size` where it is shorter."""
        return os.pread(self.fd, size, 0)

    def write(self, data: bytes, offset: int) -> None:
        os.pwrite(self.fd, data, offset)

    @property
    def is_closed(self) -> bool:
        """True after :meth:`close`, and in a child of the process that opened it."""
        return self.fd < 0

    def close(self) -> None:
        """Release every lock. Idempotent."""
        self._handles.close()


def _close_inherited_locks() -> None:
    for lock_file in living(_lock_files):
        lock_file.close()


os.register_at_fork(after_in_child=_close_inherited_locks)
