"""What a signal's handler raises while a value is looked at is the program's own: it must come to the program."""

from __future__ import annotations

import signal
import sys
import threading
from types import CodeType, TracebackType
from typing import Any, Iterator


def but_signals() -> tuple[type[BaseException], ...]:
    """For ``except but_signals():`` any exception is caught, whatever its type, but not what a handler of a signal has
    raised meanwhile, as one that keeps a time limit does, nor KeyboardInterrupt.
    """
    error = sys.exc_info()[1]
    return () if isinstance(error, KeyboardInterrupt) or _is_a_handlers(error) else (BaseException,)


def _is_a_handlers(error: BaseException | None) -> bool:
    trace = error.__traceback__ if error is not None else None
    if trace is None or trace.tb_next is None or threading.current_thread() is not threading.main_thread():
        return False  # it was raised here, by a function in C; and handlers run in the main thread alone
    codes = {_code(signal.getsignal(number)) for number in signal.valid_signals()} - {None}
    return any(code in codes for code in _codes(trace))


def _codes(trace: TracebackType | None) -> Iterator[CodeType]:
    while trace is not None:
        yield trace.tb_frame.f_code
        trace = trace.tb_next


def _code(handler: Any) -> CodeType | None:
    """Of the Python function that a handler is, or calls: of a method, a partial, an object with ``__call__``."""
    for name in ("func", "__func__"):
        handler = getattr(handler, name, handler)
    called = handler if hasattr(handler, "__code__") else type(handler).__call__ if callable(handler) else None
    own = getattr(called, "__code__", None)
    return own if isinstance(own, CodeType) else None
