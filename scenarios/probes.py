"""Contenders with one known property, to be measured by the harness it is to be proven with. In no registry: they are
no way to call a function.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from contenders.service import methods_of
from contenders.shm_block import ShmBlock

DELAY_US = 2000
"""Far above what a call takes, far below a scheduler's patience: a process that spins so briefly is left alone."""


class Undelayed(ShmBlock):
    """The library as it is: what `delayed` is compared with. It parks, so that the server has its core to itself."""

    name = "undelayed"


class Delayed(ShmBlock):
    """The same with a handler that takes :data:`DELAY_US` longer, by the clock that calls are timed with."""

    name = "delayed"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        super().serve(_DelayedService(service), address, ready)


class _DelayedService:
    """A service whose `echo` spins before it answers: a sleep would end late by its own rules."""

    def __init__(self, inner: object) -> None:
        self._echo = methods_of(inner)["echo"]

    def echo(self, payload: Any) -> Any:
        until = time.perf_counter_ns() + DELAY_US * 1000
        while time.perf_counter_ns() < until:
            pass
        return self._echo(payload)


CATALOGUE = {kind.name: kind for kind in (Undelayed, Delayed)}
