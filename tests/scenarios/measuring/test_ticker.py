"""A task beside the calls of an event loop."""

from __future__ import annotations

import asyncio
import time
from array import array

import pytest

from scenarios.measuring import ticker


def _ticks(held_up_ms: float, number: int) -> tuple[array[int], float]:
    """The ticks of a loop that is held up for so long, `number` of them at least, and how many ms all took."""
    late: array[int] = array("q")

    async def work() -> None:
        await asyncio.sleep(0.02)
        time.sleep(held_up_ms / 1000)
        while len(late) < number:
            await asyncio.sleep(0)

    start = time.perf_counter()
    asyncio.run(asyncio.wait_for(ticker.beside(work(), late), 60))
    return late, 1000 * (time.perf_counter() - start)


def test_every_tick_that_a_held_up_loop_has_missed_counts_from_its_moment() -> None:
    ticks, _ = _ticks(held_up_ms=100, number=110)
    late = sorted(ticks)
    # Those of the 100 ms were late by 99, 98, 97 ms and so on.
    assert late[-1] >= 98_000_000
    assert sum(each > 50_000_000 for each in late) >= 48


def test_ticks_are_as_many_as_milliseconds_and_none_is_early() -> None:
    late, ms = _ticks(held_up_ms=0, number=30)
    assert 30 <= len(late) <= ms
    assert min(late) >= 0


def test_what_the_calls_raise_is_raised_and_the_ticker_ends() -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("of a call")

    async def run() -> set[asyncio.Task[None]]:
        with pytest.raises(ValueError, match="of a call"):
            await ticker.beside(fails(), array("q"))
        return asyncio.all_tasks() - {asyncio.current_task()}  # type: ignore[arg-type]

    assert not asyncio.run(run())
