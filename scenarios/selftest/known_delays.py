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


class Slow(ShmBlock):
    """The library with a handler that takes :data:`DELAY_US`. It parks, so that the server has its core to itself."""

    name = "slow"
    delay_us = DELAY_US

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        super().serve(_SlowService(service, self.delay_us), address, ready)


class Slower(Slow):
    """The same with twice the delay. What it is compared with waits, too, and so wakes from as deep a sleep."""

    name = "slower"
    delay_us = 2 * DELAY_US


class _SlowService:
    """A service whose `echo` spins before it answers: a sleep would end late by its own rules."""

    def __init__(self, inner: object, delay_us: int) -> None:
        self._echo = methods_of(inner)["echo"]
        self._delay_ns = delay_us * 1000

    def echo(self, payload: Any) -> Any:
        until = time.perf_counter_ns() + self._delay_ns
        while time.perf_counter_ns() < until:
            pass
        return self._echo(payload)


class Undelayed(ShmBlock):
    """The library as it is, under a name of its own."""

    name = "undelayed"


CATALOGUE = {kind.name: kind for kind in (Undelayed, Slow, Slower)}
