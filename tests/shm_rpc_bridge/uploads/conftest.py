"""A server whose methods consume iterables, and its client."""

import pytest

from shm_rpc_bridge import RPCClient, RPCServer

from ..services import PATIENCE, register_methods, started
from .consumers import Consumer


@pytest.fixture
def consumer():
    return Consumer()


@pytest.fixture(params=[{}, {"threads": 2}], ids=["inline", "threads"])
def server(request, name, consumer):
    server = RPCServer(name, **request.param)
    register_methods(server)
    server.register_object(consumer)
    with started(server):
        yield server


@pytest.fixture
def client(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        yield client
