"""What lies in shared memory."""

import contextlib
import os
from typing import List, NamedTuple

from .segments import FOLDER, unlink_segment
from .semaphores import SEMAPHORE_PREFIX, unlink_semaphore


class Listed(NamedTuple):
    """One object in /dev/shm."""

    name: str
    is_semaphore: bool
    size: int
    """Bytes."""


def list_own_objects(prefix: str) -> List[Listed]:
    """Every segment and semaphore of this user whose name begins with `prefix`, sorted by name."""
    found = []
    with os.scandir(FOLDER) as entries:
        for entry in entries:
            is_semaphore = entry.name.startswith(SEMAPHORE_PREFIX)
            name = entry.name[len(SEMAPHORE_PREFIX) :] if is_semaphore else entry.name
            if name.startswith(prefix):
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_uid == os.geteuid():
                        found.append(Listed(name, is_semaphore, status.st_size))
    return sorted(found)


def unlink_object(listed: Listed) -> bool:
    """Remove the name that :func:`list_own_objects` found, if it is still there."""
    return unlink_semaphore(listed.name) if listed.is_semaphore else unlink_segment(listed.name)
