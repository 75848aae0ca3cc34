"""The only door to the operating system: segments, semaphores and locks, and one table for what it may refuse.

Nothing here knows what is in a segment or what a semaphore means. Objects of this module may be used by several
threads, but must not be closed while another thread is inside one of their methods: unmapping a semaphore under
a waiter is a segmentation fault, so every owner above closes only what no thread uses.
"""

import contextlib
import errno
import fcntl
import mmap
import os
import stat
import struct
import sys
import weakref
from typing import TYPE_CHECKING, Iterator, List, NamedTuple, Optional

import posix_ipc

from .exceptions import RPCTransportError

if not (posix_ipc.SEMAPHORE_TIMEOUT_SUPPORTED and sys.platform.startswith("linux")):
    raise ImportError(
        f"shm_rpc_bridge needs Linux: {sys.platform} lacks timed semaphore waits, a readable semaphore value "
        "or open file description locks"
    )

if TYPE_CHECKING:
    from typing import Protocol

    class Semaphore(Protocol):
        value: int

        def acquire(self, timeout: Optional[float] = None) -> None: ...
        def release(self) -> None: ...
        def close(self) -> None: ...


Busy = posix_ipc.BusyError
"""``acquire`` found no token in time."""
Interrupted = posix_ipc.SignalError
"""A signal handler ran during ``acquire``: look again."""

_FOLDER = "/dev/shm"
_SEMAPHORE_PREFIX = "sem."
_SEMAPHORE_SIZE = 16 if struct.calcsize("P") == 4 else 32
"""sizeof(sem_t) in glibc and musl: a shorter file would be a SIGBUS at the first wait."""


class NotFoundError(RPCTransportError):
    """No object has that name (yet, or any more)."""


class AlreadyExistsError(RPCTransportError):
    """An object of that name is there already."""


_ERRORS = {
    errno.ENOENT: (NotFoundError, "does not exist"),
    errno.EEXIST: (AlreadyExistsError, "exists already"),
    errno.EACCES: (RPCTransportError, "belongs to another user"),
    errno.EPERM: (RPCTransportError, "belongs to another user"),
    errno.ELOOP: (RPCTransportError, "is a symbolic link, which is never followed: remove it"),
    errno.EMFILE: (
        RPCTransportError,
        "needs a file descriptor and this process has none left: raise ulimit -n",
    ),
    errno.ENFILE: (RPCTransportError, "needs a file descriptor and the system has none left"),
    errno.ENOMEM: (RPCTransportError, "does not fit into memory"),
}


@contextlib.contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn what posix_ipc and the OS raise about `name` into this library's errors."""
    try:
        yield
    except posix_ipc.ExistentialError as error:
        code = errno.ENOENT if "No " in str(error) else errno.EEXIST
        raise _ERRORS[code][0](f"{name} {_ERRORS[code][1]}") from None
    except posix_ipc.PermissionsError:
        raise _ERRORS[errno.EACCES][0](f"{name} {_ERRORS[errno.EACCES][1]}") from None
    except OSError as error:
        kind, words = _ERRORS.get(error.errno or 0, (RPCTransportError, f"failed: {error}"))
        raise kind(f"{name} {words}") from error


def _refuse_if_not_private(name: str, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise RPCTransportError(f"{name} belongs to user {status.st_uid}, not to this process's {os.geteuid()}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise RPCTransportError(
            f"{name} is open to other users (mode {stat.S_IMODE(status.st_mode):04o}, expected 0600): remove it"
        )


class Segment:
    """A shared memory object, mapped whole. Made by :meth:`create` or :meth:`open`; owned by who made it."""

    __slots__ = ("_fd", "map", "name", "size")

    map: mmap.mmap
    """The mapping. Replaced by :meth:`grow` and :meth:`remap`."""

    def __init__(self, name: str, fd: int) -> None:
        self.name = name
        self._fd = fd
        self.size = os.fstat(fd).st_size
        """Bytes mapped."""

    @classmethod
    def create(cls, name: str, size: int) -> "Segment":
        """A new segment of `size` zero bytes, all reserved. Raises AlreadyExistsError, or an error when full."""
        with _translated(name):
            fd = posix_ipc.SharedMemory("/" + name, posix_ipc.O_CREX, mode=0o600).fd
        try:
            os.fchmod(fd, 0o600)
            _reserve(name, fd, size)
            segment = cls(name, fd)
            segment._map()
        except BaseException:
            os.close(fd)
            unlink_segment(name)
            raise
        return segment

    @classmethod
    def open(cls, name: str, least: int) -> "Segment":
        """An existing segment, refused unless it is private, ours and of at least `least` bytes."""
        with _translated(name):
            fd = posix_ipc.SharedMemory("/" + name).fd
        try:
            status = os.fstat(fd)
            _refuse_if_not_private(name, status)
            if status.st_size < least:
                raise RPCTransportError(f"{name} is too short: {status.st_size} bytes, at least {least} expected")
            segment = cls(name, fd)
            segment._map()
        except BaseException:
            os.close(fd)
            raise
        return segment

    def _map(self) -> None:
        with _translated(self.name):
            self.map = mmap.mmap(self._fd, self.size)

    def grow(self, size: int) -> None:
        """Enlarge to `size` bytes, all reserved, and map it anew. On error nothing has changed."""
        _reserve(self.name, self._fd, size)
        self.remap()

    def remap(self) -> None:
        """Map what the segment's size is now, which another process may have enlarged."""
        before, self.size = self.size, os.fstat(self._fd).st_size
        if self.size != before:
            self._unmap()
            self._map()

    def _unmap(self) -> None:
        # A view that the user still holds keeps its mapping: it goes when the view does.
        with contextlib.suppress(BufferError):
            self.map.close()

    def is_linked(self) -> bool:
        """Whether it still has its name."""
        return os.fstat(self._fd).st_nlink > 0

    @property
    def is_closed(self) -> bool:
        return self._fd < 0

    def close(self) -> None:
        """Unmap. Idempotent. The name, if any, stays."""
        if self._fd >= 0:
            self._unmap()
            os.close(self._fd)
            self._fd = -1


def _reserve(name: str, fd: int, size: int) -> None:
    # ftruncate would reserve nothing, and the first write into a full /dev/shm would be a SIGBUS.
    try:
        os.posix_fallocate(fd, 0, size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.ENOMEM):
            raise RPCTransportError(f"{name}: cannot reserve {size:,} bytes: {error}") from error
        disk = os.fstatvfs(fd)
        raise RPCTransportError(
            f"Shared memory is full: {name} needs {size:,} bytes, {_FOLDER} has {disk.f_bavail * disk.f_frsize:,} of "
            f"{disk.f_blocks * disk.f_frsize:,} free. Send less, run `python -m shm_rpc_bridge clean`, or enlarge it "
            f"(mount -o remount,size=... {_FOLDER}; docker run --shm-size=...)"
        ) from None


def create_semaphore(name: str, value: int) -> "Semaphore":
    """A new semaphore with `value` tokens. Raises AlreadyExistsError."""
    with _translated(name):
        semaphore: Semaphore = posix_ipc.Semaphore("/" + name, posix_ipc.O_CREX, mode=0o600, initial_value=value)
        os.chmod(_semaphore_file(name), 0o600)  # whatever the umask took away
    return semaphore


def open_semaphore(name: str) -> "Semaphore":
    """An existing semaphore, refused unless its file is regular, private, ours and as long as a semaphore."""
    with _translated(name):
        status = os.lstat(_semaphore_file(name))
    if not stat.S_ISREG(status.st_mode):
        raise RPCTransportError(f"semaphore {name} is not a regular file: remove it")
    _refuse_if_not_private(name, status)
    if status.st_size != _SEMAPHORE_SIZE:
        raise RPCTransportError(f"semaphore {name} is damaged: {status.st_size} bytes, {_SEMAPHORE_SIZE} expected")
    with _translated(name):
        semaphore: Semaphore = posix_ipc.Semaphore("/" + name)
    return semaphore


def _semaphore_file(name: str) -> str:
    return f"{_FOLDER}/{_SEMAPHORE_PREFIX}{name}"


def unlink_segment(name: str) -> bool:
    """Remove a segment's name, if it is there; processes that have it open keep it."""
    try:
        posix_ipc.unlink_shared_memory("/" + name)
    except posix_ipc.ExistentialError:
        return False
    return True


def unlink_semaphore(name: str) -> bool:
    """Remove a semaphore's name, if it is there; processes that have it open keep it."""
    try:
        posix_ipc.unlink_semaphore("/" + name)
    except posix_ipc.ExistentialError:
        return False
    return True


class Listed(NamedTuple):
    """One object in /dev/shm."""

    name: str
    is_semaphore: bool
    size: int
    """Bytes."""


def list_own_objects(prefix: str) -> List[Listed]:
    """Every segment and semaphore of this user whose name begins with `prefix`, sorted by name."""
    found = []
    with os.scandir(_FOLDER) as entries:
        for entry in entries:
            is_semaphore = entry.name.startswith(_SEMAPHORE_PREFIX)
            name = entry.name[len(_SEMAPHORE_PREFIX) :] if is_semaphore else entry.name
            if name.startswith(prefix):
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_uid == os.geteuid():
                        found.append(Listed(name, is_semaphore, status.st_size))
    return sorted(found)


def unlink_object(listed: Listed) -> bool:
    """Remove the name that :func:`list_own_objects` found, if it is still there."""
    return unlink_semaphore(listed.name) if listed.is_semaphore else unlink_segment(listed.name)


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

    def __init__(self, name: str) -> None:
        """Open the segment `name`. Raises NotFoundError; refuses what is not private and ours."""
        self.name = name
        with _translated(name):
            self._fd: int = posix_ipc.SharedMemory("/" + name).fd
        try:
            _refuse_if_not_private(name, os.fstat(self._fd))
        except BaseException:
            os.close(self._fd)
            raise
        _lock_files.add(self)

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
