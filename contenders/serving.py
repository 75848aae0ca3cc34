"""The server's end of :class:`contenders.process.ServerProcess`: serve until told to stop, or the parent is gone.

The two ends exchange pairs ``(kind, text)`` over a pipe: READY once, FAILED with a traceback at most once,
and STOP from the parent. An end of file says the same as STOP: the parent has died.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from contenders import garbage
from contenders.interface import Contender

READY, FAILED, STOP = "ready", "failed", "stop"


def in_thread(contender: Contender, service: object, address: str, pipe: Connection) -> None:
    """Serve in this thread of the parent, whose heap is its own affair."""
    _serve(contender, service, address, pipe, give_up=lambda was_ready: None, settle=lambda: None)


def in_process(
    contender: Contender,
    service: object,
    address: str,
    pipe: Connection,
    folder: Path,
    stop_seconds: float,
    prepare: Callable[[], object] | None = None,
) -> None:
    """`prepare` this process and serve in it; end it `stop_seconds` after a stop even if the contender does not return.

    The parent removes `folder`, and so does this: the parent may be dead.
    """

    def give_up(was_ready: bool) -> None:
        if was_ready:
            time.sleep(stop_seconds)  # a daemon thread: it does not hold up a server that ends in time
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    # Ctrl-C reaches every process of the terminal: it is for the parent to answer, which then says STOP.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if prepare is not None:
        prepare()
    _serve(contender, service, address, pipe, give_up, garbage.settle)
    shutil.rmtree(folder, ignore_errors=True)


def _serve(
    contender: Contender,
    service: object,
    address: str,
    pipe: Connection,
    give_up: Callable[[bool], None],
    settle: Callable[[], None],
) -> None:
    stops: list[Callable[[], None]] = []

    def ready(stop: Callable[[], None]) -> None:
        stops.append(stop)
        settle()
        pipe.send((READY, ""))

    def obey() -> None:
        with contextlib.suppress(EOFError, OSError):
            pipe.recv()
        for stop in stops:  # none before ready(): then there is nobody to ask
            stop()
        give_up(bool(stops))

    threading.Thread(target=obey, name="obey-the-parent", daemon=True).start()
    try:
        contender.serve(service, address, ready)
    except Exception:  # whatever a contender or a service does wrong is the parent's to report
        with contextlib.suppress(OSError):
            pipe.send((FAILED, traceback.format_exc()))
