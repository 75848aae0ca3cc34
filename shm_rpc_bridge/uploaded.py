"""A method that is called with a stream, as the server has it: an object that stays there while its items come.

It runs in a thread of its own, but never beside what brings it items: the call that does waits until it asks for more
or has ended. So a server that answers one call at a time still runs one method at a time, and others have their turn
while this one waits. One with ``async def`` is a task in the server's event loop.
"""

import asyncio
import contextlib
import threading
from collections import deque
from queue import SimpleQueue
from typing import Any, Callable, Coroutine, Deque, Dict, List, Optional, Sequence, Tuple, Union

from . import parameters
from .current import CurrentCall, current_call_as, stands_for
from .exceptions import RPCTransportError

Given = Tuple[bool, Any]
"""Whether the method has ended, and what it has returned."""
Outcome = Callable[[], Any]
"""Returns that, or raises what it has raised."""


def _ended_early() -> RPCTransportError:
    return RPCTransportError("the stream was not sent to its end: its client has closed it, has failed or is dead")


class _Items:
    """What has come and was not consumed."""

    def __init__(self) -> None:
        self._here: Deque[Any] = deque()
        self._is_over = False
        self._is_abandoned = False
        self.call: Optional[CurrentCall] = None
        """That which has brought the last ones."""

    def add(self, items: List[Any], is_over: bool, call: CurrentCall) -> None:
        self._here.extend(items)
        self._is_over = is_over
        self.call = call

    def present_call(self) -> CurrentCall:
        assert self.call is not None
        return self.call


class Items(_Items):
    """The iterator that a method gets. For one thread at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.told: SimpleQueue[Optional[Outcome]] = SimpleQueue()
        """By the method: that it needs more, or what it has come to."""
        self._given = threading.Semaphore(0)

    def __iter__(self) -> "Items":
        return self

    def __next__(self) -> Any:
        """Raises StopIteration at the end, RPCTransportError where that does not come."""
        while not self._here:
            if self._is_over:
                raise StopIteration
            if not self._is_abandoned:
                self.told.put(None)
                self._given.acquire()
            if self._is_abandoned:
                raise _ended_early()
        return self._here.popleft()

    def go_on(self) -> None:
        """Once per time that it has told that it needs more."""
        self._given.release()

    def abandon(self) -> None:
        self._is_abandoned = True
        self._given.release()


class Uploaded:
    """Of a function."""

    def __init__(self, method: str, run: Callable[[Any], Any]) -> None:
        """`run`: calls it with the iterator."""
        self.method = method
        self._run = run
        self._items = Items()
        self._has_begun = False

    def give(self, items: List[Any], is_over: bool) -> Given:
        """Let it go on with these. Raises what it raises."""
        self._items.add(items, is_over, current_call_as(self.method))
        if self._has_begun:
            self._items.go_on()
        else:
            # It has no reference to this: that this is dropped tells it that no more will come.
            arguments = self._items, self._run
            threading.Thread(target=_run, args=arguments, name=f"{self.method} with a stream", daemon=True).start()
            self._has_begun = True
        outcome = self._items.told.get()
        if outcome is None:
            return False, None
        self._items.told.put(outcome)  # for a client that gives more all the same
        return True, outcome()

    def __del__(self) -> None:
        self._items.abandon()


def _run(items: Items, run: Callable[[Any], Any]) -> None:
    stands_for(items.present_call)
    try:
        result = run(items)
    except BaseException as error:
        items.told.put(_raiser(error))
    else:
        items.told.put(lambda: result)


class AsyncItems(_Items):
    """The async iterator that an async function gets."""

    def __init__(self) -> None:
        """In the loop."""
        super().__init__()
        self.told: asyncio.Queue[Optional[Outcome]] = asyncio.Queue()
        self._given = asyncio.Event()

    def __aiter__(self) -> "AsyncItems":
        return self

    async def __anext__(self) -> Any:
        """Raises StopAsyncIteration at the end, RPCTransportError where that does not come."""
        while not self._here:
            if self._is_over:
                raise StopAsyncIteration
            if not self._is_abandoned:
                self.told.put_nowait(None)
                self._given.clear()
                await self._given.wait()
            if self._is_abandoned:
                raise _ended_early()
        return self._here.popleft()

    def go_on(self) -> None:
        self._given.set()

    def abandon(self) -> None:
        self._is_abandoned = True
        self._given.set()


class AsyncUploaded:
    """Of an async function."""

    def __init__(self, method: str, run: Callable[[Any], "Coroutine[Any, Any, Any]"]) -> None:
        """`run`: calls it with the async iterator."""
        self.method = method
        self._run = run
        self._items: Optional[AsyncItems] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._task: Optional[asyncio.Task[None]] = None

    async def give(self, items: List[Any], is_over: bool) -> Given:
        """Let it go on with these. Raises what it raises."""
        came = self._items = self._items or AsyncItems()
        came.add(items, is_over, current_call_as(self.method))
        if self._task is not None:
            came.go_on()
        else:
            self._loop = asyncio.get_running_loop()
            stands_for(came.present_call)
            self._task = asyncio.ensure_future(_run_async(came, self._run))
        try:
            outcome = await came.told.get()
        except asyncio.CancelledError:
            self._task.cancel()
            raise
        if outcome is None:
            return False, None
        came.told.put_nowait(outcome)
        return True, outcome()

    def __del__(self) -> None:
        """In the server's thread."""
        if self._loop is not None and self._items is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and with it what ran there
                self._loop.call_soon_threadsafe(self._items.abandon)


async def _run_async(items: AsyncItems, run: Callable[[Any], "Coroutine[Any, Any, Any]"]) -> None:
    try:
        result = await run(items)
    except BaseException as error:
        items.told.put_nowait(_raiser(error))
    else:
        items.told.put_nowait(lambda: result)


KINDS = (Uploaded, AsyncUploaded)
METHODS = frozenset(("give",))
"""Which of theirs a client calls."""


def begun(
    method: str, function: Callable[..., Any], is_awaited: bool, place: Any, args: Sequence[Any], params: Dict[str, Any]
) -> Union[Uploaded, AsyncUploaded]:
    """That function, to be called with a stream as the argument of that position or name."""

    def run(items: Any) -> Any:
        whole, named = list(args), params
        if type(place) is int:
            whole.insert(place, items)
        else:
            named = {**params, place: items}
        try:
            return function(*whole, **named)
        except TypeError as error:
            why = parameters.refused(function, method, whole, named, error)
            if why:
                raise TypeError(why) from None
            raise

    return (AsyncUploaded if is_awaited else Uploaded)(method, run)


def _raiser(error: BaseException) -> Outcome:
    def get() -> Any:
        raise error

    return get
