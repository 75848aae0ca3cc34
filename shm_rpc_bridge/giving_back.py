"""The thread in which clients give back what large messages have left them, while nobody calls. It lives no longer.

A client that is called does that itself. This is for those that are idle: nobody else may unmap their memory.
"""

import contextlib
import logging
import os
import threading
import time
import weakref
from typing import Optional, Protocol

from .living import living

logger = logging.getLogger("shm_rpc_bridge")

_PAUSE = 1.0
"""Seconds between looks."""


class Holder(Protocol):
    """What may have memory to give back."""

    def give_back_unused(self) -> bool:
        """Let go of what has not been used for a while; whether there may be more, later. From any thread."""


_lock = threading.RLock()
_holders: "weakref.WeakSet[Holder]" = weakref.WeakSet()
_thread: Optional[threading.Thread] = None


def watch(holder: Holder) -> None:
    """Have it asked from now on until it has nothing left. Where there can be no thread it keeps what it has."""
    global _thread
    with _lock:
        _holders.add(holder)
        if _thread is None:
            thread = threading.Thread(target=_run, name="shm_rpc_bridge giving memory back", daemon=True)
            with contextlib.suppress(RuntimeError):
                thread.start()
                _thread = thread


def _run() -> None:
    global _thread
    while True:
        time.sleep(_PAUSE)
        _look()
        with _lock:
            if not _holders:
                _thread = None
                return


def _look() -> None:
    for holder in living(_holders):
        _holders.discard(holder)  # first: it may come to have some again meanwhile, and says so
        try:
            if holder.give_back_unused():
                _holders.add(holder)
        except Exception:
            logger.exception("memory cannot be given back")


def _begin_anew() -> None:
    """In a forked child, which has neither the thread nor its parent's memory."""
    global _lock, _thread
    _lock = threading.RLock()
    _thread = None
    _holders.clear()


os.register_at_fork(after_in_child=_begin_anew)
