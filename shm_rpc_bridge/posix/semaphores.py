"""Semaphores. What waits for one is in :mod:`shm_rpc_bridge.waiting`."""

import os
import stat
import struct
from typing import Optional, Protocol

import posix_ipc

from ..exceptions import RPCTransportError
from .refusals import refuse_if_not_private, translated
from .segments import FOLDER


class Semaphore(Protocol):
    """What is used of ``posix_ipc.Semaphore``, which has no type information."""

    value: int
    """Tokens at this moment: a hint."""

    def acquire(self, timeout: Optional[float] = None) -> None: ...
    def release(self) -> None: ...
    def close(self) -> None: ...


Busy = posix_ipc.BusyError
"""``acquire`` found no token in time."""
Interrupted = posix_ipc.SignalError
"""A signal handler ran during ``acquire``: look again."""
Closed = posix_ipc.ExistentialError
"""The semaphore was closed before."""

SEMAPHORE_PREFIX = "sem."
_SEMAPHORE_SIZE = 16 if struct.calcsize("P") == 4 else 32
"""sizeof(sem_t) in glibc and musl: a shorter file would be a SIGBUS at the first wait."""


def create_semaphore(name: str, value: int) -> Semaphore:
    """A new semaphore with `value` tokens. Raises AlreadyExistsError."""
    with translated(name):
        semaphore: Semaphore = posix_ipc.Semaphore("/" + name, posix_ipc.O_CREX, mode=0o600, initial_value=value)
        os.chmod(_semaphore_file(name), 0o600)  # whatever the umask took away
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
        semaphore: Semaphore = posix_ipc.Semaphore("/" + name)
    return semaphore


def _semaphore_file(name: str) -> str:
    return f"{FOLDER}/{SEMAPHORE_PREFIX}{name}"


def unlink_semaphore(name: str) -> bool:
    """Remove a semaphore's name, if it is there; processes that have it open keep it."""
    try:
        posix_ipc.unlink_semaphore("/" + name)
    except posix_ipc.ExistentialError:
        return False
    return True
