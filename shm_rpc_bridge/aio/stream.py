"""The items of a generator in the server, where a coroutine consumes them."""

from collections import deque
from typing import Any, AsyncIterator, Awaitable, Callable, Deque

from ..exceptions import RPCError
from ..streams import Pace

Take = Callable[[int, bool], Awaitable[Any]]
"""Asks for at most so many items, or again for those before that have not come: these, and whether that is all, and the
bytes of the larger message of the two."""


class AsyncStream:
    """As :class:`.streams.Stream`: ``async for item in await client.stream("f", 1)``. One task's at a time.

    It goes through the client's one channel, so that other calls go on beside.
    """

    def __init__(self, take: Take, let_go: Callable[[], None], soon: Callable[[Callable[[], None]], None]) -> None:
        """Not for users. `soon`, from any thread, has something done in a turn of the loop, if there is to be one."""
        self._take = take
        self._let_go = let_go
        self._soon = soon
        self._items: Deque[Any] = deque()
        self._is_over = False
        self._came = 0
        self._pace = Pace()

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        """Raises StopAsyncIteration at the end; what the generator has raised, or what a call raises."""
        items = self._items
        while not items:
            if self._is_over:
                raise StopAsyncIteration
            try:
                try:
                    (taken, is_over), size = await self._take(*self._pace.ask())
                except RPCError as error:
                    self._pace.failed(error, f"after {self._came:,} items")
                    continue
                self._pace.came(len(taken), size)
            except BaseException:
                self.close()
                raise
            items.extend(taken)
            self._came += len(taken)
            if is_over:
                self._end()
        return items.popleft()

    def close(self) -> None:
        """Let the server close the generator. Idempotent; waits for nothing. Items that were not consumed are lost."""
        self._items.clear()
        self._end()

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            self._let_go()

    async def __aenter__(self) -> "AsyncStream":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._is_over:  # and this may be another thread, or have interrupted what the loop does
            self._soon(self._let_go)
