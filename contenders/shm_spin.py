"""Shared memory RPC that never parks: what waking costs the others, at the price of a core on each side."""

from __future__ import annotations

from contenders.shm import Shm


class ShmSpin(Shm):
    """As :class:`contenders.shm.Shm`, with ``wait="spin"`` on both sides."""

    name = "shm-spin"
    summary = "This project's shared memory RPC, spinning for as long as it waits."
    wait = "spin"
