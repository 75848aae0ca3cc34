"""Memory that is given back at once, all but, and a server of objects and streams."""

import threading

import pytest

from shm_rpc_bridge import RPCServer, giving_back, scratch
from shm_rpc_bridge.aio import way

from ..services import PATIENCE, register_methods, started
from .baskets import KEPT, Basket, count


@pytest.fixture
def soon(monkeypatch):
    """Unused memory is given back at once, all but."""
    monkeypatch.setattr(scratch, "KEPT_SECONDS", KEPT)
    monkeypatch.setattr(way, "KEPT_SECONDS", KEPT)
    monkeypatch.setattr(giving_back, "_PAUSE", KEPT / 4)
    for thread in threading.enumerate():
        if "giving memory back" in thread.name:  # of an earlier test
            thread.join(PATIENCE)


@pytest.fixture(params=[{}, {"threads": 2}], ids=["inline", "threads"])
def server(request, name, soon):
    server = RPCServer(name, **request.param)
    register_methods(server)
    server.register("basket", Basket)
    server.register_class(Basket)
    server.register("count", count)
    with started(server):
        yield server
