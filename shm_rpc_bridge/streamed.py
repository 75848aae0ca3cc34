"""What a method's generator becomes in the server: an object that stays there, of which some items are taken at a time.

Nothing is produced that nobody has asked for: that is all of flow control. Pure but for a clock.
"""

from collections import deque
from contextvars import ContextVar
from itertools import islice
from time import monotonic
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Deque, Generic, List, Optional, TypeVar, Union

_TOGETHER_SECONDS = 0.001
"""Items are held back for others no longer."""

Taken = List[Any]
"""A list of some items, at least one unless it is over, and whether it is over."""
AnyGenerator = TypeVar("AnyGenerator")


class Produced:
    """What has a method, and one request after the other."""

    method = ""
    """As which its client has called it."""
    request: Any = None
    """The present one."""


PRODUCING: "ContextVar[Optional[Produced]]" = ContextVar("shm_rpc_bridge_producing")
"""Of which async generator the code runs."""


class _Streamed(Produced, Generic[AnyGenerator]):
    def __init__(self, generator: AnyGenerator) -> None:
        self._generator = generator
        self._items: Deque[Any] = deque()
        """What it has yielded, and is not known to have come."""
        self._told = 0
        self._has_ended = False
        self._error: Optional[BaseException] = None
        """By which it has."""

    def _needs_more(self, have_come: bool) -> bool:
        if have_come and self._told == len(self._items):  # as nearly always
            self._items.clear()
        elif have_come:
            for _ in range(self._told):
                self._items.popleft()
        self._told = 0
        return not self._items and not self._has_ended

    def _first(self, most: int) -> Taken:
        told = list(islice(self._items, most))
        if not told and self._error is not None:
            raise self._error
        self._told = len(told)
        return [told, self._has_ended and self._error is None and len(told) == len(self._items)]


class Streamed(_Streamed["GeneratorType[Any, None, Any]"]):
    """Of a generator."""

    def take(self, most: int, have_come: bool = True) -> Taken:
        """The next items, at most so many. Raises what the generator raises, after the items before that were taken.

        `have_come`: False where those of the last answer have not, as they were too large together: the same again.
        """
        if self._needs_more(have_come):
            self._produce(most)
        return self._first(most)

    def _produce(self, most: int) -> None:
        end = monotonic() + _TOGETHER_SECONDS
        add, left = self._items.append, most
        try:
            while True:  # not `for`: that asks an iterator for itself once more
                item = next(self._generator)
                add(item)
                left -= 1
                if not left or (type(item) not in _VALUES and _is_memory(item)) or monotonic() >= end:
                    return
        except StopIteration:
            pass
        except BaseException as error:
            self._error = error
        self._has_ended = True


class AsyncStreamed(_Streamed["AsyncGeneratorType[Any, None]"]):
    """Of an async generator; it is awaited in the loop in which coroutines of the server run."""

    async def take(self, most: int, have_come: bool = True) -> Taken:
        """As :meth:`Streamed.take`."""
        PRODUCING.set(self)
        if self._needs_more(have_come):
            await self._produce(most)
        return self._first(most)

    async def _produce(self, most: int) -> None:
        end = monotonic() + _TOGETHER_SECONDS
        add, left = self._items.append, most
        try:
            while True:
                item = await self._generator.__anext__()
                add(item)
                left -= 1
                if not left or (type(item) not in _VALUES and _is_memory(item)) or monotonic() >= end:
                    return
        except StopAsyncIteration:
            pass
        except BaseException as error:
            self._error = error
        self._has_ended = True


_VALUES = frozenset((str, bytes, dict, list, tuple, int, float, bool, type(None)))
"""Types that are looked at no closer."""

METHODS = frozenset(("take",))
"""Names of the functions that a client calls for it."""


def streamed(result: Any) -> Union[Streamed, AsyncStreamed, None]:
    """What takes a method's result apart into items; None for what is no generator."""
    if type(result) is GeneratorType:
        return Streamed(result)
    if type(result) is AsyncGeneratorType:
        return AsyncStreamed(result)
    return None


def _is_memory(item: Any) -> bool:
    """Whether it is one that its producer may use again for the next: it goes before that is produced."""
    kind = type(item)
    return kind is bytearray or kind is memoryview or kind.__name__ == "ndarray"
