"""What the processes of these tests run. Imports no pytest, as :mod:`..children`."""

import asyncio
import signal
from typing import Any

from shm_rpc_bridge import RPCServer
from shm_rpc_bridge.aio import AsyncRPCClient
from shm_rpc_bridge.testing import at, stop_self, watched

from ..children import ACTS
from ..services import PATIENCE, register_methods

LARGE = 70_000
"""Characters, for which a channel has to grow."""


async def call_and_close(name: str) -> None:
    """With several calls in flight, one of them with more than fits, and one that is cancelled."""
    async with AsyncRPCClient(name, timeout=PATIENCE) as client:
        calls = [asyncio.ensure_future(client.call("echo", str(number))) for number in range(5)]
        calls += [asyncio.ensure_future(client.call("text_of", LARGE)) for _ in range(3)]
        assert [len(text) for text in await asyncio.gather(*calls)] == [1] * 5 + [LARGE] * 3
        cancelled = asyncio.ensure_future(client.call("echo", "x" * LARGE))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        assert await client.call("add", 1, 2) == 3


def client_until(name: str, action: str, when: str, act: str) -> None:
    """Connect, call and close, and be killed or stopped at one step of it."""
    with watched(at(action, ACTS[act], when)):
        asyncio.run(call_and_close(name))


def server_until(name: str, action: str, when: str, act: str, threads: int) -> None:
    """Serve, and be killed or stopped at one step of it."""
    with watched(at(action, ACTS[act], when)):
        server = RPCServer(name, wait="block", threads=threads)
        register_methods(server)
        server.start()


def server_that_dies_of_sigpipe(name: str, entered: Any, go_on: Any) -> None:
    """As command line tools do, whose output goes through a pipe."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    server = RPCServer(name)
    register_methods(server)
    server.register("hold", lambda: entered.set() or go_on.wait(PATIENCE))
    server.start()


def caller_of_hold(name: str) -> None:
    """Call it, and once it is answered stop."""

    async def call() -> None:
        async with AsyncRPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE) as client:
            await client.call("hold")

    asyncio.run(call())
    stop_self()
