"""What lies in shared memory."""

import contextlib
import os
import stat
from typing import List, NamedTuple

from ..names import BELL
from .refusals import FOLDER, oddness, translated
from .semaphores import SEMAPHORE_PREFIX


class Listed(NamedTuple):
    """One object in /dev/shm."""

    name: str
    is_semaphore: bool
    size: int
    """Bytes."""
    odd: str = ""
    """Why it is none of this library in spite of its name ("is a directory ..."), or ""."""


def list_own_objects(prefix: str) -> List[Listed]:
    """Every segment and semaphore of this user whose name begins with `prefix`, sorted by name; the odd ones, too."""
    found = []
    with translated(FOLDER, FOLDER):
        listed = os.scandir(FOLDER)
    with listed as entries:
        for entry in entries:
            is_semaphore = entry.name.startswith(SEMAPHORE_PREFIX)
            name = entry.name[len(SEMAPHORE_PREFIX) :] if is_semaphore else entry.name
            if name.startswith(prefix):
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_uid == os.geteuid():
                        is_kind = stat.S_ISFIFO if name.endswith(BELL) else stat.S_ISREG
                        found.append(Listed(name, is_semaphore, status.st_size, oddness(status, is_kind)))
    return sorted(found)
