import itertools
import os
from typing import Iterator

import pytest

from shm_rpc_bridge import cleanup

_numbers = itertools.count()


@pytest.fixture
def name() -> Iterator[str]:
    """A name no other test has. Afterwards nothing of it may be left in shared memory."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    yield name
    left = [listed.name for owner in cleanup.survey(name) for listed in owner.objects]
    for owner in cleanup.survey(name):
        cleanup.remove(owner)
    assert not left, f"left in shared memory: {left}"
