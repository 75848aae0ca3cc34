"""The only door to the operating system: segments, semaphores and locks, and one table for what it may refuse.

Nothing here knows what is in a segment or what a semaphore means. Objects of this package may be used by several
threads, but must not be closed while another thread is inside one of their methods: unmapping a semaphore under
a waiter is a segmentation fault, so every owner above closes only what no thread uses.
"""

import sys

import posix_ipc

if not (posix_ipc.SEMAPHORE_TIMEOUT_SUPPORTED and sys.platform.startswith("linux")):
    raise ImportError(
        f"shm_rpc_bridge needs Linux: {sys.platform} lacks timed semaphore waits, a readable semaphore value "
        "or open file description locks"
    )

from .door import (
    Door,
    SystemDoor,
    create_segment,
    create_semaphore,
    list_own_objects,
    open_lock_file,
    open_segment,
    open_semaphore,
    unlink_object,
    unlink_segment,
    unlink_semaphore,
    using,
)
from .listing import Listed
from .locks import LockFile
from .refusals import AlreadyExistsError, NotFoundError
from .segments import Segment
from .semaphores import Busy, Closed, Interrupted, Outcome, Semaphore, was_taken

__all__ = [
    "AlreadyExistsError",
    "Busy",
    "Closed",
    "Door",
    "Interrupted",
    "Listed",
    "LockFile",
    "NotFoundError",
    "Outcome",
    "Segment",
    "Semaphore",
    "SystemDoor",
    "create_segment",
    "create_semaphore",
    "list_own_objects",
    "open_lock_file",
    "open_segment",
    "open_semaphore",
    "unlink_object",
    "unlink_segment",
    "unlink_semaphore",
    "using",
    "was_taken",
]
