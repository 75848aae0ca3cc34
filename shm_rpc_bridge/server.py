"""RPCServer: a name, its methods, and its life from the first to the last look."""

import functools
import logging
import os
import threading
import weakref
from types import ModuleType
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Type, TypeVar

from . import codec as codecs
from . import names, offered, serving, signals
from .answering import Answering
from .channel import (
    DEFAULT_BUFFER_SIZE,
    DEFAULT_MAX_MESSAGE_SIZE,
    validated_max_memory,
    validated_number,
    validated_sizes,
)
from .dispatch import Dispatch, is_generator
from .endpoint import Endpoint
from .exceptions import RPCTransportError
from .header import Offer
from .living import living
from .measured import MOST_METHODS, Measured
from .references import reference_of
from .statistics import Statistics, merged
from .waiting import validated_strategy, validated_timeout
from .workers import MOST_PROCESSES, MOST_THREADS, refuse_together

if TYPE_CHECKING:
    from .forwarding import WorkerProcess

logger = logging.getLogger("shm_rpc_bridge")

Function = TypeVar("Function", bound=Callable[..., Any])


class RPCServer:
    """Serves registered functions to any number of clients on this host.

    One call at a time, in the thread of :meth:`start`, unless there are `threads`; async functions run in an event loop
    of the server's own, in a thread, or in that of :meth:`serve`. Clients can connect from the moment it is constructed
    and are answered while :meth:`start` runs, in whichever thread that is. :meth:`stop`, :meth:`close` and
    :meth:`register` may be called from any thread. Close it, or use it in a ``with`` block, or let :meth:`start` end:
    each removes everything it has in /dev/shm. A server does not survive ``fork``: construct it in the process that
    serves.
    """

    def __init__(
        self,
        name: str,
        buffer_size: int = DEFAULT_BUFFER_SIZE,
        timeout: Optional[float] = None,
        *,
        wait: str = "adaptive",
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
        max_channels: int = 1024,
        max_objects: int = 256,
        max_memory: Optional[int] = None,
        threads: int = 0,
        processes: int = 0,
        codec: Any = "json",
        strict: bool = False,
        statistics: bool = False,
    ) -> None:
        """Take the name.

        `buffer_size`: bytes a response buffer has room for at first; it grows up to `max_message_size`, bytes.
        `timeout`: seconds without any request after which :meth:`start` raises RPCTimeoutError; None: never.
        `wait`: "adaptive" (spin for tens of microseconds after a request, then park), "block" (park at once) or
        "spin" (burn a core). `max_channels`: how many channels can be open at once; one per client and concurrent
        call, 97 bytes each here. `max_objects`: how many objects each client process may have handles to, see
        :meth:`register_class`. `max_memory`: bytes that the buffers of all channels may have together in shared memory;
        what would take more fails with RPCTransportError; None: no bound but that of /dev/shm. `threads`: how many run
        methods, one call each at a time, so that a slow method holds up no other call; 0: the thread of :meth:`start`
        runs one after the other, which is the quickest. `processes`: how many processes run methods instead, likewise;
        each imports the functions by their names, so that these must stand in modules, and is started again when it
        dies. `codec`: "json", "json+types", "msgpack", "pickle", or an object with ``dumps`` and ``loads``; every
        client must have the same. A pickle can run any code where it is read: "pickle" trusts every process of this
        user. `strict`, of codec "json": refuse results that would not arrive as they are, such as tuples, dates and
        NaN; clients need not have it. `statistics`: time each call, for :meth:`statistics`, which takes about a
        microsecond of it.
        Raises RPCTransportError when a living server has the name, ValueError or TypeError for bad arguments.
        """
        names.validated(name)
        validated_sizes(buffer_size, max_message_size)
        validated_strategy(wait)
        validated_number("max_channels", max_channels, 1, 65_536)
        validated_number("max_objects", max_objects, 0, 2**31 - 1)
        validated_max_memory(max_memory)
        validated_number("threads", threads, 0, MOST_THREADS)
        validated_number("processes", processes, 0, MOST_PROCESSES)
        refuse_together(threads, processes)
        if processes:
            _refuse_for_processes(codec)
        self.name = name
        validated_timeout(timeout)
        self._running = threading.Lock()
        self._closed = False
        self._process = os.getpid()
        self._handlers: signals.Handlers = []
        self._processes = processes
        self._references: Dict[str, str] = {}
        """Under which names processes find the methods."""
        self._options = {
            "codec": codec,
            "strict": strict,
            "wait": wait,
            "buffer_size": buffer_size,
            "max_message_size": max_message_size,
            "statistics": statistics,
        }
        _servers.add(self)
        chosen = codecs.chosen(codec, strict)
        methods = MOST_METHODS if statistics else 0
        offer = Offer(max_channels, buffer_size, max_message_size, chosen.name, methods, max_memory or 0)
        self._endpoint = Endpoint(name, offer, wait)
        kind = Measured if statistics else Dispatch
        self._answering = Answering(name, self._endpoint, timeout, threads, self._new_processes)
        self._dispatch = kind(chosen, max_objects, self._endpoint.objects_kept, self._answering.defer)
        self._dispatch.is_alone = not threads
        self._answering.begin_with(self._dispatch)
        self._endpoint.on_look = _weakly(self._write_figures)
        # At the latest when the interpreter exits.
        self._finalizer = weakref.finalize(self, _end, self._endpoint, self._running)
        self._endpoint.open()
        self._write_figures()
        logger.debug("server %r is ready", name)

    def register(self, name: str, func: Callable[..., Any], *, borrow: bool = False) -> None:
        """Let clients call `func` as `name`. While an async function awaits, other calls are served.

        `borrow`: arrays and bytes come as views of shared memory that cannot be written to, and are not copied; what
        the function keeps of them beyond its return is copied then. Raises ValueError if the name is taken, or to
        `borrow` with processes; TypeError for what cannot be called.
        """
        self._add({name: func}, "", [name] if borrow else ())

    def register_module(
        self,
        module: ModuleType,
        only: Optional[Iterable[str]] = None,
        *,
        prefix: str = "",
        borrow: Iterable[str] = (),
    ) -> List[str]:
        """Let clients call functions of `module` under their names with `prefix` before them; returns these.

        `only`: which; else those in its ``__all__``; else those it defines that begin with no underscore and are no
        classes. All are registered, or none: ValueError for a name that it does not have or that is taken, and when it
        has no public function; TypeError for what cannot be called. `borrow`: which of them borrow what they are called
        with, by their names in the module, see :meth:`register`.
        """
        return self._add(offered.functions_of(module, only), prefix, borrow)

    def register_object(
        self, obj: object, names: Optional[Iterable[str]] = None, prefix: str = "", *, borrow: Iterable[str] = ()
    ) -> List[str]:
        """Let clients call methods of `obj` under their names with `prefix` before them; returns these.

        `names`: which; else those that begin with no underscore. No property is read. All are registered, or none;
        raises as :meth:`register_module` does. `borrow`: as there.
        """
        return self._add(offered.methods_of(obj, names), prefix, borrow)

    def _add(self, functions: offered.Offered, prefix: str, borrow: Iterable[str]) -> List[str]:
        generators = [name for name, each in functions.items() if is_generator(each)]
        if self._processes and generators:
            raise ValueError(
                f"{generators[0]!r}: generators are not for a server with processes: use threads, return a list, or "
                "leave it out"
            )
        borrowing = offered.some_of(functions, borrow, "borrow")
        if borrowing and self._processes:
            raise ValueError("borrow is not for a server with processes: they get copies of what their server has got")
        references = {}
        if self._processes:
            if self._running.locked():
                raise ValueError("the processes have begun with the methods they have: register before start()")
            references = {prefix + name: reference_of(prefix + name, each) for name, each in functions.items()}
        added = self._dispatch.add(functions, prefix)
        self._endpoint.lends_to.update(prefix + name for name in borrowing)
        self._references.update(references)
        return added

    def register_function(self, func: Function) -> Function:
        """Decorator: let clients call `func` under its own name; a ``functools.partial`` under that of its function.

        TypeError for what has no name: use :meth:`register`.
        """
        named: Any = func
        while isinstance(named, functools.partial):
            named = named.func
        name = getattr(named, "__name__", None)
        if not isinstance(name, str):
            raise TypeError(f"{type(named).__name__} object has no __name__: register(name, function) gives it one")
        self.register(name, func)
        return func

    def register_class(self, kind: Type[Any], methods: Optional[Iterable[str]] = None) -> None:
        """Let methods return objects of exactly this class as handles: they stay here, and are called from there.

        `methods`: what can be called on them; None: all that do not begin with an underscore. A handle has a channel of
        its own, on which objects that its methods return have handles, too; see :class:`.handle.Handle`. ValueError or
        TypeError for a name that is no method, and when there is none.
        """
        if self._processes:
            raise ValueError("register_class is not for a server with processes: an object is in one of them")
        self._dispatch.keep_objects_of(kind, frozenset(offered.methods_of_class(kind, methods)))

    def start(self) -> None:
        """Serve until :meth:`stop`; then release everything. Call it once.

        In the main thread SIGINT and SIGTERM stop the server while this runs, and what was installed for them before
        is restored; a second signal meets the earlier handler. In another thread no handler is touched. An exception
        of a method goes to its caller; SystemExit and KeyboardInterrupt go to the caller and also end this.
        Raises RPCTransportError when closed or already started, RPCTimeoutError after `timeout` idle seconds.
        """
        self._refuse_in_child()
        self._refuse_if_running()
        try:
            with self._running:
                if self._closed:
                    raise RPCTransportError(f"server {self.name!r} is closed")
                try:
                    serving.begin(self.name)
                    signals.install(self.stop, self._handlers)
                    self._answering.run()
                finally:
                    self._leave()
        finally:
            try:
                self._leave()  # once more: a handler may have raised in the middle of it
            finally:
                self.close()

    async def serve(self) -> None:
        """:meth:`start` in the running event loop, in which async methods then run; cancelled, it stops the server.

        Methods that are not async run in threads beside it.
        """
        self._refuse_if_running()
        await self._answering.loop().serve_beside(self.start, self.stop)

    def _leave(self) -> None:
        """Put back what :meth:`start` has changed of this process and thread. Idempotent."""
        signals.restore(self._handlers)
        serving.end(self.name)

    def statistics(self) -> Statistics:
        """What was counted since it has its name, and what its clients wait for right now; see :class:`.Statistics`.

        From any thread; a few microseconds, and more for many channels. ``python -m shm_rpc_bridge stat NAME`` shows
        the same from outside. Raises RPCTransportError when closed.
        """
        self._refuse_in_child()
        while not self._closed:
            try:
                self._write_figures()
                return self._endpoint.statistics()
            except ValueError:  # the server's thread was just closing a channel
                continue
        raise RPCTransportError(f"server {self.name!r} is closed")

    def _write_figures(self) -> None:
        failed, methods = self._dispatch.figures()
        for counted in [process.figures() for process in self._answering.processes]:
            failed += counted[0]
            methods = merged([methods, counted[1]])
        self._endpoint.write_figures(failed, methods)

    def stop(self) -> None:
        """Let :meth:`start` return after the call it is in. From any thread, signal handler or method; never waits."""
        self._answering.is_stopping = True
        if not self._closed:
            self._endpoint.wake()

    def close(self) -> None:
        """Release everything. Idempotent. While :meth:`start` runs this is :meth:`stop`: it releases when it ends."""
        if self._running.locked():
            self.stop()
            return
        self._closed = True
        with self._running:
            self._endpoint.close()
            self._finalizer.detach()
        logger.debug("server %r has closed", self.name)

    def __enter__(self) -> "RPCServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("a server cannot be copied or pickled: construct it in the process that serves")

    def _leave_to_parent(self) -> None:
        """In a forked child: this server is the parent's."""
        self._running = threading.Lock()
        self._closed = True
        signals.restore(self._handlers)
        if hasattr(self, "_dispatch"):
            self._dispatch.leave_to_parent()
        if hasattr(self, "_endpoint"):
            self._endpoint.close()
        if hasattr(self, "_answering"):
            self._answering.leave_to_parent()

    def _new_processes(self) -> "List[WorkerProcess]":
        if not self._processes:
            return []
        from .forwarding import WorkerProcess  # and with it what starts processes

        make = functools.partial(WorkerProcess, self.name, self._dispatch, self._references, self._options)
        return [make() for _ in range(self._processes)]

    def _refuse_if_running(self) -> None:
        if self._running.locked():
            raise RPCTransportError(f"server {self.name!r} is running already")

    def _refuse_in_child(self) -> None:
        if os.getpid() != self._process:
            raise RPCTransportError(
                f"server {self.name!r} belongs to process {self._process}, which has constructed it, and cannot be "
                f"used in its forked child {os.getpid()}: construct it in the process that serves"
            )


def _refuse_for_processes(codec: Any) -> None:
    if codec not in codecs.NAMES:
        raise ValueError(
            f"codec must be one of {', '.join(map(repr, codecs.NAMES))} where there are processes, not {codec!r}"
        )


_servers: "weakref.WeakSet[RPCServer]" = weakref.WeakSet()


def _before_fork() -> None:
    signals.hold_back_for_fork([server._handlers for server in living(_servers)])


def _leave_servers_to_parent() -> None:
    for server in living(_servers):
        server._leave_to_parent()
    signals.let_through_after_fork()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=signals.let_through_after_fork,
    after_in_child=_leave_servers_to_parent,
)


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    """It, as long as its object is there: a server's finalizer keeps the endpoint, which must not keep the server."""
    known = weakref.WeakMethod(method)

    def call() -> None:
        found = known()
        if found is not None:
            found()

    return call


def _end(endpoint: Endpoint, running: threading.Lock) -> None:
    """When a server is dropped, or the interpreter exits: what a thread is still serving stays mapped under it."""
    if running.locked():
        endpoint.abandon()
    else:
        endpoint.close()
