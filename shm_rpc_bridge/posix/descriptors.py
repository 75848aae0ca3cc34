"""Numbers of file descriptors: ours are 3 and more.

A process without standard streams (a classic daemon) gets 0, 1 and 2 for what it opens next, and the first ``print``,
its own or a child's, would write into a segment.
"""

import contextlib
import os
from collections import deque
from itertools import repeat
from typing import Iterator, List


@contextlib.contextmanager
def above_standard_streams() -> Iterator[None]:
    """Open nothing as descriptor 0, 1 or 2 in this block: those that are closed are taken for its time."""
    if all(map(_is_open, (0, 1, 2))):
        yield
        return
    fillers: List[int] = []
    try:
        while not fillers or fillers[-1] < 2:
            fillers.extend(map(os.open, (os.devnull,), (os.O_RDWR,)))
        yield
    finally:
        close_all(fillers)


def close_all(descriptors: List[int]) -> None:
    """Close them, the last one first, and forget them."""
    while descriptors:
        # In C from the one to the other: what a signal's handler raises in between would lose a descriptor.
        deque(map(os.close, map(list.pop, repeat(descriptors, 1))), 0)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
