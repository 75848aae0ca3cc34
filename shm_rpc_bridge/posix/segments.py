"""Shared memory objects."""

import contextlib
import errno
import mmap
import os
from typing import Callable

import posix_ipc

from ..exceptions import RPCTransportError
from .refusals import refuse_if_not_private, report_not_ours, translated

FOLDER = "/dev/shm"


class Segment:
    """A shared memory object, mapped whole. Made by :meth:`create` or :meth:`open`; owned by who made it."""

    __slots__ = ("_fd", "_make_map", "map", "name", "size")

    map: mmap.mmap
    """The mapping. Replaced by :meth:`grow` and :meth:`remap`."""
    size: int
    """Bytes mapped."""

    def __init__(self, name: str, fd: int) -> None:
        """Take over `fd`, an open of the segment; nothing is mapped before :meth:`remap`."""
        self.name = name
        self._fd = fd
        self.size = 0
        self._make_map: Callable[[int, int], mmap.mmap] = mmap.mmap

    @classmethod
    def create(cls, name: str, size: int) -> "Segment":
        """A new segment of `size` zero bytes, all reserved. Raises AlreadyExistsError, or an error when full."""
        with translated(name):
            fd = posix_ipc.SharedMemory("/" + name, posix_ipc.O_CREX, mode=0o600).fd
        try:
            os.fchmod(fd, 0o600)
            segment = cls(name, fd)
            segment.reserve(size)
            segment.remap()
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
            segment.remap()
        except BaseException:
            os.close(fd)
            raise
        return segment

    def map_with(self, make_map: Callable[[int, int], mmap.mmap]) -> None:
        """Map by ``make_map(fd, size)`` from here on, such as a subclass of mmap that watches what is written."""
        self._make_map = make_map
        self._map(self.size)

    def grow(self, size: int) -> None:
        """Enlarge to `size` bytes, all reserved, and map it anew. On error the mapping is what it was."""
        self.reserve(size)
        self.remap()

    def remap(self) -> None:
        """Map what the segment's size is now, which another process may have enlarged."""
        size = os.fstat(self._fd).st_size
        if size != self.size:
            self._map(size)

    def _map(self, size: int) -> None:
        with translated(self.name):
            new = self._make_map(self._fd, size)
        if self.size:
            self._unmap()
        self.map, self.size = new, size

    def reserve(self, size: int) -> None:
        """Have the system keep `size` bytes for it. Raises RPCTransportError when there are not so many."""
        # ftruncate would reserve nothing, and the first write into a full /dev/shm would be a SIGBUS.
        try:
            os.posix_fallocate(self._fd, 0, size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.ENOMEM):
                raise RPCTransportError(f"{self.name}: cannot reserve {size:,} bytes: {error}") from error
            disk = os.fstatvfs(self._fd)
            free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
            raise is_full(self.name, size, free, total) from None

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
            if self.size:
                self._unmap()
            os.close(self._fd)
            self._fd = -1


def is_full(name: str, size: int, free: int, total: int) -> RPCTransportError:
    """What to raise when `name` cannot have `size` of the `free` bytes."""
    return RPCTransportError(
        f"Shared memory is full: {name} needs {size:,} bytes, {FOLDER} has {free:,} of {total:,} free. "
        f"Send less, run `python -m shm_rpc_bridge clean`, or enlarge it "
        f"(mount -o remount,size=... {FOLDER}; docker run --shm-size=...)"
    )


def unlink_segment(name: str) -> bool:
    """Remove a segment's name, if it is there and ours; processes that have it open keep it."""
    try:
        posix_ipc.unlink_shared_memory("/" + name)
    except posix_ipc.ExistentialError:
        return False
    except posix_ipc.PermissionsError:
        report_not_ours(name)
        return False
    return True
