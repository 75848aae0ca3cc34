"""Shared memory objects."""

import contextlib
import mmap
import os
import sys
import weakref
from threading import get_ident
from typing import Callable, Dict, List

import posix_ipc

from ..exceptions import RPCTransportError
from ..living import living
from .descriptors import above_standard_streams
from .held import Handles, Held
from .lending import PrivateCopy, mapped
from .refusals import (
    FOLDER,
    AlreadyExistsError,
    is_out_of_memory,
    logger,
    refuse_if_odd,
    report_not_ours,
    translated,
)

_STEP = 64 << 20
"""Bytes reserved at a time: a signal makes the system begin a reservation anew, and in a storm of signals one of a
gigabyte would never end."""


_segments: "weakref.WeakSet[Segment]" = weakref.WeakSet()


class Segment:
    """A shared memory object, mapped whole. Made by :meth:`create` or :meth:`open`; owned by who made it.

    After a fork the child's copy is closed at once, also where another thread was in the middle of making it.
    """

    __slots__ = ("__weakref__", "_handles", "_make_map", "lent", "map", "name", "size")

    map: mmap.mmap
    """The mapping. Replaced by :meth:`grow` and :meth:`remap`, gone after :meth:`close`."""
    size: int
    """Bytes mapped."""

    def __init__(self, name: str) -> None:
        """Nothing is open yet."""
        self.name = name
        self._handles = Handles()
        self.size = 0
        self.lent = 0
        """Bytes of it that there are views of, which a forked child keeps as they were. Set by its owner."""
        self._make_map: Callable[[int, int], mmap.mmap] = mmap.mmap
        _segments.add(self)

    @classmethod
    def create(cls, name: str, size: int, held: Held) -> "Segment":
        """A new segment of `size` zero bytes, all reserved, noted in `held`. Raises AlreadyExistsError, or when full.

        Where anything but that fails, the name is gone again.
        """
        segment = cls(name)
        held.append(segment)
        with translated(name, f"{FOLDER}/{name}"), above_standard_streams():
            segment._handles.open(name, posix_ipc.O_CREX)
        try:
            os.fchmod(segment.fd, 0o600)  # whatever the umask took away
            segment.reserve(size)
            segment.remap()
        except BaseException:
            unlink_segment(name)
            raise
        return segment

    @classmethod
    def open(cls, name: str, least: int, held: Held) -> "Segment":
        """An existing segment, noted in `held`; refused unless it is private, ours and of at least `least` bytes."""
        segment = cls(name)
        held.append(segment)
        with translated(name, f"{FOLDER}/{name}"), above_standard_streams():
            segment._handles.open(name)
        status = os.fstat(segment.fd)
        refuse_if_odd(name, status)
        if status.st_size < least:
            raise RPCTransportError(f"{name} is too short: {status.st_size} bytes, at least {least} expected")
        segment.remap()
        return segment

    @property
    def fd(self) -> int:
        """Its descriptor, -1 when it is closed."""
        return self._handles.fd

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
        size = os.fstat(self.fd).st_size
        if size != self.size:
            self._map(size)

    def _map(self, size: int) -> None:
        # The mapping before stays with whoever uses it, and goes with the last of them.
        with translated(self.name, f"{FOLDER}/{self.name}"), above_standard_streams():
            self.map = self._make_map(self.fd, size)
        self.size = size

    def references(self) -> int:
        """To the mapping: of views of it, and of whoever uses it without."""
        return sys.getrefcount(self.map)

    def leave_to_views(self, size: int) -> None:
        """Let views of the mapping keep its first `size` bytes as they are now, and map it anew for all others."""
        PrivateCopy(self.map, size).put_in_place()
        self.map = mapped(self.fd, self.size)

    def reserve(self, size: int) -> None:
        """Have the system keep `size` bytes for it. Raises RPCTransportError when there are not so many."""
        # ftruncate would reserve nothing, and the first write into a full /dev/shm would be a SIGBUS.
        try:
            for start in range(0, size, _STEP):
                os.posix_fallocate(self.fd, start, min(_STEP, size - start))
        except OSError as error:
            if is_out_of_memory(error):
                raise is_full(self.name, size, *free_and_total(self.fd)) from None
            raise RPCTransportError(f"{self.name}: cannot reserve {size:,} bytes: {error}") from error

    def is_linked(self) -> bool:
        """Whether it still has a name."""
        return os.fstat(self.fd).st_nlink > 0

    @property
    def is_closed(self) -> bool:
        return self.fd < 0

    def close(self) -> None:
        """Let go of it. Idempotent. The name, if any, stays; the memory goes with the last view that a user has."""
        self.size = self.lent = 0
        with contextlib.suppress(AttributeError):
            with contextlib.suppress(BufferError):
                self.map.close()
            del self.map
        self._handles.close()


def no_memory() -> mmap.mmap:
    """A mapping that is closed: using it is a ValueError."""
    return _NO_MEMORY


_NO_MEMORY = mmap.mmap(-1, mmap.PAGESIZE)
_NO_MEMORY.close()


def free_and_total(fd: int) -> "tuple[int, int]":
    """Bytes of the file system that `fd` is on."""
    disk = os.fstatvfs(fd)
    return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize


def is_full(name: str, size: int, free: int, total: int) -> RPCTransportError:
    """What to raise when `name` cannot have `size` of the `free` bytes."""
    return RPCTransportError(
        f"Shared memory is full: {name} needs {size:,} bytes, {FOLDER} has {free:,} of {total:,} free. "
        f"Send less, run `python -m shm_rpc_bridge clean`, or enlarge it "
        f"(mount -o remount,size=... {FOLDER}; docker run --shm-size=...)"
    )


def link_segment(name: str, new_name: str) -> bool:
    """Give the segment `name` a second one; False when there is one of that name. NotFoundError when `name` is gone."""
    try:
        with translated(new_name, f"{FOLDER}/{new_name}"):
            os.link(f"{FOLDER}/{name}", f"{FOLDER}/{new_name}")
    except AlreadyExistsError:
        return False
    return True


def unlink_segment(name: str) -> bool:
    """Remove a segment's name, if it is there and ours; processes that have it open keep it."""
    try:
        posix_ipc.unlink_shared_memory("/" + name)
    except posix_ipc.ExistentialError:
        return False
    except (posix_ipc.PermissionsError, OSError):  # another user's, or a directory
        report_not_ours(name, f"{FOLDER}/{name}")
        return False
    return True


_for_children: Dict[int, List[PrivateCopy]] = {}
"""By the thread that forks: what is lent. A lease is the parent's, which may end it before the child comes to look."""


def _before_fork() -> None:
    copies = _for_children[get_ident()] = []
    for segment in living(_segments):
        if segment.lent:
            try:
                copies.append(PrivateCopy(segment.map, segment.lent))
            except (AttributeError, ValueError):  # another thread has just closed it
                continue
            except MemoryError as error:
                logger.warning("a forked child may not look at what is lent of %s: %s", segment.name, error)


def _after_fork() -> None:
    for copy in _for_children.pop(get_ident(), ()):
        copy.drop()


def _close_inherited_segments() -> None:
    for segment in living(_segments):
        segment.close()
    for copy in _for_children.pop(get_ident(), ()):
        copy.put_in_place()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_close_inherited_segments)
