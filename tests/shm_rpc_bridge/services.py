"""Server and client processes for the tests. Nothing is shared with the test but shared memory.

What a process runs stands in modules that do not import pytest, so that the fork server starts one in milliseconds.
"""

import asyncio
import contextlib
import functools
import itertools
import multiprocessing
import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Iterator

from shm_rpc_bridge import RPCClient, RPCServer, layout, names
from shm_rpc_bridge.buffer import identity

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["shm_rpc_bridge", "shm_rpc_bridge.testing", __package__ + ".children"])

PATIENCE = 30.0
"""Seconds any step of a test may take before it counts as hung; reached only by a failure."""

_session, _numbers = secrets.token_hex(4), itertools.count()
"""Of this run of the tests alone: a process's number is had again, and a run that was killed leaves its names."""


def unique_name() -> str:
    """A name that no test has, nor had."""
    return f"test-{_session}-{next(_numbers)}"


def channel_names(name: str) -> names.ChannelNames:
    """How the objects of the transport `name`, created here and not opened yet, are called: nobody could guess it."""
    with open(f"/dev/shm/{names.public_transport(name)}", "rb") as region:
        return names.transport(name, identity(region.read(layout.REGION_HEADER_SIZE)).token)


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
    with started(server):
        yield server


@contextlib.contextmanager
def started(server: RPCServer) -> Iterator[None]:
    """Run `server` in a thread for the time of the block."""
    thread = threading.Thread(target=server.start)
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive()


@contextlib.contextmanager
def calling(function: Callable[..., Any], *arguments: Any, **params: Any) -> Iterator["Future[Any]"]:
    """Call `function` in a thread; its result or error is in the future. It must have ended when the block does."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(function, *arguments, **params)


async def in_thread(function: Callable[..., Any], *arguments: Any, **params: Any) -> Any:
    """As asyncio.to_thread, which Python 3.8 has not."""
    call = functools.partial(function, *arguments, **params)
    return await asyncio.get_running_loop().run_in_executor(None, call)


def run_server(name: str, options: "dict[str, Any]") -> None:
    """Body of a server process."""
    server = RPCServer(name, **options)
    register_methods(server)
    server.start()


@contextlib.contextmanager
def process(target: Callable[..., None], *arguments: Any) -> Iterator[Any]:
    """A process of its own, killed at the end if it still runs."""
    child = context.Process(target=target, args=arguments)
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


OLD_LIBC = """
import ctypes

class OldLibrary(ctypes.CDLL):
    def __getattr__(self, name):
        if name == "sem_clockwait":
            raise AttributeError(name)
        return super().__getattr__(name)

ctypes.CDLL = OldLibrary
"""
"""To begin a script with: from there on the C library is as before glibc 2.30, or musl."""
