"""Locks on single bytes of a segment, held for life: how everyone knows who is alive."""

import fcntl
import os
import struct
import weakref

import posix_ipc

from .refusals import refuse_if_not_private, translated

# Open file description locks: held by this one open of the file, released by the kernel when the last descriptor of
# it is closed, which includes death of any kind. Linux 3.15. Their numbers are in `fcntl` from Python 3.9 only.
_F_OFD_GETLK, _F_OFD_SETLK = 36, 37
_FLOCK = struct.Struct("hhqqi4x")  # l_type, l_whence, l_start, l_len, l_pid of struct flock, 64-bit

_lock_files: "weakref.WeakSet[LockFile]" = weakref.WeakSet()


class LockFile:
    """One open of a segment for the sake of its locks; each byte of it can be locked on its own.

    Locks conflict between LockFiles, also of one process, and never within one. After a fork the child's copy is
    closed at once, so that a lock is held by exactly the process that took it.
    """

    def __init__(self, name: str, fd: int) -> None:
        """Take over `fd`, an open of the segment `name` that nothing else uses."""
        self.name = name
        self._fd = fd
        _lock_files.add(self)

    @classmethod
    def open(cls, name: str) -> "LockFile":
        """Open the segment `name`. Raises NotFoundError; refuses what is not private and ours."""
        with translated(name):
            fd: int = posix_ipc.SharedMemory("/" + name).fd
        try:
            refuse_if_not_private(name, os.fstat(fd))
        except BaseException:
            os.close(fd)
            raise
        return cls(name, fd)

    def try_lock(self, offset: int) -> bool:
        """Lock the byte at `offset` for as long as this object is open; False when another holds it."""
        try:
            fcntl.fcntl(self._fd, _F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0))
        except (BlockingIOError, PermissionError):  # EAGAIN or EACCES, by POSIX
            return False
        return True

    def unlock(self, offset: int) -> None:
        fcntl.fcntl(self._fd, _F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, offset, 1, 0))

    def is_locked(self, offset: int) -> bool:
        """Whether another LockFile holds the byte at `offset`: whether its owner is alive."""
        answer = fcntl.fcntl(self._fd, _F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, offset, 1, 0))
        kind: int = _FLOCK.unpack(answer)[0]
        return kind != fcntl.F_UNLCK

    def is_linked(self) -> bool:
        """Whether the segment still has its name."""
        return os.fstat(self._fd).st_nlink > 0

    def read(self, size: int) -> bytes:
        """The segment's first bytes, fewer than `size` where it is shorter."""
        return os.pread(self._fd, size, 0)

    def write(self, data: bytes, offset: int) -> None:
        os.pwrite(self._fd, data, offset)

    @property
    def is_closed(self) -> bool:
        """True after :meth:`close`, and in a child of the process that opened it."""
        return self._fd < 0

    def close(self) -> None:
        """Release every lock. Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _close_inherited_locks() -> None:
    for lock_file in list(_lock_files):
        lock_file.close()


os.register_at_fork(after_in_child=_close_inherited_locks)
