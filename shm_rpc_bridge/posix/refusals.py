"""What the operating system may refuse, as this library's errors."""

import contextlib
import errno
import logging
import os
import stat
from typing import Callable, Iterator

import posix_ipc

from ..exceptions import RPCTransportError

logger = logging.getLogger("shm_rpc_bridge")

FOLDER = "/dev/shm"


class NotFoundError(RPCTransportError):
    """No object has that name (yet, or any more)."""


class AlreadyExistsError(RPCTransportError):
    """An object of that name is there already."""


_ERRORS = {
    errno.ENOENT: (NotFoundError, "does not exist"),
    errno.EEXIST: (AlreadyExistsError, "exists already"),
    errno.EACCES: (RPCTransportError, "may not be used"),
    errno.EPERM: (RPCTransportError, "may not be used"),
    errno.ELOOP: (RPCTransportError, "is a symbolic link, which is never followed: remove it"),
    errno.EISDIR: (RPCTransportError, "is a directory: remove it"),
    errno.EROFS: (RPCTransportError, f"cannot be made: {FOLDER} is mounted read-only"),
    errno.EMFILE: (
        RPCTransportError,
        "needs a file descriptor and this process has none left: raise ulimit -n",
    ),
    errno.ENFILE: (RPCTransportError, "needs a file descriptor and the system has none left"),
    errno.ENOMEM: (
        RPCTransportError,
        "does not fit into memory: free some, raise ulimit -v, or have fewer mappings (vm.max_map_count)",
    ),
}


@contextlib.contextmanager
def translated(name: str, path: str) -> Iterator[None]:
    """Turn what posix_ipc and the OS raise about `name`, the file at `path`, into this library's errors."""
    try:
        yield
    except posix_ipc.ExistentialError as error:
        raise _refusal(name, path, errno.ENOENT if "No " in str(error) else errno.EEXIST) from None
    except posix_ipc.PermissionsError:
        raise _refusal(name, path, errno.EACCES) from None
    except MemoryError:
        raise _refusal(name, path, errno.ENOMEM) from None
    except ValueError as error:  # what posix_ipc makes of EINVAL, which is the C library's word for a directory
        if os.path.isdir(path):
            raise _refusal(name, path, errno.EISDIR) from None
        raise RPCTransportError(f"{name} failed: {error}") from error
    except OSError as error:
        if error.errno in _ERRORS:
            raise _refusal(name, path, error.errno or 0) from None
        raise RPCTransportError(f"{name} failed: {error}") from error


def _refusal(name: str, path: str, code: int) -> RPCTransportError:
    kind, words = _ERRORS[code]
    if code == errno.ENOENT and not os.path.isdir(FOLDER):
        return RPCTransportError(f"{name} cannot be opened: there is no {FOLDER}; mount -t tmpfs tmpfs {FOLDER}")
    if code in (errno.EEXIST, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP):
        words += _whose(path)
    return kind(f"{name} {words}")


def is_out_of_memory(error: OSError) -> bool:
    """Whether the file system, or the memory that it is of, is full."""
    return error.errno in (errno.ENOSPC, errno.ENOMEM)


def _whose(path: str) -> str:
    """What is in the way, and whose it is, as the end of a sentence."""
    try:
        status = os.lstat(path)
    except OSError:
        return f": {FOLDER} is not writable for user {os.geteuid()}"
    return f": {what_it_is(status)} of user {status.st_uid}"


def what_it_is(status: os.stat_result) -> str:
    for is_kind, kind in ((stat.S_ISDIR, "a directory"), (stat.S_ISLNK, "a symbolic link"), (stat.S_ISREG, "a file")):
        if is_kind(status.st_mode):
            return kind
    return "a special file"


def report_not_ours(name: str, path: str) -> None:
    """Log that `name` stays: whoever has planted it is not to end a server that cleans up."""
    logger.warning("%s stays%s", name, _whose(path))


def oddness(status: os.stat_result, is_kind: Callable[[int], bool] = stat.S_ISREG) -> str:
    """Why the object is none of this library and this user, or "". `is_kind`: of which kind its mode must be."""
    if status.st_uid != os.geteuid():
        return f"belongs to user {status.st_uid}, not to this process's {os.geteuid()}"
    if not is_kind(status.st_mode):
        expected = "a regular file" if is_kind is stat.S_ISREG else "a FIFO"
        return f"is {what_it_is(status)}, not {expected}: remove it"
    if stat.S_IMODE(status.st_mode) & 0o077:
        return f"is open to other users (mode {stat.S_IMODE(status.st_mode):04o}, expected 0600): remove it"
    return ""


def refuse_if_odd(name: str, status: os.stat_result, is_kind: Callable[[int], bool] = stat.S_ISREG) -> None:
    """RPCTransportError unless it is of that kind, private and ours."""
    odd = oddness(status, is_kind)
    if odd:
        raise RPCTransportError(f"{name} {odd}")
