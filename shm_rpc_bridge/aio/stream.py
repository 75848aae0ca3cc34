"""The items of a generator in the server, where a coroutine consumes them."""

import contextlib
from collections import deque
from functools import partial
from typing import Any, AsyncIterator, Callable, Deque, Optional

from ..exceptions import RPCError
from ..streams import AHEAD_FROM, Pace
from .begun import BegunCall

Ask = Callable[[int, bool], BegunCall]
"""Asks for at most so many items, or again for those before that have not come: these, and whether that is all."""


class AsyncStream:
    """As :class:`.streams.Stream`: ``async for item in await client.stream("f", 1)``. One task's at a time.

    It goes through the client's one channel, so that other calls go on beside.
    """

    def __init__(self, ask: Ask, let_go: Callable[[], None], soon: Callable[[Callable[[], None]], None]) -> None:
        """Not for users. `soon`, from any thread, has something done in a turn of the loop, if there is to be one."""
        self._ask = ask
        self._ahead: Optional[BegunCall] = None
        """By which the next ones were asked for already."""
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
                    asked = self._pace.ask()
                    taking, self._ahead = self._ahead or self._ask(*asked), None
                    (taken, is_over), size = await taking
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
            elif self._pace.is_quick and self._came > AHEAD_FROM:
                with contextlib.suppress(RPCError):  # which is met again, behind these
                    self._ahead = self._ask(*self._pace.ask())
        return items.popleft()

    def close(self) -> None:
        """Let the server close the generator. Idempotent; waits for nothing. Items that were not consumed are lost."""
        self._items.clear()
        self._end()

    def _end(self) -> None:
        if not self._is_over:
            self._is_over = True
            ahead, self._ahead = self._ahead, None
            _leave(ahead, self._let_go)

    async def __aenter__(self) -> "AsyncStream":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a stream is its client's and cannot be copied or pickled: consume it here")

    def __del__(self) -> None:
        if not self._is_over:  # and this may be another thread, or have interrupted what the loop does
            self._soon(partial(_leave, self._ahead, self._let_go))


def _leave(ahead: Optional[BegunCall], let_go: Callable[[], None]) -> None:
    if ahead is not None:
        ahead.forget()
    let_go()
