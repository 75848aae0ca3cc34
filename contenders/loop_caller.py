"""An asyncio caller behind the synchronous call interface: what a program without a loop pays for it."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Coroutine, Generator
from typing import Any

from contenders.interface import AsyncCaller, Caller, ServerGone


class LoopCaller(Caller):
    """Owns an event loop that runs until each call is complete. Used by one thread at a time, in none with a loop.

    The constructor awaits `connecting` in `loop` and raises what that raises; either way it is closed in the end.
    """

    def __init__(self, loop: AbstractEventLoop, connecting: Coroutine[Any, Any, AsyncCaller]) -> None:
        self._loop = loop
        try:
            self._caller = self._loop.run_until_complete(connecting)
        except BaseException:
            self._loop.close()
            raise

    def call(self, method: str, payload: Any) -> Any:
        if self._loop.is_closed():
            raise ServerGone("this caller is closed")
        return self._loop.run_until_complete(self._caller.call(method, payload))

    def stream(self, method: str, payload: Any) -> Generator[Any, None, None]:
        if self._loop.is_closed():
            raise ServerGone("this caller is closed")
        items = self._caller.stream(method, payload)
        try:
            while True:
                yield self._loop.run_until_complete(anext(items))
        except StopAsyncIteration:
            pass
        finally:
            self._loop.run_until_complete(items.aclose())

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.run_until_complete(self._caller.close())
            self._loop.close()
