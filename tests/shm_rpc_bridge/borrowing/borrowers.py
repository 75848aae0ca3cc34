"""A service of methods that keep what they were lent, and the arrays that the tests lend to it."""

import asyncio
import threading

import pytest

from ..services import PATIENCE

numpy = pytest.importorskip("numpy")
LARGE = numpy.arange(500_000.0)
SMALL = numpy.arange(10.0)


class Borrower:
    """Methods that keep what they were lent, on purpose."""

    def __init__(self):
        self.kept = []
        self.entered, self.go_on = threading.Event(), threading.Event()

    def describe(self, array, **others):
        owner = array
        while isinstance(getattr(owner, "base", None), numpy.ndarray):
            owner = owner.base
        return [array.flags.writeable, owner.flags.owndata, float(array.sum()), sorted(others)]

    def keep(self, array):
        self.kept.append(array)
        return float(array[0])

    def keep_part(self, array):
        self.kept.append(array[100:200:2])
        return float(array[0])

    def keep_bytes(self, data):
        self.kept.append(data[3:9])
        return len(data)

    def keep_and_raise(self, array):
        mine = array[1:]
        raise KeyError(float(mine[0]))

    def echo_back(self, array):
        return [array, array[:3]]

    def keep_in_a_circle(self, array):
        circle = [array]
        circle.append(circle)
        return float(array[0])

    async def await_it(self, array):
        await asyncio.sleep(0.001)
        self.kept.append(array[:10])
        return float(array.sum())

    def hold(self, array):
        self.entered.set()
        self.go_on.wait(PATIENCE)
        return float(array.sum())
