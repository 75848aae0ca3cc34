from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from shm_rpc_bridge import cleanup

EXAMPLES = ("accumulator", "calculator", "pictures-", "pricing-", "shop.")


@pytest.fixture(autouse=True)
def _no_server_of_an_example_is_left() -> Iterator[None]:
    """What a killed run left there before is not this one's, and what lives may be of a test beside this one."""
    before = dead_servers()
    yield
    for _ in range(100):
        left = dead_servers() - before
        if not left:
            return
        time.sleep(0.02)  # it may be one of another test's, which begins or ends just now
    raise AssertionError(f"left in shared memory: {sorted(left)}")


def dead_servers() -> set[str]:
    """By the names of their objects: a name may be had again."""
    dead = [owner for prefix in EXAMPLES for owner in cleanup.survey(prefix) if not owner.is_alive]
    return {listed.name for owner in dead for listed in owner.objects}
