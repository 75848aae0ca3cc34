"""Numbers of file descriptors: ours are 3 and more.

A process without standard streams (a classic daemon) gets 0, 1 and 2 for what it opens next, and the first ``print``,
its own or a child's, would write into a segment.
"""

import contextlib
import os
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
        while fillers:
            filler = fillers.pop()
            os.close(filler)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True
