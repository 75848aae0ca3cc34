"""One connection of a contender, driven from a procedure that blocks, whether its calls block or are awaited.

Where the calls are streams, a call is one whole stream, consumed to its end, and its result the list of all items.

A contender that is asyncio's own is timed as its users use it: whole loops of calls are one coroutine inside one
running event loop. What lies between (connecting, a single call, closing) enters that loop for each step.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self

from contenders.interface import AsyncCaller, Caller, Contender
from scenarios.measuring import loops, ticker
from scenarios.measuring.loops import Record, Work


class Driver(abc.ABC):
    """A connection and the loops over it. A context manager; belongs to one thread."""

    server_pid: int | None = None
    """The worker the caller brought along, where it did; once connected."""

    @abc.abstractmethod
    def connect(self) -> None:
        """Connect; raises what the contender raises."""

    @abc.abstractmethod
    def call(self, method: str, payload: Any) -> Any:
        """One call."""

    @abc.abstractmethod
    def closed(self, work: Work, record: Record, limit_ns: int, fewest: int) -> None:
        """See :func:`scenarios.measuring.loops.closed`."""

    @abc.abstractmethod
    def in_flight(self, work: Work, record: Record, limit_ns: int, fewest: int, in_flight: int) -> None:
        """See :func:`scenarios.measuring.loops.closed_in_flight`; in an event loop beside a ticker."""

    @abc.abstractmethod
    def open(self, work: Work, record: Record, backlog: int) -> None:
        """See :func:`scenarios.measuring.loops.open_loop`."""

    @abc.abstractmethod
    def close(self) -> None:
        """Release the connection, if there is one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def of(contender: Contender, address: str, streams: bool = False) -> Driver:
    """The driver for `contender`, not yet connected; its calls are streams or not."""
    kind = _Awaiting if contender.is_async else _Blocking
    return kind(contender, address, streams)


class _Blocking(Driver):
    def __init__(self, contender: Contender, address: str, streams: bool) -> None:
        self._contender, self._address, self._streams = contender, address, streams
        self._caller: Caller | None = None

    def connect(self) -> None:
        self._caller = caller = self._contender.connect(self._address)
        self.server_pid = caller.server_pid
        # On the instance: the loops are to find the contender's own method and no wrapper around it.
        self.call = _consuming(caller) if self._streams else caller.call  # type: ignore[method-assign,assignment]

    def call(self, method: str, payload: Any) -> Any:
        raise RuntimeError("not connected")

    def closed(self, work: Work, record: Record, limit_ns: int, fewest: int) -> None:
        loops.closed(self.call, work, record, limit_ns, fewest)

    def in_flight(self, work: Work, record: Record, limit_ns: int, fewest: int, in_flight: int) -> None:
        if self._caller is None:
            raise RuntimeError("not connected")
        loops.closed_in_flight(self._caller.begin, work, record, limit_ns, fewest, in_flight)

    def open(self, work: Work, record: Record, backlog: int) -> None:
        loops.open_loop(self.call, work, record, backlog)

    def close(self) -> None:
        if self._caller is not None:
            self._caller.close()


class _Awaiting(Driver):
    def __init__(self, contender: Contender, address: str, streams: bool) -> None:
        self._contender, self._address, self._streams = contender, address, streams
        self._runner = asyncio.Runner(loop_factory=contender.new_event_loop)
        self._runner.get_loop()  # made now: a program that is split has its loop running already

    def connect(self) -> None:
        self._caller = self._runner.run(self._contender.connect_async(self._address))
        self._call = _consuming_async(self._caller) if self._streams else self._caller.call

    def call(self, method: str, payload: Any) -> Any:
        return self._runner.run(self._call(method, payload))

    def closed(self, work: Work, record: Record, limit_ns: int, fewest: int) -> None:
        self._runner.run(loops.closed_async(self._call, work, record, limit_ns, fewest))

    def in_flight(self, work: Work, record: Record, limit_ns: int, fewest: int, in_flight: int) -> None:
        calls = loops.closed_in_flight_async(self._caller.begin, work, record, limit_ns, fewest, in_flight)
        self._runner.run(ticker.beside(calls, record.ticks_late))

    def open(self, work: Work, record: Record, backlog: int) -> None:
        self._runner.run(loops.open_loop_async(self._call, work, record, backlog))

    def close(self) -> None:
        with self._runner:
            if hasattr(self, "_caller"):
                self._runner.run(self._caller.close())


def _consuming(caller: Caller) -> Callable[[str, Any], Any]:
    def call(method: str, payload: Any) -> list[Any]:
        return list(caller.stream(method, payload))

    return call


def _consuming_async(caller: AsyncCaller) -> Callable[[str, Any], Coroutine[Any, Any, Any]]:
    async def call(method: str, payload: Any) -> list[Any]:
        return [item async for item in caller.stream(method, payload)]

    return call
