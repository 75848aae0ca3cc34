"""A method that is called with a stream, as the server has it: an object that stays there while its items come.

It runs in a thread of its own, but never beside what brings it items: the call that does waits until it asks for more
or has ended. So a server that answers one call at a time still runs one method at a time, and others have their turn
while this one waits. One with ``async def`` is a task in the server's event loop.
"""

import asyncio
import contextlib
import os
import threading
from collections import deque
from queue import SimpleQueue
from typing import Any, Callable, Coroutine, Deque, Dict, List, NamedTuple, Optional, Sequence, Union

from . import parameters, serving
from .current import CurrentCall, Requested, present_request, stands_for
from .exceptions import RPCTransportError

Given = List[Any]
"""Whether the method has ended, and what it has returned."""
Outcome = Callable[[], Any]
"""Returns that, or raises what it has raised."""


def _ended_early() -> RPCTransportError:
    return RPCTransportError("the stream was not sent to its end: its client has closed it, has failed or is dead")


class _Items:
    """What has come and was not consumed."""

    def __init__(self, method: str) -> None:
        self.method = method
        self._here: Deque[Any] = deque()
        self._is_over = False
        self._is_abandoned = False
        self._process = os.getpid()
        self.request: Requested
        """The request that brought the last items."""

    def add(self, items: List[Any], is_over: bool) -> None:
        """In the call that brings them."""
        self._here.extend(items)
        self._is_over = is_over
        self.request = present_request()

    def present_call(self) -> CurrentCall:
        return CurrentCall((*self.request, b"", 0), self.method, self)

    def _raise_if_none_come(self) -> None:
        if self._is_abandoned:
            raise _ended_early()
        if os.getpid() != self._process:
            raise RPCTransportError("the stream is the parent's, of which this is a forked child")


class Items(_Items):
    """The iterator that a method gets. For one thread at a time."""

    def __init__(self, method: str) -> None:
        super().__init__(method)
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
            self._raise_if_none_come()
            self.told.put(None)
            self._given.acquire()
        return self._here.popleft()

    def go_on(self) -> None:
        """Let the function go on: once for each time it said that it needs more."""
        self._given.release()

    def abandon(self) -> None:
        self._is_abandoned = True
        self._given.release()


class Uploaded:
    """Of a function."""

    def __init__(self, method: str, run: Callable[[Any], Any], is_alone: bool) -> None:
        """`run`: calls it with the iterator. `is_alone`: its server runs one method at a time."""
        self.method = method
        self._run = run
        self._is_alone = is_alone
        self._items = Items(method)
        self._has_begun = False
        self._process = os.getpid()

    def give(self, items: List[Any], is_over: bool) -> Given:
        """Let it go on with these. Raises what it raises."""
        self._items.add(items, is_over)
        if self._has_begun:
            self._items.go_on()
        else:
            # It has no reference to this: that this is dropped tells it that no more will come.
            arguments = self._items, self._run, self._is_alone
            threading.Thread(target=_run, args=arguments, name=f"{self.method} with a stream", daemon=True).start()
            self._has_begun = True
        outcome = self._items.told.get()
        if outcome is None:
            return [False, None]
        self._items.told.put(outcome)  # for a client that gives more all the same
        return [True, outcome()]

    def __del__(self) -> None:
        """In the server's thread. What the method does about that it gets no more is not done beside others either."""
        self._items.abandon()
        if self._has_begun and self._is_alone and os.getpid() == self._process:
            while self._items.told.get() is None:
                continue


def _run(items: Items, run: Callable[[Any], Any], is_alone: bool) -> None:
    stands_for(items.present_call)
    if is_alone:
        serving.answer_too(items.request[0].control.name)
    try:
        result = run(items)
    except BaseException as error:
        items.told.put(_raiser(error))
    else:
        items.told.put(lambda: result)
    finally:
        serving.answer_no_more()


class AsyncItems(_Items):
    """The async iterator that an async function gets."""

    def __init__(self, method: str) -> None:
        """In the loop."""
        super().__init__(method)
        self._has_told = False
        self.told: asyncio.Queue[Optional[Outcome]] = asyncio.Queue()
        self._given = asyncio.Event()

    def __aiter__(self) -> "AsyncItems":
        return self

    async def __anext__(self) -> Any:
        """Raises StopAsyncIteration at the end, RPCTransportError where that does not come."""
        while not self._here:
            if self._is_over:
                raise StopAsyncIteration
            self._raise_if_none_come()
            if not self._has_told:  # and was cancelled then, and has not got any since
                self._has_told = True
                self.told.put_nowait(None)
                self._given.clear()
            await self._given.wait()
        return self._here.popleft()

    def go_on(self) -> None:
        self._has_told = False
        self._given.set()

    def abandon(self) -> None:
        self._is_abandoned = True
        self._given.set()


class AsyncUploaded:
    """Of an async function."""

    def __init__(self, method: str, run: Callable[[Any], "Coroutine[Any, Any, Any]"], _: bool) -> None:
        """`run`: calls it with the async iterator."""
        self.method = method
        self._run = run
        self._items: Optional[AsyncItems] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._task: Optional[asyncio.Task[None]] = None

    async def give(self, items: List[Any], is_over: bool) -> Given:
        """Let it go on with these. Raises what it raises."""
        came = self._items = self._items or AsyncItems(self.method)
        came.add(items, is_over)
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
            return [False, None]
        came.told.put_nowait(outcome)
        return [True, outcome()]

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
"""Names of the functions that a client calls for it."""


class Kind(NamedTuple):
    """How a function is called."""

    is_awaited: bool
    is_alone: bool
    """Whether its server runs one method at a time."""


def begun(
    method: str, function: Callable[..., Any], kind: Kind, place: Any, args: Sequence[Any], params: Dict[str, Any]
) -> Union[Uploaded, AsyncUploaded]:
    """`function`, to be called with a stream as the argument of that position or name."""

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

    return (AsyncUploaded if kind.is_awaited else Uploaded)(method, run, kind.is_alone)


def _raiser(error: BaseException) -> Outcome:
    def get() -> Any:
        raise error

    return get
