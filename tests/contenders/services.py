"""Services and contenders the tests put in place of the real ones. Importable by spawned processes, and by
subinterpreters, which most extension modules (orjson) refuse."""

from __future__ import annotations

import gc
import itertools
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from contenders.interface import Caller, Contender
from contenders.service import BenchService

TELL = "tell"
STUCK = "stuck: "
BROKEN = "broken: "
BEFORE_IT_BREAKS = 3


class Telling(BenchService):
    """The service of the benchmark, whose `echo` answers two texts in its own way.

    :data:`TELL`: where it runs and how garbage is collected there, in four words. :data:`STUCK` and the name of a FIFO:
    never. The FIFO is opened once the handler runs.
    """

    def echo(self, payload: Any) -> Any:
        if isinstance(payload, str) and payload == TELL:
            return f"{os.getpid()} {threading.get_native_id()} {gc.isenabled()} {gc.get_freeze_count()}"
        text = payload if isinstance(payload, str) else bytes(payload).decode(errors="replace") if _raw(payload) else ""
        if text.startswith(STUCK):
            with open(text.removeprefix(STUCK), "wb"):  # whoever opens the other end now knows that the call is here
                pass
            signal.sigwait({signal.SIGUSR1})
        return payload

    def produce(self, payload: Any) -> Iterator[str]:
        """As of the benchmark; of texts that begin so there are :data:`BEFORE_IT_BREAKS`, and an error."""
        broken = payload["item"].startswith(BROKEN)
        yield from itertools.islice(super().produce(payload), BEFORE_IT_BREAKS if broken else None)
        if broken:
            raise ValueError("no more of them")


def _raw(payload: Any) -> bool:
    return hasattr(payload, "tobytes") or isinstance(payload, (bytes, bytearray))


class BrokenServer(Contender):
    """Fails before it is ready."""

    name = "broken"

    def new_address(self, folder: Path) -> str:
        return str(folder)

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        raise OSError("no endpoint to be had")

    def connect(self, address: str) -> Caller:
        raise NotImplementedError

    def settings(self) -> Mapping[str, str]:
        return {}


class DyingServer(BrokenServer):
    """Is killed before it is ready, and has no time to say why."""

    name = "dying"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        signal.raise_signal(signal.SIGKILL)


class SilentServer(BrokenServer):
    """Never becomes ready."""

    name = "silent"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        signal.pause()


class DeafServer(BrokenServer):
    """Becomes ready and does not stop when asked to, nor of SIGTERM."""

    name = "deaf"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ready(lambda: None)
        while True:
            signal.pause()


class CrashingServer(BrokenServer):
    """Fails after it was ready, once it is asked to stop."""

    name = "crashing"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        ready(lambda: None)
        raise RuntimeError("lost the endpoint")
