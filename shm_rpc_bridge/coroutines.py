"""The event loop in which a server's coroutines run."""

import asyncio
import os
import threading
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, Callable, Coroutine, Optional, Set

from . import current
from .deferred import Deferred, answered_by
from .dispatch import IN_BATCH, Dispatch
from .frames import Outgoing, Unopened
from .served import Request

Awaited = Coroutine[Any, Any, Any]
Outcome = Callable[[], Any]
"""Returns a coroutine's result, or raises what it has raised."""


class Loop:
    """The event loop in which a server's coroutines run: one of its own, in a thread, or one that somebody runs."""

    def __init__(self, dispatch: Dispatch, deferred: Deferred, name: str) -> None:
        """`name`: the server's."""
        self._dispatch = dispatch.for_thread()
        self._deferred = deferred
        self._name = name
        self._lock = threading.Lock()
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._thread: Optional[threading.Thread] = None
        self._tasks: Set[asyncio.Task[Any]] = set()
        self._is_cancelling = False

    async def serve_beside(self, start: Callable[[], None], stop: Callable[[], None]) -> None:
        """Run coroutines in the running loop, and the server that `start` serves and `stop` stops in a thread."""
        self._loop = asyncio.get_running_loop()
        # No thread of the loop's executor: in a child that a method forks it would wait for other work, for ever.
        served: Future[None] = Future()
        served.set_running_or_notify_cancel()  # so that nobody cancels it
        threading.Thread(target=_serve, args=(start, served), name=f"{self._name}-serve").start()
        serving = asyncio.wrap_future(served)
        try:
            await asyncio.shield(serving)
        except asyncio.CancelledError:
            stop()
            await serving  # which answers, in this loop, what is under way
            raise

    def defer(self, dispatch: Dispatch, request: Request, method: str, coroutine: Awaited) -> Optional[Outgoing]:
        """Have it awaited, and answered then; at once where the answer cannot come later. From any other thread.

        `dispatch`: that of the thread.
        """
        if request[3] == IN_BATCH:
            over: SimpleQueue[Outcome] = SimpleQueue()
            self._running().call_soon_threadsafe(self._begin, request, method, coroutine, over.put)
            return dispatch.outcome(request, method, over.get())
        served, sequence, message, kind = request
        kept = served, sequence, message if isinstance(message, Unopened) else b"", kind
        self._running().call_soon_threadsafe(
            self._begin, kept, method, coroutine, lambda get: self._answer(kept, method, get)
        )
        return None

    def _begin(self, request: Request, method: str, coroutine: Awaited, tell: Callable[[Outcome], None]) -> None:
        """Have it awaited, and `tell` what it has come to, also when it is cancelled before it has begun."""

        def end(task: "asyncio.Task[None]") -> None:
            self._tasks.discard(task)
            coroutine.close()
            if task.cancelled():
                tell(_raiser(asyncio.CancelledError()))

        current.awaits(request, method)  # in the context of this callback, of which the task has a copy
        task = asyncio.ensure_future(_guarded(coroutine, tell))
        self._tasks.add(task)  # a loop has weak references only
        task.add_done_callback(end)
        if self._is_cancelling:
            task.cancel()

    def _answer(self, request: Request, method: str, get: Outcome) -> None:
        response = self._dispatch.outcome(request, method, get)
        self._deferred.add(answered_by(self._dispatch, request, response))

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run_loop, args=(loop,), name=f"{self._name}-loop", daemon=True)
                self._thread.start()
            return self._loop

    def cancel_all(self) -> None:
        """Cancel what runs, and what comes yet; each is answered all the same. From any thread."""
        self._is_cancelling = True
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in list(self._tasks)])

    def leave_to_parent(self) -> None:
        """In a forked child: one that the loop's own thread has forked does not go on with what others await there."""
        if self._thread is not None and self._loop is not None:
            self._loop.stop()

    def end(self) -> None:
        """End the loop if it is the server's own. From its thread."""
        if self._thread is not None and self._loop is not None:
            self.cancel_all()  # what an exception of another method has left
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = self._loop = None


def _serve(start: Callable[[], None], served: "Future[None]") -> None:
    process = os.getpid()
    error: Optional[BaseException] = None
    try:
        start()
    except BaseException as raised:
        error = raised
    if os.getpid() == process:  # else the loop is the parent's, and this thread the last of its process
        served.set_exception(error) if error is not None else served.set_result(None)


async def _guarded(coroutine: Awaited, tell: Callable[[Outcome], None]) -> None:
    """Tell what it has come to, without raising it: a loop is ended by some exceptions, a server is not.

    At once: when others have had their turn the result may be another one.
    """
    try:
        result = await coroutine
    except BaseException as error:
        tell(_raiser(error))
    else:
        tell(lambda: result)


def _raiser(error: BaseException) -> Outcome:
    def get() -> Any:
        raise error

    return get


async def _cancel_rest() -> None:
    """What coroutines have begun and not awaited; as :func:`asyncio.run` does."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    process = os.getpid()
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        if os.getpid() == process:
            loop.run_until_complete(_cancel_rest())
            loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        if os.getpid() == process:  # else the system's objects behind it are the parent's, which waits for them
            loop.close()
