"""Contenders with one known property, to be measured by the harness it is to be proven with. In no registry: they are
no way to call a function.
"""

from __future__ import annotations

import os
import time
from array import array
from pathlib import Path
from typing import Any

from contenders.interface import Caller
from contenders.shm_block import ShmBlock

DELAY_US = 2000
"""Far above what a call takes, far below a scheduler's patience: a process that spins so briefly is left alone."""
TAKEN = "SCENARIOS_TAKEN"
"""The variable of the environment that names the file for what each call took by the caller's own clock."""


class Slow(ShmBlock):
    """The library with calls that take :data:`DELAY_US` longer, and says of each how long it was: a machine that is
    late is late for both clocks."""

    name = "slow"

    def connect(self, address: str) -> Caller:
        return _Slow(super().connect(address), Path(os.environ[TAKEN]))


class _Slow(Caller):
    def __init__(self, inner: Caller, file: Path) -> None:
        self._inner, self._file = inner, file
        self._taken = array("q")

    def call(self, method: str, payload: Any) -> Any:
        start = time.perf_counter_ns()
        result = self._inner.call(method, payload)
        until = time.perf_counter_ns() + DELAY_US * 1000
        while (end := time.perf_counter_ns()) < until:
            pass
        self._taken.append(end - start)
        return result

    def close(self) -> None:
        self._file.write_bytes(self._taken.tobytes())
        self._inner.close()


class Undelayed(ShmBlock):
    """The library as it is, under a name of its own."""

    name = "undelayed"
