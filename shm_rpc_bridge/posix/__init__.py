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
    link_segment,
    list_own_objects,
    open_lock_file,
    open_segment,
    open_semaphore,
    unlink_object,
    unlink_segment,
    unlink_semaphore,
    using,
)
from .held import Closable, Held, let_go
from .listing import Listed
from .locks import LockFile
from .processes import Process, described, is_gone, this_process
from .refusals import AlreadyExistsError, NotFoundError
from .segments import Segment, no_memory
from .semaphores import LIBC, Busy, Closed, Interrupted, Semaphore, Tally, counted, new_tally, refuse_other_libc

__all__ = [
    "LIBC",
    "AlreadyExistsError",
    "Busy",
    "Closable",
    "Closed",
    "Door",
    "Held",
    "Interrupted",
    "Listed",
    "LockFile",
    "NotFoundError",
    "Process",
    "Segment",
    "Semaphore",
    "SystemDoor",
    "Tally",
    "counted",
    "create_segment",
    "create_semaphore",
    "described",
    "is_gone",
    "let_go",
    "link_segment",
    "list_own_objects",
    "new_tally",
    "no_memory",
    "open_lock_file",
    "open_segment",
    "open_semaphore",
    "refuse_other_libc",
    "this_process",
    "unlink_object",
    "unlink_segment",
    "unlink_semaphore",
    "using",
]
