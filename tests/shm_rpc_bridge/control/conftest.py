"""A control segment with a server's and two clients' ends."""

import pytest

from shm_rpc_bridge import posix
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.header import Offer
from shm_rpc_bridge.testing import in_memory

from .sizes import GENERATION, NAME, SLOTS


@pytest.fixture
def held():
    held = []
    with in_memory():
        yield held
        posix.let_go(held)


@pytest.fixture
def server(held):
    server = Control.create(NAME, GENERATION, Offer(SLOTS, 2000, 3000, "json"), held)
    server.publish()
    return server


@pytest.fixture
def client(server, held):
    return Control.open(NAME, held)
