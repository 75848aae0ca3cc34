"""CPUs and a clock as a test of a wait has them."""

import pytest


@pytest.fixture
def two_cpus(monkeypatch):
    """Of which this process may use one: the other side may have the other one."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0})


@pytest.fixture
def clock(monkeypatch):
    """The time that waits see, in seconds: ``clock[0]``. Nothing but the test moves it."""
    now = [0.0]
    monkeypatch.setattr("shm_rpc_bridge.waiting.monotonic", lambda: now[0])
    return now
