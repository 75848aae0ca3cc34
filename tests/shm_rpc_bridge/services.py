"""Server and client processes for the tests. Spawned, so that nothing is shared with the test but shared memory."""

import contextlib
import multiprocessing
import threading
from typing import Any, Callable, Iterator

from shm_rpc_bridge import RPCClient, RPCServer

spawn = multiprocessing.get_context("spawn")

PATIENCE = 30.0
"""Seconds any step of a test may take before it counts as hung; reached only by a failure."""


def register_methods(server: RPCServer) -> None:
    """What every test server offers."""
    server.register("echo", lambda data: data)
    server.register("add", lambda a, b: a + b)
    server.register("everything", lambda **params: params)
    server.register("make_set", lambda: {1, 2})
    server.register("text_of", lambda size: "x" * size)
    server.register("length", len_of)
    server.register("stop", server.stop)
    server.register("recurse", recurse)
    server.register("divide", lambda a, b: a / b)


def len_of(data: str) -> int:
    return len(data)


def recurse() -> None:
    recurse()


@contextlib.contextmanager
def serving(name: str, **options: Any) -> Iterator[RPCServer]:
    """A server in a thread of this process."""
    server = RPCServer(name, **options)
    register_methods(server)
    thread = threading.Thread(target=server.start)
    thread.start()
    try:
        yield server
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


def run_server(name: str, options: "dict[str, Any]") -> None:
    """Body of a server process."""
    server = RPCServer(name, **options)
    register_methods(server)
    server.start()


@contextlib.contextmanager
def process(target: Callable[..., None], *arguments: Any) -> Iterator[Any]:
    """A spawned process, killed at the end if it still runs."""
    child = spawn.Process(target=target, args=arguments)
    child.start()
    try:
        yield child
    finally:
        child.kill()
        child.join(PATIENCE)


@contextlib.contextmanager
def server_process(name: str, **options: Any) -> Iterator[Any]:
    """A server in a process of its own; the body begins when it can be connected to."""
    with process(run_server, name, options) as child:
        RPCClient(name, wait_for_server=PATIENCE).close()
        yield child
