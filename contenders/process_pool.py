"""concurrent.futures' process pool: functions sent to a worker process, arguments and results pickled.

A pool belongs to the program that uses it, so there is no server to connect to: the runner's client process owns
the pool, and serving is having it. What is measured is ``submit(...).result()`` with one worker: the call passes
through two queues and, on the client's side, through the two threads of the executor; with several calls in flight
they wait in these queues. Callers may be shared.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

from contenders.garbage import settle
from contenders.interface import ARRAYS, Caller, CallError, Contender, ServerGone
from contenders.pickling import OWN_CODEC
from contenders.service import Methods, methods_of
from contenders.worker import die_with_parent

_WORKERS = 1
_pools: dict[str, tuple[ProcessPoolExecutor, int]] = {}
"""In the client's process: the pool of each address, and its worker."""
_methods = Methods()
"""In the worker: what is called."""


class ProcessPool(Contender):
    """An address is the name of a pool of this process. No lane is without pickling, which can't be left out."""

    name = "process-pool"
    summary = "concurrent.futures.ProcessPoolExecutor with one worker, owned by the caller's own process."
    lanes = ("native", "pickle", ARRAYS)
    in_process = True
    several_in_flight = True

    def new_address(self, folder: Path) -> str:
        return f"{self.name}-{secrets.token_hex(8)}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        stopped = threading.Event()
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(_WORKERS, spawn, initializer=_be_worker, initargs=(service,)) as pool:
            _pools[address] = pool, pool.submit(os.getpid).result()
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
            "transport": "pipes and queues of multiprocessing",
            "API": "ProcessPoolExecutor.submit(...).result()",
            "in flight": "a Future each, in the pool's queues",
            "codec": OWN_CODEC,
            "start method": "spawn",
            "server workers": str(_WORKERS),
        }


def _be_worker(service: object) -> None:
    """Set up a worker process. It ends with its parent, which a pool's worker by itself does not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent answers it
    threading.Thread(target=die_with_parent, daemon=True).start()
    _methods.update(methods_of(service))
    settle()


def _run(method: str, payload: Any) -> tuple[Any, ...]:
    """In the worker. A handler's exception is returned: one that cannot be pickled would break the pool."""
    try:
        return (_methods[method](payload),)
    except Exception as error:  # a user's handler ran: anything may come out of it
        return (None, type(error).__name__, str(error))


class _PoolCaller(Caller):
    def __init__(self, pool: ProcessPoolExecutor, worker: int) -> None:
        self._pool: ProcessPoolExecutor | None = pool
        self.server_pid = worker

    def call(self, method: str, payload: Any) -> Any:
        return _result(self._submit(method, payload))

    def begin(self, method: str, payload: Any) -> Callable[[], Any]:
        return partial(_result, self._submit(method, payload))

    def _submit(self, method: str, payload: Any) -> Future[tuple[Any, ...]]:
        if self._pool is None:
            raise ServerGone("this caller is closed")
        try:
            return self._pool.submit(_run, method, payload)
        except RuntimeError as error:  # broken, or shut down
            raise ServerGone(str(error)) from error

    def close(self) -> None:
        self._pool = None


def _result(called: Future[tuple[Any, ...]]) -> Any:
    try:
        answer = called.result()
    except (BrokenProcessPool, CancelledError) as error:
        raise ServerGone(str(error) or "the pool has shut down") from error
    except Exception as error:  # the payload or the result cannot be pickled
        raise CallError(type(error).__name__, str(error)) from error
    if len(answer) > 1:
        raise CallError(answer[1], answer[2])
    return answer[0]
