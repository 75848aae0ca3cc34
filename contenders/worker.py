"""For processes that a contender's own library starts, and for those that a measurement does."""

from __future__ import annotations

import os
from multiprocessing import parent_process
from multiprocessing.connection import wait


def die_with_parent() -> None:
    """Leave at once when the parent is gone, however it went. Blocks until then: for a thread of its own."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
