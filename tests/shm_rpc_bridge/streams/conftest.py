"""A server with generators, and its client."""

import pytest

from shm_rpc_bridge import RPCClient, RPCServer

from ..services import PATIENCE, register_methods, started
from .producers import Producer


@pytest.fixture
def producer():
    return Producer()


@pytest.fixture(params=[{}, {"threads": 2}], ids=["inline", "threads"])
def server(request, name, producer):
    server = RPCServer(name, **request.param)
    register_methods(server)
    server.register_object(producer)
    with started(server):
        yield server
        producer.go_on.set()


@pytest.fixture
def client(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        yield client
