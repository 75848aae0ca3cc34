"""A measurement without processes, for tests of everything around one."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from contenders.interface import Contender
from scenarios.measuring.usage import Usage
from scenarios.plan.cells import Cell
from scenarios.running.combine import Measurement

Flags = Callable[[Cell], tuple[str, ...]]
P50 = Callable[[Cell], float]


def run_cell(
    flags: Flags = lambda cell: (), p50_us: P50 = lambda cell: 10.0
) -> Callable[[Cell, type[Contender], int, float], Measurement]:
    """In place of :func:`scenarios.running.session.run_cell`: the same latencies for the same cell, every time."""

    def measured(cell: Cell, contender: type[Contender], seed: int, time_limit_s: float) -> Measurement:
        rng = np.random.default_rng(zlib.crc32(cell.key.encode()))
        latencies = (p50_us(cell) * 1000 * rng.lognormal(0, 0.05, cell.calls)).astype(np.int64)
        spent = Usage(1000 * cell.calls, 1, 1, 20.0)
        return Measurement(
            latency_ns=latencies,
            service_ns=None,
            due_ns=None,
            client_of=None,
            lateness_ns=np.empty(0, np.int64),
            skipped=0,
            window_s=1.0,
            calls_per_s=1e9 / float(latencies.mean()),
            wall_ns=int(latencies.sum()),
            calls_of_clients=(cell.calls,),
            made=cell.calls,
            client=spent,
            server=None,
            cold_start_ms=0.001,
            noise_flags=flags(cell),
        )

    return measured
