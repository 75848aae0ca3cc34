"""A service of generators that the tests of streams consume."""

import asyncio
import threading

import pytest

from ..services import PATIENCE


class Producer:
    """Generators that note how far they have come, and that they were closed."""

    def __init__(self):
        self.produced = 0
        self.closed = threading.Semaphore(0)
        self.go_on = threading.Event()

    def count(self, number=1_000_000_000):
        try:
            for item in range(number):
                self.produced = item + 1
                yield item
        finally:
            self.closed.release()

    async def count_awaiting(self, number=1_000_000_000):
        try:
            for item in range(number):
                await asyncio.sleep(0)
                self.produced = item + 1
                yield item
        finally:
            self.closed.release()

    def fail_after(self, number):
        yield from range(number)
        raise KeyError(number)

    async def fail_after_awaiting(self, number):
        for item in range(number):
            yield item
        raise KeyError(number)

    def count_and_stop(self, number):
        yield from self.count(number)
        self.go_on.wait(PATIENCE)
        yield "the last"

    def slowly(self):
        yield "first"
        self.go_on.wait(PATIENCE)
        yield "second"

    def large(self, size, number):
        for item in range(number):
            yield bytes([item]) * size

    def texts(self, size, number):
        for item in range(number):
            yield chr(ord("a") + item) * size

    def odd(self):
        yield from (1, 2, 3, 4, 5, 6)
        yield {2}

    def wait_until_closed(self):
        assert self.closed.acquire(timeout=PATIENCE)


counts = pytest.mark.parametrize("count", ["count", "count_awaiting"])
