"""What makes a client or a server more of a program: a heap that has been used, a thread that computes.

Runs in the measured processes, before they connect or serve.
"""

from __future__ import annotations

import ctypes
import random
import sys
import threading
from multiprocessing import parent_process
from typing import Any

from scenarios.measuring.usage import COMPUTING
from scenarios.plan.circumstances import CLIENT_THREAD, SERVER_THREAD, WORN, Circumstances

PR_SET_NAME = 15
ROUNDS, SMALL, LARGE = 40, 2000, 25
"""Of wear: in each round so many small and large blocks are made, and most of them freed."""

_kept: list[Any] = []


def prepare_server(circumstances: Circumstances) -> None:
    """In a server's process, before it serves."""
    if circumstances.heap == WORN:
        wear()
    if circumstances.beside == SERVER_THREAD:
        compute_in_a_thread()


def prepare_client(circumstances: Circumstances, serves: bool) -> None:
    """In a client's process, once it is connected; `serves`: it is the server's, too."""
    if circumstances.beside == CLIENT_THREAD or (serves and circumstances.beside == SERVER_THREAD):
        compute_in_a_thread()


def wear() -> None:
    """Use the heap as a program does that has run for a while: the same way in every process.

    Small blocks live between freed ones, so that the allocator's arenas are full of holes; and large ones (up to 8 MB)
    have come and gone, after which glibc keeps blocks of that size in the heap instead of asking the kernel for each
    (its dynamic mmap threshold, mallopt(3)) - and gives back what lies at the heap's end, or not, as it happens to end.
    """
    rng = random.Random(1)
    for _ in range(ROUNDS):
        small = [bytearray(int(rng.paretovariate(1.2) * 64) % 16_384 + 1) for _ in range(SMALL)]
        large = [bytearray(1 << rng.randint(14, 23)) for _ in range(LARGE)]
        _kept.extend(each for each in small if rng.random() < 0.05)
        _kept.append(large[rng.randrange(LARGE)][:20_000])
        rng.shuffle(small)
        del small[::2], large[::3]


def compute_in_a_thread() -> None:
    """Start a thread that computes in Python until the process ends, as one does that prepares something else."""
    threading.Thread(target=_compute, name=COMPUTING, daemon=True).start()


def _compute() -> None:
    """Named for the system, too, so that what it costs is not taken for the contender's."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NAME, COMPUTING.encode(), 0, 0, 0)
    number = 1
    while True:
        number = number * 1_103_515_245 + 12_345 & 0x7FFF_FFFF


def burn() -> None:
    """A process that computes until it is killed, or the runner dies."""
    parent = parent_process()
    compute_in_a_thread()
    if parent is not None:
        parent.join()
