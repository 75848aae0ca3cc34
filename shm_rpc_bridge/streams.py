"""The items of a method that is a generator, where they are consumed."""

import contextlib
import re
from collections import deque
from time import monotonic
from typing import Any, Deque, Iterator, Optional, Tuple

from .classes import with_article
from .exceptions import RPCError, RPCMethodError, RPCSerializationError, RPCTimeoutError
from .handle import Handle

AT_ONCE = 100
"""Items that are taken together at the most; fewer where they are large."""
AHEAD_FROM = 8
"""Items after which those that come next are asked for before they are needed."""
_SLOWLY_SECONDS = 0.005
_TOGETHER_BYTES = 64 * 1024
"""About so large is a message of several items at the most: what does not fit into the caches of a core, or into the
buffers as they are at first, takes several times as long per item."""


class Pace:
    """How many items to ask for, or to send: twice as many as the last time, one alone where they come slowly, and
    fewer where they are large.

    Those that are asked for together come together: the first one waits for the last.
    """

    def __init__(self) -> None:
        self._most = 1
        self._limit = AT_ONCE
        self._asked = 0.0
        self.is_quick = False
        """Whether they come as soon as they are asked for."""
        self._took: Optional[float] = None
        self._error: Optional[RPCError] = None
        """By which the last ones have not come."""

    def ask(self) -> Tuple[int, bool]:
        """So many, now; and whether those before have come, else they are asked for again."""
        self._asked = monotonic()
        return self._most, self._error is None

    def produced(self) -> None:
        """The items that were asked for have been made; sending them is not in that time."""
        self._took = monotonic() - self._asked

    def came(self, items: int, size: int) -> None:
        """So many, in a message of so many bytes."""
        self._error = None
        took = monotonic() - self._asked if self._took is None else self._took
        self.is_quick = took < _SLOWLY_SECONDS
        self._most = min(2 * self._most, self._limit) if self.is_quick else 1
        if size * self._most > _TOGETHER_BYTES * items > 0:
            self._most = max(1, _TOGETHER_BYTES * items // size)

    def failed(self, error: RPCError, where: str = "") -> None:
        """They have not: ask for fewer, which may not be too large, or come before one that cannot be sent.

        Raises what the method has raised, and where that is no use the first error again; `where` in the stream, if
        the method has run by then.
        """
        if isinstance(error, RPCMethodError):
            raise error
        first, self._error = self._error or error, None
        if self._most == 1 or isinstance(error, RPCTimeoutError):
            raise in_the_middle(first, where) from None
        self._error = first
        self._most = self._limit = self._most // 2


def not_a_stream(method: str, server: str, result: object) -> RPCSerializationError:
    return RPCSerializationError(
        f"{method!r} on {server!r} has returned {with_article(type(result))} and is no generator: call it (it has run)",
        may_have_run=True,
    )


_NEVER_RUNS = re.compile(r" \((?:the request was not sent|the server had not taken it), so it never runs\)")


def in_the_middle(error: RPCError, where: str) -> RPCError:
    """An error of one message, as that of a call which has run since the first one; where it has not, as it is."""
    if not where:
        return error
    return type(error)(f"{_NEVER_RUNS.sub('', str(error))} ({where})", may_have_run=True)


class Stream:
    """Items of a generator in the server, in order: ``for item in client.stream("f", 1)``. One thread's at a time.

    It runs there only as far as it is consumed here, and up to two hundred items ahead. What it raises is raised after
    the items before it. Closing it, which the end of a ``with`` block does, or dropping it, closes the generator in the
    server. It has a channel of its own; each time that items are taken the client's timeout counts anew, and one that
    is exceeded is the end of it.
    """

    def __init__(self, handle: Handle) -> None:
        """Not for users."""
        self._handle = handle
        self._came = 0
        self._items: Deque[Any] = deque()
        self._is_over = False
        self._pace = Pace()
        self._is_ahead = False
        """Whether the next ones were asked for already."""

    def __iter__(self) -> Iterator[Any]:
        """Raises, behind the items before it, what the generator has raised, or what a call raises."""
        items = self._items
        while True:
            while items:
                yield items.popleft()
            if self._is_over:
                return
            self._take()

    def __next__(self) -> Any:
        """One alone, as `next(stream)` asks for it. Raises StopIteration at the end, and else the same."""
        items = self._items
        while not items:
            if self._is_over:
                raise StopIteration
            self._take()
        return items.popleft()

    def _take(self) -> None:
        try:
            try:
                asked = self._pace.ask()
                if self._is_ahead:
                    self._is_ahead = False
                    taken, self._is_over = self._handle._call("take", None, {})
                else:
                    taken, self._is_over = self._handle.call("take", *asked)
            except RPCError as error:
                self._pace.failed(error, f"after {self._came:,} items")
                return
            self._pace.came(len(taken), self._handle._last_size())
        except BaseException:
            self.close()
            raise
        self._items.extend(taken)
        self._came += len(taken)
        if self._is_over:
            self._handle.close()
        elif self._pace.is_quick and self._came > AHEAD_FROM:
            self._ask_ahead()

    def _ask_ahead(self) -> None:
        """Have the next ones produced while these are consumed."""
        with contextlib.suppress(RPCError):  # which is met again, behind these
            self._is_ahead = self._handle._begin("take", *self._pace.ask())

    def close(self) -> None:
        """Let the server close the generator. Idempotent. Items that were not consumed are lost."""
        self._is_over = True
        self._items.clear()
        self._handle.close()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a stream is its client's and cannot be copied or pickled: consume it here")

    def __repr__(self) -> str:
        return f"<Stream, {'over' if self._is_over else 'open'}, {len(self._items)} items here>"
