"""A server whose methods borrow, and its client."""

import pytest

from shm_rpc_bridge import RPCClient, RPCServer

from ..services import PATIENCE, register_methods, started
from .borrowers import Borrower

numpy = pytest.importorskip("numpy")


@pytest.fixture
def borrower():
    return Borrower()


@pytest.fixture(params=[{}, {"threads": 2}], ids=["inline", "threads"])
def server(request, name, borrower):
    server = RPCServer(name, **request.param)
    register_methods(server)
    for method in dir(borrower):
        if not method.startswith("_") and callable(getattr(borrower, method)):
            server.register(method, getattr(borrower, method), borrow=True)
    server.register("copy_of", lambda array: [array, array.flags.writeable])
    server.register("numbers", lambda first, size: numpy.full(size, float(first)))
    with started(server):
        yield server
        borrower.go_on.set()


@pytest.fixture
def client(server):
    with RPCClient(server.name, timeout=PATIENCE) as client:
        yield client
