"""How a server answers: one request after the other in its own thread, or by workers, and coroutines in an event loop.

One :meth:`Answering.run` per object, in the server's thread; what else is called, may be from any.
"""

import threading
from time import monotonic
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence

from .deferred import Deferred
from .dispatch import Dispatch
from .endpoint import OWING_LOOK_SECONDS, Endpoint
from .exceptions import RPCTimeoutError
from .frames import Outgoing
from .served import Request
from .waiting import SLICE, deadline_after
from .workers import ThreadWorker, Worker, Workers, start_together

if TYPE_CHECKING:
    from .coroutines import Loop
    from .forwarding import WorkerProcess


class Answering:
    """Takes requests from the endpoint of the server `name`, until it is to stop."""

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        timeout: Optional[float],
        threads: int,
        new_processes: Callable[[], "List[WorkerProcess]"],
    ) -> None:
        """`timeout`: seconds without a request that end it. `new_processes`: makes those that are to run methods."""
        self.is_stopping = False
        self.processes: List[WorkerProcess] = []
        self._name = name
        self._endpoint = endpoint
        self._timeout = timeout
        self._threads = threads
        self._new_processes = new_processes
        self._loop: Optional[Loop] = None
        self._loop_lock = threading.Lock()

    def begin_with(self, dispatch: Dispatch) -> None:
        """What answers requests."""
        self._dispatch = dispatch
        self._deferred = Deferred(dispatch, self._endpoint)

    def run(self) -> None:
        """Answer until :attr:`is_stopping`. Raises RPCTimeoutError after `timeout` idle seconds."""
        processes = self.processes
        try:
            processes += self._new_processes()
            if processes:
                start_together(processes)
                self._run_with(processes)
            elif self._threads:
                self._run_with([ThreadWorker(self._dispatch) for _ in range(self._threads)])
            else:
                self._run_alone()
            if self._loop is not None:
                self._loop.cancel_all()
            self._deferred.finish()
        finally:
            if self._loop is not None:
                self._loop.end()
            for process in processes:
                process.end()
            if not self._endpoint.is_closed:  # as it is in a child that a method has forked
                self._endpoint.send_rest()

    def loop(self) -> "Loop":
        """In which async methods run: made when it is first needed."""
        with self._loop_lock:
            if self._loop is None:
                from .coroutines import Loop  # and with it asyncio, which most servers have no use for

                self._loop = Loop(self._dispatch, self._deferred, self._name)
                if self.is_stopping:  # which has cancelled what ran by then
                    self._loop.cancel_all()
            return self._loop

    def defer(self, dispatch: Dispatch, request: Request, method: str, coroutine: Any) -> Optional[Outgoing]:
        """An async method's coroutine, which is answered when it has ended."""
        return self.loop().defer(dispatch, request, method, coroutine)

    def leave_to_parent(self) -> None:
        """In a forked child: the loop, if the child is inside one, ends unanswered."""
        self.is_stopping = True
        if hasattr(self, "_deferred"):
            self._deferred.under_way = 0
        if self._loop is not None:
            self._loop.leave_to_parent()

    def _run_alone(self) -> None:
        next_request, respond = self._endpoint.next_request, self._endpoint.respond
        dispatch, deferred = self._dispatch, self._deferred
        answer, instead = dispatch.answer, dispatch.instead
        timeout = self._timeout
        idle_deadline = deadline_after(timeout)
        while not self.is_stopping:  # after a fork in a method the child leaves here
            if deferred.under_way:
                deferred.send_ready()
                self._endpoint.park_at_once(deferred.under_way > 0)
            request = next_request(idle_deadline)
            if request is not None:
                response = answer(request)
                if response is not None:
                    respond(request, response, instead)
                    if dispatch.failure is not None:
                        dispatch.settle()
                else:
                    deferred.begin(request)
                if timeout is not None:
                    idle_deadline = deadline_after(timeout)
            else:
                response = None  # which may be large, and would be kept until somebody asks again
                if monotonic() >= idle_deadline and not deferred.under_way:
                    raise self._was_idle()

    def _run_with(self, them: Sequence[Worker]) -> None:
        endpoint, deferred = self._endpoint, self._deferred
        endpoint.park_at_once(True)
        workers = Workers(them, deferred, self._name)
        has_worker = False
        pause = 0.0
        idle_deadline = deadline_after(self._timeout)
        try:
            while not self.is_stopping:
                deferred.send_ready()
                # A request that nobody can run yet stays its client's, who takes it back at its deadline.
                # Meanwhile coroutines are answered, and clients make room for what was answered before.
                has_worker = has_worker or workers.reserve(pause)
                if not has_worker:
                    endpoint.look_after()
                    is_busy = endpoint.send_what_is_owed() or deferred.under_way > len(them)
                    pause = OWING_LOOK_SECONDS if is_busy else SLICE
                    continue
                pause = 0.0
                request = endpoint.next_request(idle_deadline)
                if request is not None:
                    workers.hand_over(request)
                    has_worker = False
                    deferred.begin(request)
                    idle_deadline = deadline_after(self._timeout)
                elif monotonic() >= idle_deadline and not deferred.under_way:
                    raise self._was_idle()
        finally:
            workers.end()

    def _was_idle(self) -> RPCTimeoutError:
        return RPCTimeoutError(f"server {self._name!r} had no request for {self._timeout} s")
