"""A server in memory of this process, its clock, and what it warns of."""

import logging

import pytest

from shm_rpc_bridge.testing import in_memory, leftovers

from .ends import NAME, Server, made


@pytest.fixture(autouse=True)
def _close_clients():
    yield
    while made:
        made.pop().close()


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    for module in ("endpoint", "reception"):
        monkeypatch.setattr(f"shm_rpc_bridge.{module}.monotonic", lambda: now[0])
    return now


@pytest.fixture
def server(clock):
    with in_memory():
        server = Server()
        yield server
        server.endpoint.close()
        assert leftovers(NAME) == []


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.WARNING, "shm_rpc_bridge")
    return lambda: [record.getMessage() for record in caplog.records]
