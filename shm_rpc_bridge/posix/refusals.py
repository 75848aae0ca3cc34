"""What the operating system may refuse, as this library's errors."""

import contextlib
import errno
import logging
import os
import stat
from typing import Iterator

import posix_ipc

from ..exceptions import RPCTransportError

logger = logging.getLogger("shm_rpc_bridge")


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
def translated(name: str) -> Iterator[None]:
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


def report_not_ours(name: str) -> None:
    """Log that `name` stays: whoever has planted it is not to end a server that cleans up."""
    logger.warning("%s belongs to another user and stays", name)


def refuse_if_not_private(name: str, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise RPCTransportError(f"{name} belongs to user {status.st_uid}, not to this process's {os.geteuid()}")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise RPCTransportError(
            f"{name} is open to other users (mode {stat.S_IMODE(status.st_mode):04o}, expected 0600): remove it"
        )
