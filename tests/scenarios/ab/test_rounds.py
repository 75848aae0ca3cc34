"""The order of a run's blocks, and what becomes of their figures."""

from __future__ import annotations

import io
import math
from collections import Counter

from rich.console import Console

from scenarios.ab.block import Figures
from scenarios.ab.rounds import SIDES, order, run

QUIET = Console(quiet=True)


def figures(p50_us: float, p99_us: float = 90.0) -> Figures:
    return Figures(p50_us=p50_us, p99_us=p99_us, client_cpu_us=3.0, server_cpu_us=4.0, calls=10)


def test_every_side_is_in_every_round_once() -> None:
    assert all(sorted(sides) == sorted(SIDES) for sides in order(50, seed=1))


def test_every_order_of_the_sides_comes_as_often() -> None:
    counts = Counter(order(6000, seed=1))
    assert len(counts) == 6
    assert min(counts.values()) > 900


def test_the_order_is_the_seeds() -> None:
    assert order(20, seed=1) == order(20, seed=1) != order(20, seed=2)


def test_pairs_are_of_one_round_whatever_its_order() -> None:
    """The machine gets slower from block to block; within a round B takes twice as long."""
    clock = iter(range(100, 200))
    begun: list[str] = []

    def measure(side: str) -> Figures:
        begun.append(side)
        moment = next(clock) // 3 * 3.0  # the same for all of a round, as 3 divides what it begins with
        return figures(moment * (2 if side == "B" else 1))

    next(clock), next(clock)
    result = run(8, 5, measure, QUIET)
    assert begun == [side for sides in order(8, 5) for side in sides]
    verdict = result.verdict(0.03)
    assert (verdict.found.low, verdict.found.median, verdict.found.high) == (2, 2, 2)
    assert (verdict.control.low, verdict.control.high) == (1, 1)
    assert verdict.exit_code == 1


def test_a_block_of_too_few_calls_has_no_p99_and_neither_has_the_run() -> None:
    count = iter(range(100))
    result = run(8, 5, lambda side: figures(10.0, math.nan if next(count) == 7 else 90.0), QUIET)
    assert result.p99() is None
    assert run(8, 5, lambda side: figures(10.0), QUIET).p99() is not None


def test_a_log_has_a_line_for_every_round() -> None:
    console = Console(file=io.StringIO(), width=200)
    run(8, 5, lambda side: figures(10.0), console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line.partition(" ")[0] for line in lines] == [f"{number}/8" for number in range(1, 9)]
    assert "A 10.0 µs, A again 10.0 µs, B 10.0 µs (0 s left)" in lines[-1]
