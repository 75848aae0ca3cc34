"""Shared memory objects."""

import contextlib
import errno
import mmap
import os

import posix_ipc

from ..exceptions import RPCTransportError
from .refusals import refuse_if_not_private, translated

FOLDER = "/dev/shm"


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
        with translated(name):
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
        with translated(name):
            fd = posix_ipc.SharedMemory("/" + name).fd
        try:
            status = os.fstat(fd)
            refuse_if_not_private(name, status)
            if status.st_size < least:
                raise RPCTransportError(f"{name} is too short: {status.st_size} bytes, at least {least} expected")
            segment = cls(name, fd)
            segment._map()
        except BaseException:
            os.close(fd)
            raise
        return segment

    def _map(self) -> None:
        with translated(self.name):
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
            f"Shared memory is full: {name} needs {size:,} bytes, {FOLDER} has {disk.f_bavail * disk.f_frsize:,} of "
            f"{disk.f_blocks * disk.f_frsize:,} free. Send less, run `python -m shm_rpc_bridge clean`, or enlarge it "
            f"(mount -o remount,size=... {FOLDER}; docker run --shm-size=...)"
        ) from None


def unlink_segment(name: str) -> bool:
    """Remove a segment's name, if it is there; processes that have it open keep it."""
    try:
        posix_ipc.unlink_shared_memory("/" + name)
    except posix_ipc.ExistentialError:
        return False
    return True
