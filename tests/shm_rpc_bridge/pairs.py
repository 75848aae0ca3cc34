"""Both ends of one direction of a channel in one process, and the region and the semaphores that they share."""

import contextlib
from types import SimpleNamespace

from shm_rpc_bridge import layout, names, posix
from shm_rpc_bridge.buffer import Terms
from shm_rpc_bridge.testing import in_memory

CAPACITY = 100
NAMES = names.BufferNames("srb:b:0:request", "srb:b:0:request_empty", "srb:b:0:request_full")


class Pair(SimpleNamespace):
    """A writer, a reader, and what they share."""

    @property
    def capacity(self):
        self.region.remap()
        return self.region.size - layout.REGION_HEADER_SIZE

    def is_in_balance(self):
        """There is one token: it is in one of the semaphores, and no end has it in its hand."""
        return self.empty.value + self.full.value == 1


@contextlib.contextmanager
def pairs_of(kind):
    """A function that makes a pair of such buffers with these terms, which differ in what each end takes at most; only
    the reader has a scratch."""
    held = []

    def connect(limit=1000, readers_limit=1000, scratch=None, wait="block", recheck=lambda: None, token=7):
        writer = kind.create(NAMES, CAPACITY, Terms(limit, wait, recheck, token=token), held)
        reader = kind.open(NAMES, Terms(readers_limit, wait, recheck, scratch), held)
        region = posix.open_segment(NAMES.region, 64, held)
        empty, full = (posix.open_semaphore(name, held) for name in NAMES[1:])
        return Pair(writer=writer, reader=reader, region=region, empty=empty, full=full)

    with in_memory():
        yield connect
        posix.let_go(held)
