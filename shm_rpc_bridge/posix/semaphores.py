"""Semaphores. What waits for one is in :mod:`shm_rpc_bridge.waiting`."""

import contextlib
import ctypes
import errno
import os
import stat
import struct
import time
from typing import List, Optional, Protocol

import posix_ipc

from .. import signals
from ..exceptions import RPCTransportError
from .refusals import refuse_if_not_private, report_not_ours, translated
from .segments import FOLDER, is_full

Outcome = List[Optional[int]]
"""What came of waits, the last one last; written in the instant of it, before any handler of a signal may run."""


def was_taken(outcome: Outcome) -> bool:
    """Whether the last wait has taken a token."""
    return bool(outcome) and not outcome[-1]


class Semaphore(Protocol):
    """What is used of a semaphore."""

    @property
    def value(self) -> int:
        """Tokens at this moment: a hint."""

    def acquire(self, timeout: Optional[float] = None) -> None:
        """Take a token. Raises Busy or Interrupted."""

    def park(self, timeout: float, outcome: Outcome) -> None:
        """Take a token, waiting for it up to `timeout` seconds that no setting of the wall clock changes, where the
        system can do that. Raises Busy, perhaps sooner, or Interrupted, or what a signal's handler raises: whether the
        token was taken even then, :func:`was_taken` knows from `outcome`."""

    def release(self) -> None:
        """Add a token."""

    def close(self) -> None:
        """Let go of it. Idempotent. No thread may be inside another method, or come back to one."""


Busy = posix_ipc.BusyError
"""``acquire`` found no token in time."""
Interrupted = posix_ipc.SignalError
"""A signal handler ran during ``acquire``: look again."""
Closed = posix_ipc.ExistentialError
"""The semaphore was closed before."""

SEMAPHORE_PREFIX = "sem."
_SEMAPHORE_SIZE = 16 if struct.calcsize("P") == 4 else 32
"""sizeof(sem_t) in glibc and musl: a shorter file would be a SIGBUS at the first wait."""


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


_libc = ctypes.CDLL(None)
_libc.sem_init.argtypes = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint
_HAS_CLOCKWAIT = hasattr(_libc, "sem_clockwait")
if _HAS_CLOCKWAIT:
    _libc.sem_open.restype = ctypes.c_void_p
    _libc.sem_open.argtypes = ctypes.c_char_p, ctypes.c_int
    _libc.sem_clockwait.argtypes = ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Timespec)
    _libc.sem_close.argtypes = (ctypes.c_void_p,)


class _SystemSemaphore(posix_ipc.Semaphore):  # type: ignore[misc]  # posix_ipc has no type information
    """posix_ipc's, with waits that count on CLOCK_MONOTONIC.

    Its own timeout is sem_timedwait's, which counts on the wall clock: a clock set back an hour makes it an hour
    longer. glibc 2.30 has sem_clockwait, which is used where it is there. POSIX gives one address to all opens of a
    semaphore in a process, so this one, made by name again, waits on the very same.
    """

    __slots__ = ("_address",)

    def __init__(self, name: str, *arguments: object, **options: object) -> None:
        super().__init__(name, *arguments, **options)
        self._address: Optional[int] = None
        if _HAS_CLOCKWAIT:
            self._address = _libc.sem_open(name.encode(), 0)

    def park(self, timeout: float, outcome: Outcome) -> None:
        if self._address is None:
            with signals.held_back() as some:
                outcome.extend(map(self.acquire, (min(timeout, signals.HOLD_SECONDS) if some else timeout,)))
            return
        until = _Timespec(*divmod(time.monotonic_ns() + int(timeout * 1e9), 1_000_000_000))
        # In C from the wait, which releases the GIL, to the note of what came of it: between two steps of this
        # function Python may run the handler of a signal, which may raise.
        outcome.extend(map(_libc.sem_clockwait, (self._address,), (time.CLOCK_MONOTONIC,), (until,)))
        if outcome[-1]:
            raise Busy  # or interrupted: errno may be another's by now, of a handler that has run

    def close(self) -> None:
        address, self._address = self._address, None
        if address is not None:
            _libc.sem_close(address)
        with contextlib.suppress(Closed):
            super().close()


def create_semaphore(name: str, value: int) -> Semaphore:
    """A new semaphore with `value` tokens. Raises AlreadyExistsError, or an error when /dev/shm is full."""
    # sem_open would make a file of a random name first: whoever dies before that is renamed leaves it for ever.
    token = ctypes.create_string_buffer(_SEMAPHORE_SIZE)
    _libc.sem_init(token, 1, value)
    path = _semaphore_file(name)
    with translated(name):
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(fd, 0o600)  # whatever the umask took away
            os.write(fd, token.raw)
            semaphore: Semaphore = _SystemSemaphore("/" + name)
        except BaseException as error:
            os.unlink(path)
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                disk = os.statvfs(FOLDER)
                free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
                raise is_full(name, _SEMAPHORE_SIZE, free, total) from None
            raise
        finally:
            os.close(fd)
    return semaphore


def open_semaphore(name: str) -> Semaphore:
    """An existing semaphore, refused unless its file is regular, private, ours and as long as a semaphore."""
    with translated(name):
        status = os.lstat(_semaphore_file(name))
    if not stat.S_ISREG(status.st_mode):
        raise RPCTransportError(f"semaphore {name} is not a regular file: remove it")
    refuse_if_not_private(name, status)
    if status.st_size != _SEMAPHORE_SIZE:
        raise RPCTransportError(f"semaphore {name} is damaged: {status.st_size} bytes, {_SEMAPHORE_SIZE} expected")
    with translated(name):
        semaphore: Semaphore = _SystemSemaphore("/" + name)
    return semaphore


def _semaphore_file(name: str) -> str:
    return f"{FOLDER}/{SEMAPHORE_PREFIX}{name}"


def unlink_semaphore(name: str) -> bool:
    """Remove a semaphore's name, if it is there and ours; processes that have it open keep it."""
    try:
        posix_ipc.unlink_semaphore("/" + name)
    except posix_ipc.ExistentialError:
        return False
    except posix_ipc.PermissionsError:
        report_not_ours(name)
        return False
    return True
