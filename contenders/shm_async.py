"""Shared memory RPC for event loops: AsyncRPCClient, any number of whose calls go through one channel.

The server is that of :class:`contenders.shm.Shm`, whose handlers run one after the other. A caller may be shared by the
tasks of its loop.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Mapping
from typing import Any, ClassVar

from contenders.interface import ARRAYS, AsyncCaller, Caller, ServerGone
from contenders.loop_caller import LoopCaller
from contenders.shm import Shm, told
from shm_rpc_bridge import AsyncRPCClient, RPCError


class ShmAsync(Shm):
    """As :class:`contenders.shm.Shm`, awaited."""

    name = "shm-async"
    summary = "This project's shared memory RPC, awaited in an event loop, which sleeps until the server rings."
    lanes: ClassVar[tuple[str, ...]] = ("json", "native", "pickle", ARRAYS)
    is_async: ClassVar[bool] = True

    async def connect_async(self, address: str) -> AsyncCaller:
        client = AsyncRPCClient(address, codec=self._codec)
        try:
            await client.connect()
        except RPCError as error:
            raise ServerGone(str(error)) from error
        return _AsyncClientCaller(client)

    def connect(self, address: str) -> Caller:
        return LoopCaller(self.new_event_loop(), self.connect_async(address))

    def settings(self) -> Mapping[str, str]:
        return {
            **super().settings(),
            "API": "RPCServer and AsyncRPCClient",
            "event loop": "asyncio's own",
            "streams": "AsyncRPCClient.stream of a generator",
            "in flight": "AsyncRPCClient.submit: all in one channel",
            "wait": f"{self.wait} in the server, a FIFO in the client's loop",
        }


class _AsyncClientCaller(AsyncCaller):
    def __init__(self, client: AsyncRPCClient) -> None:
        self._client = client

    async def call(self, method: str, payload: Any) -> Any:
        try:
            return await self._client.call(method, payload=payload)
        except Exception as error:
            raise told(error) from error

    def begin(self, method: str, payload: Any) -> Awaitable[Any]:
        try:
            called = self._client.submit(method, payload=payload)
        except Exception as error:
            raise told(error) from error
        return _result(called)

    async def stream(self, method: str, payload: Any) -> AsyncGenerator[Any, None]:
        try:
            async with await self._client.stream(method, payload=payload) as items:
                async for item in items:
                    yield item
        except Exception as error:
            raise told(error) from error

    async def close(self) -> None:
        await self._client.close()


async def _result(called: Awaitable[Any]) -> Any:
    try:
        return await called
    except Exception as error:
        raise told(error) from error
