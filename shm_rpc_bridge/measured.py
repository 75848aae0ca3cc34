"""A Dispatch that times each call, for servers made with ``statistics=True``: about a microsecond more."""

import logging
from time import perf_counter_ns
from typing import Any, Callable, Coroutine, Dict, Optional, Tuple

from .codec.protocol import Codec
from .dispatch import Defer, Dispatch
from .frames import Outgoing
from .messages import BATCH
from .served import Request
from .statistics import LONGEST, OTHERS, Figures, bucket_of, merged, no_figures

logger = logging.getLogger("shm_rpc_bridge")

MOST_METHODS = 64
"""Methods with figures of their own."""


class Measured(Dispatch):
    """Each thread's own has figures of its own."""

    def __init__(self, codec: Codec, max_objects: int, objects_kept: Callable[[int], int], defer: Defer) -> None:
        super().__init__(codec, max_objects, objects_kept, self._deferring)
        self._defer_to = defer
        self._methods_figures: Dict[str, Figures] = {}
        # When each began that is answered later, by its channel and number; shared by all threads.
        self._deferred: Dict[Tuple[Any, int], int] = {}
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._decode = self._noting
        self._defer = self._deferring
        self._method = ""
        self._start = 0
        self._was_deferred = False

    def for_thread(self) -> "Measured":
        other = super().for_thread()
        assert isinstance(other, Measured)
        other._methods_figures = {}
        other._begin_anew()
        return other

    def figures(self) -> Tuple[int, Dict[str, Figures]]:
        failed, _ = super().figures()
        threads = [each for each in list(self._of_threads) if isinstance(each, Measured)]
        return failed, merged(dict(each._methods_figures) for each in threads)

    def answer(self, request: Request) -> Optional[Outgoing]:
        if request[3] == BATCH:
            return super().answer(request)  # each of its calls comes here
        self._method, self._was_deferred, failure = "", False, self.failure
        self._start = start = perf_counter_ns()
        response = super().answer(request)
        if not self._was_deferred:
            took = perf_counter_ns() - start
            self._count(request, self._method, took, len(response or b""), self.failure is not failure)
        return response

    def outcome(self, request: Request, method: str, get: Callable[[], Any]) -> Outgoing:
        failure = self.failure
        response = super().outcome(request, method, get)
        start = self._deferred.pop(request[:2], None)
        if start is not None:
            took = perf_counter_ns() - start
            self._count(request, method, took, len(response), self.failure is not failure)
        return response

    def _noting(self, message: Any) -> Any:
        decoded = self._codec.decode_request(message)
        self._method = decoded[0]
        return decoded

    def _deferring(
        self, dispatch: Dispatch, request: Request, method: str, coroutine: "Coroutine[Any, Any, Any]"
    ) -> Optional[Outgoing]:
        self._was_deferred = True
        self._deferred[request[:2]] = self._start
        return self._defer_to(dispatch, request, method, coroutine)

    def _count(self, request: Request, method: str, ns: int, sent: int, has_failed: bool) -> None:
        figures = self._methods_figures.get(method)
        if figures is None:
            name = method if method in self._methods else OTHERS
            figures = self._methods_figures.setdefault(name, no_figures())
        figures[0] += 1
        figures[1] += has_failed
        figures[2] += ns
        if ns > figures[LONGEST]:
            figures[LONGEST] = ns
        figures[4] += len(request[2])
        figures[5] += sent
        figures[6 + bucket_of(ns)] += 1
        if logger.isEnabledFor(logging.DEBUG):
            how = "failed" if has_failed else "done"
            process = request[0].request.creator() if request[0].held else 0
            logger.debug("%s for process %d: %s in %.1f us, %d bytes", method, process, how, ns / 1000, sent)
