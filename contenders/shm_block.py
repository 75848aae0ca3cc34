"""Shared memory RPC that parks at once instead of spinning first: what it costs to burn no CPU while waiting."""

from __future__ import annotations

from contenders.shm import Shm


class ShmBlock(Shm):
    """As :class:`contenders.shm.Shm`, with ``wait="block"`` on both sides."""

    name = "shm-block"
    summary = "This project's shared memory RPC, parking on a semaphore at once."
    wait = "block"
