"""A measurement without processes, for tests of everything around one."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from contenders.interface import Contender
from scenarios.cells import Cell
from scenarios.measure import Measurement
from scenarios.usage import Usage

Flags = Callable[[Cell], tuple[str, ...]]
P50 = Callable[[Cell], float]


def run_cell(
    flags: Flags = lambda cell: (), p50_us: P50 = lambda cell: 10.0
) -> Callable[[Cell, type[Contender], int, float], Measurement]:
    """In place of :func:`scenarios.session.run_cell`: the same latencies for the same cell, every time."""

    def measured(cell: Cell, contender: type[Contender], seed: int, time_limit_s: float) -> Measurement:
        rng = np.random.default_rng(zlib.crc32(cell.key.encode()))
        latencies = (p50_us(cell) * 1000 * rng.lognormal(0, 0.05, cell.calls)).astype(np.int64)
        spent = Usage(1000 * cell.calls, 1, 1, 20.0)
        return Measurement(
            latencies_ns=latencies.tobytes(), cold_start_ns=1000, client=spent, server=None, noise_flags=flags(cell)
        )

    return measured
