"""What a method's generator becomes in the server: an object that stays there, of which some items are taken at a time.

Nothing is produced that nobody has asked for: that is all of flow control. Pure but for a clock.
"""

from time import monotonic
from types import AsyncGeneratorType, GeneratorType
from typing import Any, Generic, List, Optional, Tuple, TypeVar, Union

_TOGETHER_SECONDS, _TOGETHER_BYTES = 0.001, 1 << 20
"""Items are held back for others no longer, and arrays and bytes no more of them."""

Taken = Tuple[List[Any], bool]
"""Some items, at least one unless it is over, and whether it is over."""
AnyGenerator = TypeVar("AnyGenerator")


class _Streamed(Generic[AnyGenerator]):
    def __init__(self, generator: AnyGenerator) -> None:
        self._generator = generator
        self._error: Optional[BaseException] = None
        """What it has raised after items that are taken before."""

    def _raise_what_came(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error


class Streamed(_Streamed["GeneratorType[Any, None, Any]"]):
    """Of a generator."""

    def take(self, most: int) -> Taken:
        """The next items, at most so many. Raises what the generator raises, after the items before that were taken."""
        self._raise_what_came()
        items: List[Any] = []
        end, size = monotonic() + _TOGETHER_SECONDS, 0
        try:
            for item in self._generator:
                items.append(item)
                size += _size_of(item)
                if len(items) >= most or size >= _TOGETHER_BYTES or monotonic() >= end:
                    return items, False
        except BaseException as error:
            if not items:
                raise
            self._error = error
            return items, False
        return items, True


class AsyncStreamed(_Streamed["AsyncGeneratorType[Any, None]"]):
    """Of an async generator; it is awaited in the loop in which coroutines of the server run."""

    async def take(self, most: int) -> Taken:
        """As :meth:`Streamed.take`."""
        self._raise_what_came()
        items: List[Any] = []
        end, size = monotonic() + _TOGETHER_SECONDS, 0
        try:
            async for item in self._generator:
                items.append(item)
                size += _size_of(item)
                if len(items) >= most or size >= _TOGETHER_BYTES or monotonic() >= end:
                    return items, False
        except BaseException as error:
            if not items:
                raise
            self._error = error
            return items, False
        return items, True


METHODS = frozenset(("take",))
"""Which of theirs a client calls."""


def streamed(result: Any) -> Union[Streamed, AsyncStreamed, None]:
    """What takes a method's result apart into items; None for what is no generator."""
    if type(result) is GeneratorType:
        return Streamed(result)
    if type(result) is AsyncGeneratorType:
        return AsyncStreamed(result)
    return None


def _size_of(item: Any) -> int:
    """Bytes of what is nothing but bytes, so that few large arrays go together."""
    kind = type(item)
    if kind is bytes or kind is bytearray:
        return len(item)
    return getattr(item, "nbytes", 0) if kind is memoryview or kind.__name__ == "ndarray" else 0
