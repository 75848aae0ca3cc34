"""A service of methods that consume what the tests of uploads hand to them."""

import asyncio
import contextlib
import threading

import pytest

from shm_rpc_bridge import current_call

from ..services import PATIENCE


class Consumer:
    """Methods that consume what they get, one function and one async function each."""

    def __init__(self):
        self.consumed = 0
        self.ended = threading.Semaphore(0)
        self.error = None

    @contextlib.contextmanager
    def noting(self):
        try:
            yield
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended.release()

    def total(self, numbers, times=1):
        with self.noting():
            sum_ = 0
            for number in numbers:
                self.consumed += 1
                sum_ += number
            return times * sum_

    async def total_awaiting(self, numbers, times=1):
        with self.noting():
            sum_ = 0
            async for number in numbers:
                self.consumed += 1
                await asyncio.sleep(0)
                sum_ += number
            return times * sum_

    def first(self, numbers):
        return next(iter(numbers))

    async def first_awaiting(self, numbers):
        return await numbers.__anext__()

    def fail_at(self, numbers, at):
        for number in numbers:
            if number == at:
                raise KeyError(number)

    async def fail_at_awaiting(self, numbers, at):
        async for number in numbers:
            if number == at:
                raise KeyError(number)

    def calls(self, numbers):
        call = current_call()
        noted = [[call.method, call.client, call.is_cancelled]]
        for _ in numbers:
            pass
        call = current_call()
        return [*noted, [call.method, call.client, call.is_cancelled]]

    async def calls_awaiting(self, numbers):
        call = current_call()
        noted = [[call.method, call.client, call.is_cancelled]]
        async for _ in numbers:
            await asyncio.sleep(0)
        call = current_call()
        return [*noted, [call.method, call.client, call.is_cancelled]]

    def firsts(self, rows):
        return [float(row[0]) for row in rows]

    async def firsts_awaiting(self, rows):
        return [float(row[0]) async for row in rows]

    def while_wanted(self, numbers):
        call, count = current_call(), 0
        for _ in numbers:
            if call.is_cancelled:
                break
            count += 1
        return count

    async def while_wanted_awaiting(self, numbers):
        call, count = current_call(), 0
        async for _ in numbers:
            if call.is_cancelled:
                break
            count += 1
        return count

    def sizes(self, parts):
        return [len(part) for part in parts]

    def sums(self, arrays, **others):
        return [[float(array.sum()) for array in arrays], sorted(others)]

    def generate(self, numbers):
        yield from numbers

    def wait_until_ended(self):
        assert self.ended.acquire(timeout=PATIENCE)


each_way = pytest.mark.parametrize("way", ["", "_awaiting"], ids=["function", "async"])
