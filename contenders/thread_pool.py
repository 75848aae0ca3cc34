"""concurrent.futures' thread pool: functions sent to another thread of the caller's own process, by reference.

What many programs have before they are split: the work leaves the calling thread, and no process. What is measured is
``submit(...).result()`` with one worker, so a call wakes one thread and its answer another; with several calls in
flight they wait in the pool's queue. Callers may be shared.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from contenders.interface import LANES, Caller, CallError, Contender, ServerGone
from contenders.service import Methods, methods_of

_WORKERS = 1
_pools: dict[str, tuple[ThreadPoolExecutor, Methods]] = {}
"""The pool of each address, and what is called in it."""


class ThreadPool(Contender):
    """An address is the name of a pool of this process. Every lane is by reference, as in ``direct``."""

    name = "thread-pool"
    summary = "concurrent.futures.ThreadPoolExecutor with one worker, in the caller's own process, by reference."
    lanes: ClassVar[tuple[str, ...]] = LANES
    in_process = True
    several_in_flight = True

    def new_address(self, folder: Path) -> str:
        return f"{self.name}-{secrets.token_hex(8)}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        stopped = threading.Event()
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix=self.name) as pool:
            _pools[address] = pool, methods_of(service)
            try:
                ready(stopped.set)
                stopped.wait()
            finally:
                del _pools[address]
                pool.shutdown(cancel_futures=True)

    def connect(self, address: str) -> Caller:
        if address not in _pools:
            raise ServerGone(f"there is no pool {address} in this process")
        return _PoolCaller(*_pools[address])

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "none: a queue between two threads",
            "API": "ThreadPoolExecutor.submit(...).result()",
            "in flight": "a Future each, in the pool's queue",
            "codec": "none",
            "server workers": str(_WORKERS),
        }


class _PoolCaller(Caller):
    def __init__(self, pool: ThreadPoolExecutor, methods: Methods) -> None:
        self._pool: ThreadPoolExecutor | None = pool
        self._methods = methods

    def call(self, method: str, payload: Any) -> Any:
        return _result(self._submit(method, payload))

    def begin(self, method: str, payload: Any) -> Callable[[], Any]:
        return partial(_result, self._submit(method, payload))

    def _submit(self, method: str, payload: Any) -> Future[Any]:
        if self._pool is None:
            raise ServerGone("this caller is closed")
        try:
            function = self._methods[method]
        except LookupError as error:
            raise CallError(type(error).__name__, str(error)) from error
        try:
            return self._pool.submit(function, payload)
        except RuntimeError as error:  # shut down
            raise ServerGone(str(error)) from error

    def close(self) -> None:
        self._pool = None


def _result(called: Future[Any]) -> Any:
    try:
        return called.result()
    except CancelledError as error:
        raise ServerGone("the pool has shut down") from error
    except Exception as error:  # a user's handler ran: anything may come out of it
        raise CallError(type(error).__name__, str(error)) from error
