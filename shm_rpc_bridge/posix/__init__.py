"""All that touches the operating system: segments, semaphores and locks, and one table for what it may refuse.

Everything another process can see is made, opened, listed or removed by one of eleven functions here, which
:class:`Backend` describes; what they give out is then used directly. Tests put others in their place: see
:func:`using`, and :mod:`shm_rpc_bridge.testing`, which has a backend that keeps everything in this process and one that
stops at named steps.

Nothing here knows what is in a segment or what a semaphore means. Objects of this package may be used by several
threads, but must not be closed while another thread is inside one of their methods: unmapping a semaphore under
a waiter is a segmentation fault, so every owner above closes only what no thread uses.
"""

import contextlib
import sys
from types import SimpleNamespace
from typing import Any, Callable, Iterator

import posix_ipc

if not (posix_ipc.SEMAPHORE_TIMEOUT_SUPPORTED and sys.platform.startswith("linux")):
    raise ImportError(
        f"shm_rpc_bridge needs Linux: {sys.platform} lacks timed semaphore waits, a readable semaphore value "
        "or open file description locks"
    )

from .backend import OPERATIONS, Backend
from .bells import Bell, create_bell, open_bell
from .held import Closable, Held, close_all, let_go
from .listing import Listed, list_own_objects
from .locks import LockFile
from .processes import Process, described, is_gone, this_process
from .refusals import AlreadyExistsError, NotFoundError
from .segments import Segment, link_segment, no_memory, unlink_segment
from .semaphores import (
    LIBC,
    Closed,
    Outcome,
    Semaphore,
    create_semaphore,
    fence,
    no_outcome,
    offer_core,
    open_semaphore,
    refuse_other_libc,
    unlink_semaphore,
)

__all__ = [
    "LIBC",
    "AlreadyExistsError",
    "Backend",
    "Bell",
    "Closable",
    "Closed",
    "Held",
    "Listed",
    "LockFile",
    "NotFoundError",
    "Outcome",
    "Process",
    "Segment",
    "Semaphore",
    "close_all",
    "create_bell",
    "create_segment",
    "create_semaphore",
    "described",
    "fence",
    "is_gone",
    "let_go",
    "link_segment",
    "list_own_objects",
    "no_memory",
    "no_outcome",
    "offer_core",
    "open_bell",
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

create_segment = Segment.create
open_segment = Segment.open
open_lock_file = LockFile.open


def unlink_object(listed: Listed) -> bool:
    """Remove the name that :func:`list_own_objects` found, if it is still there."""
    return unlink_semaphore(listed.name) if listed.is_semaphore else unlink_segment(listed.name)


@contextlib.contextmanager
def using(replacement: Callable[[Backend], Backend]) -> Iterator[Backend]:
    """Use what `replacement` makes of the present backend, in all threads of this process, until the block ends.

    It holds for what is made, opened or removed within the block; objects go on with the backend they came through.
    """
    before: Any = SimpleNamespace(**{name: globals()[name] for name in OPERATIONS})
    backend = replacement(before)
    globals().update({name: getattr(backend, name) for name in OPERATIONS})
    try:
        yield backend
    finally:
        globals().update(vars(before))
