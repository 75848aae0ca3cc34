"""Event loops for the tests of the asyncio client."""

import asyncio
import contextlib
from typing import Any, AsyncIterator, Coroutine, List

from shm_rpc_bridge.aio import AsyncRPCClient

from ..services import PATIENCE


def run(coroutine: "Coroutine[Any, Any, Any]") -> Any:
    """In a loop of its own, for at most as long as a test is patient."""

    async def patiently() -> Any:
        return await asyncio.wait_for(coroutine, PATIENCE)

    return asyncio.run(patiently())


@contextlib.asynccontextmanager
async def connected(name: str, **options: Any) -> AsyncIterator[AsyncRPCClient]:
    """A patient client of a server that may still have to start."""
    async with AsyncRPCClient(name, **{"timeout": PATIENCE, "wait_for_server": PATIENCE, **options}) as client:
        yield client


def begun(client: AsyncRPCClient, number: int, method: str = "echo") -> "List[asyncio.Task[Any]]":
    """So many calls, which the loop begins in its next turn."""
    return [asyncio.ensure_future(client.call(method, each)) for each in range(number)]
