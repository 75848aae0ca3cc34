"""Shared memory RPC with handlers in threads: what it costs that a slow one holds up no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from contenders.interface import ARRAYS
from contenders.shm import Shm


class ShmThreads(Shm):
    """As :class:`contenders.shm.Shm`, with ``threads=4`` in the server."""

    name = "shm-threads"
    summary = "This project's shared memory RPC, handlers in four threads of the server."
    lanes: ClassVar[tuple[str, ...]] = ("json", "native", "pickle", ARRAYS)
    threads: ClassVar[int] = 4

    def settings(self) -> Mapping[str, str]:
        return {**super().settings(), "server workers": f"{self.threads}, whichever is free"}
