"""Pairs of a writer and a reader in memory of this process."""

import pytest

from shm_rpc_bridge import posix
from shm_rpc_bridge.buffer import Terms, create_buffer, open_buffer
from shm_rpc_bridge.testing import in_memory, watched

from .pairs import CAPACITY, NAMES, Interruptions, Pair, ParkedOrNotAtAll


@pytest.fixture
def connect():
    """Make a pair with these terms, which differ in what each end takes at most; only the reader has a scratch."""
    held = []

    def connect(limit=1000, readers_limit=1000, scratch=None, wait="block", recheck=lambda: None, token=7):
        terms = Terms(limit, wait, recheck, token=token)
        writer = create_buffer(NAMES, CAPACITY, terms, held)
        reader = open_buffer(NAMES, Terms(readers_limit, wait, recheck, scratch), held)
        region = posix.open_segment(NAMES.region, 64, held)
        empty, full = (posix.open_semaphore(name, held) for name in NAMES[1:])
        return Pair(writer=writer, reader=reader, region=region, empty=empty, full=full)

    with in_memory(), posix.using(ParkedOrNotAtAll):
        yield connect
        posix.let_go(held)


@pytest.fixture
def pair(connect):
    return connect()


@pytest.fixture
def interruptions():
    """Of what is made in this test, of which `connect` must come first."""
    interruptions = Interruptions()
    with watched(interruptions):
        yield interruptions
