"""The call interface: what every contender is to the runner, and nothing about how one works.

A *service* is a plain Python object (see :mod:`contenders.service`); its public methods take one payload and
return a result. A *contender* serves such an object in one process and connects to it from another. A *lane*
says what is compared: ``bytes`` (raw bytes, no codec), ``json`` (the same document, orjson for everyone),
``native`` (each contender's own idiom), ``pickle`` (the same Python objects, their classes kept), ``arrays`` (a NumPy
array, each contender's own idiom).
"""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

PLAIN_LANES = ("bytes", "json", "native")
"""Those of plain values, which everybody has."""
ARRAYS = "arrays"
LANES = (*PLAIN_LANES, "pickle", ARRAYS)


class CallError(Exception):
    """The service's method raised: the server's exception type name and message, as the caller sees them."""

    def __init__(self, type_name: str, message: str) -> None:
        super().__init__(type_name, message)  # as given: an exception is pickled by its arguments
        self.type_name = type_name
        self.message = message

    def __str__(self) -> str:
        return f"{self.type_name}: {self.message}"


class ServerGone(Exception):
    """The server could not be reached, or died during the call."""


class Caller(abc.ABC):
    """One client's connection. Used by one thread at a time unless the contender says otherwise."""

    server_pid: int | None = None
    """The process whose work the calls are, where an `in_process` contender has one beside the client's."""

    @abc.abstractmethod
    def call(self, method: str, payload: Any) -> Any:
        """Call `method` with one payload and return its result.

        Raises :class:`CallError` when the method raised, :class:`ServerGone` when there is no server. Lane
        ``bytes`` carries `echo` alone, and its result is any bytes-like object: a ``memoryview`` where the
        contender spares its user a copy. (Compare it as ``bytes(result)``: a memoryview compares item by item,
        which takes milliseconds for 2 MB.)
        """

    def begin(self, method: str, payload: Any) -> Callable[[], Any]:
        """Send a call without waiting for its answer. What is returned waits for it, and is called once.

        Only where the contender has `several_in_flight`. Results are taken in the order in which their calls were
        begun, and :meth:`call` is used when all of them have been. Either step raises what :meth:`call` raises.
        """
        raise NotImplementedError("one call at a time")

    def stream(self, method: str, payload: Any) -> Generator[Any, None, None]:
        """Call `method`, which is a generator, with one payload: its items, each as soon as it is there.

        Only where the contender `streams`. No other call is made before it has ended or is closed, and one that is
        closed early may take the connection with it: :meth:`call` raises :class:`ServerGone` then, and another caller
        connects. Raises what :meth:`call` raises, behind the items that came before it.
        """
        raise NotImplementedError("no streams")

    @abc.abstractmethod
    def close(self) -> None:
        """Release the connection. Idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncCaller(abc.ABC):
    """One client's connection inside a running event loop. Belongs to that loop; one call at a time unless the
    contender says otherwise.
    """

    @abc.abstractmethod
    async def call(self, method: str, payload: Any) -> Any:
        """As :meth:`Caller.call`, awaited."""

    def begin(self, method: str, payload: Any) -> Awaitable[Any]:
        """As :meth:`Caller.begin`: the call is on its way when this returns, and its result is awaited."""
        raise NotImplementedError("one call at a time")

    def stream(self, method: str, payload: Any) -> AsyncGenerator[Any, None]:
        """As :meth:`Caller.stream`, for ``async for``."""
        raise NotImplementedError("no streams")

    @abc.abstractmethod
    async def close(self) -> None:
        """Release the connection. Idempotent."""


class Contender(abc.ABC):
    """One way to call a function in another process, in one lane. Picklable: spawned processes get it."""

    name: ClassVar[str]
    """As it stands in scenarios, tables and plots."""
    summary: ClassVar[str] = ""
    """One sentence for the report: what it is. Empty when its author says nothing."""
    lanes: ClassVar[tuple[str, ...]] = PLAIN_LANES
    """The lanes it can be measured in. Who carries objects of one's own classes, and arrays, says :data:`LANES`."""
    wait: ClassVar[str] = "block"
    """How it waits for a message: ``adaptive`` (spin, then park), ``block``, ``spin``; ``none`` at all."""
    in_process: ClassVar[bool] = False
    """True when server and client are one process: the runner then serves in a thread of the client."""
    is_async: ClassVar[bool] = False
    """True for asyncio's own: a client in an event loop uses :meth:`connect_async`, and that is what is timed."""
    python: ClassVar[tuple[int, int]] = (3, 11)
    """The oldest Python that has what it is made of: it cannot be loaded in an older one, and its module can."""
    many_clients: bool = True
    """False when one address takes a single client; ask the object, for it may depend on the lane."""
    several_in_flight: bool = False
    """True when one caller can have several calls on their way at once, with an API or a protocol made for that:
    `begin` of its callers. Ask the object, for it may depend on the lane."""
    streams: bool = False
    """True when a method may be a generator whose items come one after the other: `stream` of its callers. Ask the
    object, for it may depend on the lane."""

    def __init__(self, lane: str) -> None:
        if lane not in self.lanes:
            raise ValueError(f"{self.name} has no lane {lane!r}; it has {', '.join(self.lanes)}")
        self.lane = lane

    @abc.abstractmethod
    def new_address(self, folder: Path) -> str:
        """A fresh, unique endpoint; files it needs go into the private folder `folder`."""

    @abc.abstractmethod
    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        """Bind, call ``ready(stop)``, serve until `stop` is called (by any thread), then release all."""

    @abc.abstractmethod
    def connect(self, address: str) -> Caller:
        """A caller connected to a server that has said it is ready. Raises :class:`ServerGone`."""

    async def connect_async(self, address: str) -> AsyncCaller:
        """As :meth:`connect`, for the running event loop. Only where `is_async`, and then :meth:`connect` is a
        facade with a loop of its own that runs until each call is complete.
        """
        raise NotImplementedError(f"{self.name} has no asyncio client")

    def new_event_loop(self) -> AbstractEventLoop:
        """The loop :meth:`connect_async` is to run in: asyncio's own, unless the contender brings another."""
        import asyncio  # not for those that need none: it takes a while

        return asyncio.new_event_loop()

    @abc.abstractmethod
    def settings(self) -> Mapping[str, str]:
        """Every setting that could matter to a reader of the results, as the report prints it."""
