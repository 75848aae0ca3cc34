"""A server, inline and with threads, and its client."""

import pytest

from shm_rpc_bridge import RPCClient, RPCServer
from shm_rpc_bridge.testing import in_memory

from ..services import PATIENCE, register_methods, started


@pytest.fixture
def server():
    with in_memory():
        server = RPCServer("batch", max_message_size=10_000)
        register_methods(server)
        with started(server):
            yield server


@pytest.fixture
def client(server):
    with RPCClient("batch", timeout=PATIENCE) as client:
        yield client
