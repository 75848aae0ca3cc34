"""Signal handlers of the application: how a server asks for two of them, and how a wait of posix_ipc leaves them alone.

``posix_ipc`` runs Python's handlers inside ``acquire`` when a signal interrupts it, and clears what they raise
(``sem_acquire`` in its C source; KeyboardInterrupt alone is let through). So where it is what waits, and in the main
thread, where Python runs handlers, the signals whose handlers might raise are held back until it has left ``acquire``.
"""

import contextlib
import signal
import threading

# The C functions behind `signal`'s, whose enum conversions take twenty times as long: 20 us on every parked wait.
from _signal import getsignal, pthread_sigmask  # type: ignore[import-not-found, unused-ignore]
from typing import Any, Callable, FrozenSet, Iterable, Iterator, List, Optional, Tuple

HOLD_SECONDS = 0.02
"""How long a held back signal may have to wait for its handler: a wait is cut to this while any is."""

_CANDIDATES = (
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGTERM),
    *(signal.SIGCHLD, signal.SIGURG, signal.SIGVTALRM, signal.SIGPROF, signal.SIGWINCH, signal.SIGIO),
)

Handlers = List[Tuple[int, Any]]


@contextlib.contextmanager
def held_back() -> Iterator[bool]:
    """Let the signals wait whose handlers might raise; whether there are any. What they raise, this raises at its end.

    For the main thread, where alone Python runs handlers; in others there are none.
    """
    numbers = _to_hold_back()
    before = pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        pthread_sigmask(signal.SIG_BLOCK, numbers)
        yield bool(numbers)
    finally:
        pthread_sigmask(signal.SIG_SETMASK, before)


def _to_hold_back() -> FrozenSet[int]:
    if threading.get_ident() != threading.main_thread().ident:
        return frozenset()
    return frozenset(number for number in _CANDIDATES if _may_raise(getsignal(number)))


def _may_raise(handler: Any) -> bool:
    return callable(handler) and handler is not signal.default_int_handler and not isinstance(handler, _AskToStop)


class _AskToStop:
    """A handler that raises nothing, so that a parked server sees it at once."""

    def __init__(self, stop: Callable[[], None], handlers: Handlers) -> None:
        self._stop = stop
        self._handlers = handlers

    def __call__(self, number: int, frame: Optional[Any]) -> None:
        restore(self._handlers)  # a second signal meets the earlier handler
        self._stop()


def install(stop: Callable[[], None], handlers: Handlers) -> None:
    """Let SIGINT and SIGTERM call `stop`, once, noting in `handlers` what :func:`restore` needs.

    Does nothing outside the main thread.
    """
    if threading.current_thread() is threading.main_thread():
        ask_to_stop = _AskToStop(stop, handlers)
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.getsignal(number)
            # None stands for a handler that was not installed from Python and so could not be restored. What is
            # ignored stays so: a shell lets what it starts in the background ignore SIGINT.
            if before is not None and before is not signal.SIG_IGN:
                handlers.append((number, before))
                signal.signal(number, ask_to_stop)


_of_thread = threading.local()


def hold_back_for_fork(handlers: Iterable[Handlers]) -> None:
    """Before a fork: what asks a server to stop waits, where any does, until :func:`let_through_after_fork`.

    In a child whose parent ends it at once, it would meet the server's handler, or Python's that forgets it.
    """
    _of_thread.mask = None
    if any(handlers):
        _of_thread.mask = pthread_sigmask(signal.SIG_BLOCK, ())  # the next line may run a handler that raises
        pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))


def let_through_after_fork() -> None:
    """In both processes, in the child once :func:`restore` was called there."""
    if _of_thread.mask is not None:
        pthread_sigmask(signal.SIG_SETMASK, _of_thread.mask)


def restore(handlers: Handlers) -> None:
    """Put back what :func:`install` has replaced. Idempotent."""
    while handlers:
        signal.signal(*handlers[-1])
        handlers.pop()
