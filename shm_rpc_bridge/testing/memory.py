"""Segments, semaphores and locks of this process alone: the library without /dev/shm."""

import contextlib
import mmap
import os
import threading
import time
import weakref
from typing import Dict, Iterator, List, Optional, TypeVar

from .. import posix
from ..exceptions import RPCTransportError
from ..posix.segments import is_full


@contextlib.contextmanager
def in_memory(capacity: Optional[int] = None) -> Iterator["MemoryBackend"]:
    """Let servers, clients and transports made in this block, in any thread of this process, find only each other.

    `capacity`: bytes that all segments together may have, as if /dev/shm were so small; None: no limit.
    """
    with posix.using(lambda _: MemoryBackend(capacity)) as backend:
        assert isinstance(backend, MemoryBackend)
        try:
            yield backend
        finally:
            backend.close()


class MemoryBackend:
    """A :class:`~shm_rpc_bridge.posix.Backend` of no system: files without a name, semaphores without a kernel.

    Segments are mapped and locked as real ones are; semaphores are conditions between threads. May be used by several
    threads; whoever makes it closes it, after what was made through it.
    """

    def __init__(self, capacity: Optional[int] = None) -> None:
        """`capacity`: bytes that all segments together may have; None: no limit."""
        self._capacity = capacity
        self._lock = threading.Lock()
        self._files: Dict[str, int] = {}
        self._semaphores: Dict[str, _Tokens] = {}
        self._bells: Dict[str, int] = {}  # their writing ends
        self._opened: weakref.WeakSet[_MemorySegment] = weakref.WeakSet()

    def create_segment(self, name: str, size: int, held: posix.Held) -> posix.Segment:
        with self._lock:
            if name in self._files:
                raise posix.AlreadyExistsError(f"{name} exists already")
            self._files[name] = os.memfd_create(name)
        segment = self._opened_segment(name, held)
        try:
            segment.grow(size)
        except BaseException:
            self.unlink_segment(name)
            raise
        return segment

    def open_segment(self, name: str, least: int, held: posix.Held) -> posix.Segment:
        segment = self._opened_segment(name, held)
        segment.remap()
        if segment.size < least:
            raise RPCTransportError(f"{name} is too short: {segment.size} bytes, at least {least} expected")
        return segment

    def link_segment(self, name: str, new_name: str) -> bool:
        with self._lock:
            if new_name in self._files:
                return False
            if name not in self._files:
                raise posix.NotFoundError(f"{name} does not exist")
            self._files[new_name] = os.dup(self._files[name])
            return True

    def unlink_segment(self, name: str) -> bool:
        with self._lock:
            fd = self._files.pop(name, self._bells.pop(name, -1))
        if fd >= 0:
            os.close(fd)
        return fd >= 0

    def create_semaphore(self, name: str, value: int, held: posix.Held) -> posix.Semaphore:
        with self._lock:
            if name in self._semaphores:
                raise posix.AlreadyExistsError(f"{name} exists already")
            self._refuse_if_full(name, 32, mmap.PAGESIZE)
            tokens = self._semaphores[name] = _Tokens(value)
        return _noted(_MemorySemaphore(tokens), held)

    def open_semaphore(self, name: str, held: posix.Held) -> posix.Semaphore:
        with self._lock:
            if name not in self._semaphores:
                raise posix.NotFoundError(f"{name} does not exist")
            return _noted(_MemorySemaphore(self._semaphores[name]), held)

    def unlink_semaphore(self, name: str) -> bool:
        with self._lock:
            return self._semaphores.pop(name, None) is not None

    def create_bell(self, name: str, held: posix.Held) -> posix.Bell:
        with self._lock:
            if name in self._files or name in self._bells:
                raise posix.AlreadyExistsError(f"{name} exists already")
            reader, self._bells[name] = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        return _noted(posix.Bell([reader]), held)

    def open_bell(self, name: str, held: posix.Held) -> posix.Bell:
        with self._lock:
            if name not in self._bells:
                raise posix.NotFoundError(f"{name} does not exist")
            return _noted(posix.Bell([os.dup(self._bells[name])]), held)

    def open_lock_file(self, name: str, held: posix.Held) -> posix.LockFile:
        return _noted(_MemoryLockFile(name, self._open(name), self), held)

    def list_own_objects(self, prefix: str) -> List[posix.Listed]:
        with self._lock:
            found = [posix.Listed(name, False, os.fstat(fd).st_size) for name, fd in self._files.items()]
            found += [posix.Listed(name, True, 0) for name in self._semaphores]
            found += [posix.Listed(name, False, 0) for name in self._bells]
        return sorted(listed for listed in found if listed.name.startswith(prefix))

    def close(self) -> None:
        """Forget everything. Idempotent."""
        for name in [*self._files, *self._bells]:
            self.unlink_segment(name)
        self._semaphores.clear()

    def _opened_segment(self, name: str, held: posix.Held) -> "_MemorySegment":
        segment = _noted(_MemorySegment(name, self._open(name), self), held)
        with self._lock:
            self._opened.add(segment)
        return segment

    def _open(self, name: str) -> int:
        """The file of that name, opened anew: locks are held by an open of a file, not by a descriptor."""
        with self._lock:
            if name not in self._files:
                raise posix.NotFoundError(f"{name} does not exist")
            return os.open(f"/proc/self/fd/{self._files[name]}", os.O_RDWR | os.O_CLOEXEC)

    def is_linked(self, fd: int) -> bool:
        """Whether the open file `fd` still has a name."""
        with self._lock:
            return any(os.path.sameopenfile(fd, named) for named in self._files.values())

    def refuse_if_full(self, name: str, fd: int, size: int) -> None:
        """Raise as the system does when `name` cannot have `size` bytes."""
        with self._lock:
            self._refuse_if_full(name, size, _pages(size) - _pages(os.fstat(fd).st_size))

    def _refuse_if_full(self, name: str, size: int, more: int) -> None:
        if self._capacity is not None:
            # A file takes its place until its name is gone and the last open of it is closed.
            opens = (segment.fd for segment in self._opened if not segment.is_closed)
            found = {status.st_ino: status.st_size for status in map(os.fstat, (*self._files.values(), *opens))}
            used = sum(map(_pages, found.values()))
            free = self._capacity - used - len(self._semaphores) * mmap.PAGESIZE
            if more > free:
                raise is_full(name, size, free, self._capacity)


Thing = TypeVar("Thing", bound=posix.Closable)


def _noted(thing: Thing, held: posix.Held) -> Thing:
    held.append(thing)
    return thing


class _Descriptor:
    """What posix_ipc gives for an open segment."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def close_fd(self) -> None:
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)


def _pages(size: int) -> int:
    """Bytes that so many take in whole pages, as in /dev/shm."""
    return -(-size // mmap.PAGESIZE) * mmap.PAGESIZE


class _MemorySegment(posix.Segment):
    __slots__ = ("_backend",)

    def __init__(self, name: str, fd: int, backend: MemoryBackend) -> None:
        super().__init__(name)
        self._handles.append(_Descriptor(fd))
        self._backend = backend

    def reserve(self, size: int) -> None:
        self._backend.refuse_if_full(self.name, self.fd, size)
        super().reserve(size)

    def is_linked(self) -> bool:
        return self._backend.is_linked(self.fd)


class _MemoryLockFile(posix.LockFile):
    def __init__(self, name: str, fd: int, backend: MemoryBackend) -> None:
        super().__init__(name)
        self._handles.append(_Descriptor(fd))
        self._backend = backend

    def is_linked(self) -> bool:
        return self._backend.is_linked(self.fd)


class _Tokens:
    """What all opens of one semaphore share."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.changed = threading.Condition()


class _MemorySemaphore:
    def __init__(self, tokens: _Tokens) -> None:
        self._tokens = tokens
        self._closed = False

    @property
    def value(self) -> int:
        return self._tokens.count

    def trywait(self) -> int:
        return 0 if self.park(0, posix.no_outcome()) else -1

    def park(self, until: float, outcome: posix.Outcome) -> bool:
        with self._open() as tokens:
            while not tokens.count:
                left = until - time.monotonic()
                if left <= 0:
                    return False
                tokens.changed.wait(left)
            tokens.count -= 1
            outcome.append(0)
        return True

    def release(self) -> None:
        with self._open() as tokens:
            tokens.count += 1
            tokens.changed.notify()

    def close(self) -> None:
        self._closed = True

    @contextlib.contextmanager
    def _open(self) -> Iterator[_Tokens]:
        if self._closed:
            raise posix.Closed("the semaphore was closed")
        with self._tokens.changed:
            yield self._tokens
