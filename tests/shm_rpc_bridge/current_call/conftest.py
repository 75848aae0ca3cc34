"""A server of each kind, and the service it has."""

import pytest

from shm_rpc_bridge import RPCServer

from ..services import register_methods, started
from .methods import KINDS, Methods


@pytest.fixture
def methods():
    return Methods()


@pytest.fixture
def server(name, kind, methods):
    server = RPCServer(name, **KINDS[kind][0])
    register_methods(server)
    server.register_object(methods)
    with started(server):
        yield server
        methods.go_on.set()
