"""concurrent.futures' pool of subinterpreters: functions moved out of the caller's interpreter, and not of its process.

Python 3.14 and newer (PEP 734). A subinterpreter has its own modules and its own lock: what it computes holds up no
thread of the caller's. Text, bytes, numbers and tuples of them are copied from one interpreter to the other. Everything
else is pickled, after its ``repr`` was made for an error that nobody sees, and so is the name of the function.
Extension modules that are not made for subinterpreters cannot be imported there (orjson, NumPy): a service that needs
one is refused, with its ImportError.

What is measured is ``submit(...).result()`` with one worker, a thread that makes an ``Interpreter.call`` of each task.
The two other ways there are:

- ``Interpreter.call`` in the caller's own thread costs no less, for the way to another thread is the smaller part
  of a call. Two threads cannot use an interpreter at once: the second is told that it is "already running".
- ``concurrent.interpreters.Queue`` has no means to wait. ``get`` looks every 10 ms, so a call through two of them takes
  that long or twice, unless both sides call ``get_nowait`` all the time, or are woken as in ``interpreters-event``.

Callers may be shared; with several calls in flight they wait in the pool's queue.
"""

from __future__ import annotations

import secrets
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Executor, Future
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from contenders.garbage import settle
from contenders.interface import Caller, CallError, Contender, ServerGone
from contenders.service import Methods, methods_of

_WORKERS = 1
_pools: dict[str, Executor] = {}
"""In the caller's interpreter: the pool of each address."""
_methods = Methods()
"""In the subinterpreter: what is called."""


class Interpreters(Contender):
    """An address is the name of a pool of this process."""

    name = "interpreters"
    summary = "concurrent.futures.InterpreterPoolExecutor with one worker, in the caller's own process; Python 3.14."
    lanes: ClassVar[tuple[str, ...]] = ("bytes", "native", "pickle")
    python = (3, 14)
    in_process = True
    several_in_flight = True

    def new_address(self, folder: Path) -> str:
        return f"{self.name}-{secrets.token_hex(8)}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        from concurrent.futures.interpreter import InterpreterPoolExecutor  # here: an older Python reads the summary

        stopped = threading.Event()
        with InterpreterPoolExecutor(_WORKERS, self.name, initializer=exec, initargs=(find_alike(),)) as pool:
            pool.submit(_be_worker, service).result()
            _pools[address] = pool
            try:
                ready(stopped.set)
                stopped.wait()
            finally:
                del _pools[address]
                pool.shutdown(cancel_futures=True)

    def connect(self, address: str) -> Caller:
        if address not in _pools:
            raise ServerGone(f"there is no pool {address} in this process")
        return _PoolCaller(_pools[address])

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "none: a queue between two threads, and copies from one interpreter's heap to the other's",
            "API": "InterpreterPoolExecutor.submit(...).result()",
            "in flight": "a Future each, in the pool's queue",
            "codec": "none for bytes, text, numbers and tuples; pickle for all else, and for the function of a call",
            "server workers": str(_WORKERS),
        }


def find_alike() -> str:
    """What a new interpreter has to run: it finds modules as a new Python would, not where this one has learned to."""
    return f"import sys; sys.path[:] = {sys.path!r}"


def _be_worker(service: object) -> None:
    """Set up the subinterpreter."""
    _methods.update(methods_of(service))
    settle()


def _run(method: str, payload: Any) -> tuple[Any, ...]:
    """In the subinterpreter. A handler's exception is returned: one that cannot be pickled would be printed there."""
    try:
        return (_methods[method](payload),)
    except Exception as error:  # a user's handler ran: anything may come out of it
        return (None, type(error).__name__, str(error))


class _PoolCaller(Caller):
    def __init__(self, pool: Executor) -> None:
        self._pool: Executor | None = pool

    def call(self, method: str, payload: Any) -> Any:
        return _result(self._submit(method, payload))

    def begin(self, method: str, payload: Any) -> Callable[[], Any]:
        return partial(_result, self._submit(method, payload))

    def _submit(self, method: str, payload: Any) -> Future[tuple[Any, ...]]:
        if self._pool is None:
            raise ServerGone("this caller is closed")
        try:
            return self._pool.submit(_run, method, payload)
        except RuntimeError as error:  # shut down
            raise ServerGone(str(error)) from error

    def close(self) -> None:
        self._pool = None


def _result(called: Future[tuple[Any, ...]]) -> Any:
    try:
        answer = called.result()
    except CancelledError as error:
        raise ServerGone("the pool has shut down") from error
    except Exception as error:  # the payload or the result can be neither copied nor pickled
        raise CallError(type(error).__name__, str(error)) from error
    if len(answer) > 1:
        raise CallError(answer[1], answer[2])
    return answer[0]
