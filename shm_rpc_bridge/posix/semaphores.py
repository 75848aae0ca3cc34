"""Semaphores. What waits for one is in :mod:`shm_rpc_bridge.waiting`."""

import contextlib
import ctypes
import functools
import os
import stat
import struct
import time
from collections import deque
from itertools import islice, repeat
from typing import Any, Callable, Deque, Iterator, List, Protocol

import posix_ipc

from .. import signals
from ..exceptions import RPCTransportError
from .descriptors import above_standard_streams
from .held import Handles, Held
from .refusals import FOLDER, is_out_of_memory, refuse_if_odd, report_not_ours, translated
from .segments import free_and_total, is_full

Outcome = Deque[int]
"""What came of the last wait that parked: 0 when it took a token, -1 when not. Noted in the same step of C in which it
was taken, so that no handler of a signal comes between."""


def no_outcome() -> Outcome:
    return deque((-1,), maxlen=1)


class Semaphore(Protocol):
    """What is used of a semaphore."""

    @property
    def value(self) -> int:
        """Tokens at this moment: a hint."""

    @property
    def trywait(self) -> Callable[[], int]:
        """Take a token, if there is one, and keep the GIL: 0, or -1 where there was none, as sem_trywait says it."""

    def park(self, until: float, outcome: Outcome) -> bool:
        """Take a token, waiting for it until that time on CLOCK_MONOTONIC, in seconds, which no setting of the wall
        clock changes, where the system can do that. False, perhaps sooner, if there is none. What the handler of a
        signal raises, this raises: only the outcome, which must be -1 before, knows then whether a token was taken."""

    def release(self) -> Any:
        """Add a token."""

    def close(self) -> None:
        """Let go of it. Idempotent. No thread may be inside another method, or come back to one."""


Closed = posix_ipc.ExistentialError
"""The semaphore was closed before."""

SEMAPHORE_PREFIX = "sem."
_SEMAPHORE_SIZE = 16 if struct.calcsize("P") == 4 else 32
"""sizeof(sem_t) in glibc and musl: a shorter file would be a SIGBUS at the first wait."""


def _libc_in_use() -> int:
    """1 for glibc, 2 for others (musl): a semaphore of the one is none for the other."""
    with contextlib.suppress(ValueError, OSError):
        if os.confstr("CS_GNU_LIBC_VERSION"):
            return 1
    return 2


LIBC = _libc_in_use()


def refuse_other_libc(name: str, libc: int) -> None:
    """RPCTransportError where the semaphores that belong to `name` are of another C library than this process's."""
    if libc != LIBC:
        kinds = {1: "glibc", 2: "another C library than glibc (musl)"}
        raise RPCTransportError(
            f"{name} was made by a process with {kinds.get(libc, 'an unknown C library')}, this one has {kinds[LIBC]}: "
            "their semaphores differ, so both sides must run on the same one"
        )


class _Timespec(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


_libc = ctypes.CDLL(None)
_libc.sem_init.argtypes = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint
# sem_clockwait and sem_trywait have no argtypes: converting by them asks for more of the stack, and where there is none
# left, a RecursionError, ctypes makes an ArgumentError of that.
_HAS_CLOCKWAIT = hasattr(_libc, "sem_clockwait")
# These keep the GIL. sem_open and sem_close do, as posix_ipc's, because they hold a lock of the C library, for which a
# process that is forked meanwhile would wait for ever; the others because whoever gives the GIL up for an instant has
# it taken by a thread that computes, which keeps it for a switch interval, 5 ms.
_libc_with_gil = ctypes.PyDLL(None, use_errno=True)
_libc_with_gil.sem_open.restype = ctypes.c_void_p
_libc_with_gil.sem_open.argtypes = ctypes.c_char_p, ctypes.c_int
_libc_with_gil.sem_close.argtypes = (ctypes.c_void_p,)
offer_core: Callable[[], int] = ctypes.PyDLL(None).sched_yield
"""``os.sched_yield`` that keeps the GIL."""
_trywait = ctypes.PyDLL(None).sem_trywait
_post = ctypes.PyDLL(None).sem_post
_own = ctypes.create_string_buffer(_SEMAPHORE_SIZE)
_libc.sem_init(_own, 0, 0)


def fence() -> None:
    """What was written to shared memory before this is written before anything is read after it.

    Semaphores order what goes from who posts to who waits; two who each write and then look at what the other has
    written need this in between. A semaphore of this process alone is posted and taken: two atomic steps on one place.
    """
    _post(_own)
    _trywait(_own)


class _SystemSemaphore(posix_ipc.Semaphore):  # type: ignore[misc]  # posix_ipc has no type information
    """posix_ipc's, with a trywait that keeps the GIL and waits that count on CLOCK_MONOTONIC.

    Its own timeout is sem_timedwait's, which counts on the wall clock: a clock set back an hour makes it an hour
    longer. glibc 2.30 has sem_clockwait, which is used where it is there. POSIX gives one address to all opens of a
    semaphore in a process, so this one, made by name again, waits on the very same.
    """

    __slots__ = ("_addresses", "_until", "_waits", "trywait")
    _addresses: List[int]
    _waits: Iterator[int]
    trywait: Callable[[], int]

    def find_address(self, name: str) -> None:
        """To be called once, while it still has its name. Raises OSError."""
        self._addresses = []
        self._addresses.extend(filter(None, map(_libc_with_gil.sem_open, (b"/" + name.encode(),), (0,))))
        try:
            address = ctypes.c_void_p(self._addresses[0])
        except IndexError:  # or closed in the meantime, by a signal's handler
            raise OSError(ctypes.get_errno(), "sem_open") from None
        self._until = until = _Timespec()
        if _HAS_CLOCKWAIT:
            self._waits = map(
                _libc.sem_clockwait, repeat(address), repeat(time.CLOCK_MONOTONIC), repeat(ctypes.byref(until))
            )
        self.trywait = functools.partial(_trywait, address)

    def park(self, until: float, outcome: Outcome) -> bool:
        if not _HAS_CLOCKWAIT:
            return self._park_on_the_wall_clock(until, outcome)
        seconds = int(until)
        self._until.tv_sec, self._until.tv_nsec = seconds, int((until - seconds) * 1e9)
        outcome.extend(islice(self._waits, 1))  # in C from the wait, which releases the GIL, to the note of what came
        return not outcome[0]

    def _park_on_the_wall_clock(self, until: float, outcome: Outcome) -> bool:
        timeout = max(0.0, until - time.monotonic())
        busy_or_interrupted = contextlib.suppress(posix_ipc.BusyError, posix_ipc.SignalError)
        with signals.held_back() as some, busy_or_interrupted:
            limit = min(timeout, signals.HOLD_SECONDS) if some else timeout
            outcome.extend(map(bool, map(self.acquire, (limit,))))  # which returns None
        return not outcome[0]

    def close(self) -> None:
        self.trywait, self._waits = _closed, map(_closed, repeat(0))
        addresses = getattr(self, "_addresses", [])
        while addresses:
            _libc_with_gil.sem_close(addresses.pop())
        with contextlib.suppress(Closed):
            super().close()


def _closed(*_: object) -> int:
    raise Closed("the semaphore was closed before")


def create_semaphore(name: str, value: int, held: Held) -> Semaphore:
    """A new semaphore with `value` tokens, noted in `held`. Raises AlreadyExistsError, or when /dev/shm is full."""
    # sem_open would make a file of a random name first: whoever dies before that is renamed leaves it for ever.
    token = ctypes.create_string_buffer(_SEMAPHORE_SIZE)
    _libc.sem_init(token, 1, value)
    file = Handles()
    held.append(file)
    with translated(name, _semaphore_file(name)), above_standard_streams():
        file.open(SEMAPHORE_PREFIX + name, posix_ipc.O_CREX)
    try:
        os.fchmod(file.fd, 0o600)  # whatever the umask took away
        _write(file.fd, name, token.raw)
        semaphore = _opened(name, held)
    except BaseException:
        unlink_semaphore(name)
        raise
    file.close()
    return semaphore


def _write(fd: int, name: str, data: bytes) -> None:
    with translated(name, _semaphore_file(name)):
        try:
            os.write(fd, data)
        except OSError as error:
            if is_out_of_memory(error):
                raise is_full(name, len(data), *free_and_total(fd)) from None
            raise


def open_semaphore(name: str, held: Held) -> Semaphore:
    """An existing one, noted in `held`; refused unless its file is regular, private, ours and of the right length."""
    with translated(name, _semaphore_file(name)):
        status = os.lstat(_semaphore_file(name))
    if stat.S_ISLNK(status.st_mode):
        raise RPCTransportError(f"semaphore {name} is not a regular file but a symbolic link: remove it")
    refuse_if_odd(f"semaphore {name}", status)
    if status.st_size != _SEMAPHORE_SIZE:
        raise RPCTransportError(f"semaphore {name} is damaged: {status.st_size} bytes, {_SEMAPHORE_SIZE} expected")
    return _opened(name, held)


def _opened(name: str, held: Held) -> Semaphore:
    with translated(name, _semaphore_file(name)), above_standard_streams():
        held.extend(map(_SystemSemaphore, ("/" + name,)))
        semaphore: _SystemSemaphore = held[-1]  # type: ignore[assignment]
        semaphore.find_address(name)
    return semaphore


def _semaphore_file(name: str) -> str:
    return f"{FOLDER}/{SEMAPHORE_PREFIX}{name}"


def unlink_semaphore(name: str) -> bool:
    """Remove a semaphore's name, if it is there and ours; processes that have it open keep it."""
    try:
        posix_ipc.unlink_semaphore("/" + name)
    except posix_ipc.ExistentialError:
        return False
    except (posix_ipc.PermissionsError, OSError):  # another user's, or a directory
        report_not_ours(name, _semaphore_file(name))
        return False
    return True
