"""A service whose methods look at their call, and the kinds of server that it has."""

import asyncio
import threading

import pytest

from shm_rpc_bridge import current_call

from ..services import PATIENCE
from ..steps import until


class Methods:
    """What a server offers here: each method notes its call, and what becomes of that is the test's to look at."""

    def __init__(self):
        self.calls = []
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.ran = []

    def look(self, number=0):
        call = current_call()
        self.calls.append(call)
        return [call.method, call.client, call.remaining, call.is_cancelled]

    async def look_later(self, number=0):
        await asyncio.sleep(0)
        return await asyncio.ensure_future(self._looked(number))

    async def _looked(self, number):
        return self.look(number)

    def hold_until_cancelled(self):
        call = current_call()
        self.calls.append(call)
        self.entered.release()
        for _ in until(PATIENCE):
            if call.is_cancelled or self.go_on.is_set():
                return call.is_cancelled
        raise AssertionError("nobody has cancelled it")

    async def await_until_cancelled(self):
        call = current_call()
        self.calls.append(call)
        self.entered.release()
        while not call.is_cancelled and not self.go_on.is_set():
            await asyncio.sleep(0.001)
        return call.is_cancelled

    def note(self, number):
        self.ran.append(number)

    def wait_until_in(self):
        assert self.entered.acquire(timeout=PATIENCE)


KINDS = {
    "inline": ({}, "look", "hold_until_cancelled"),
    "threads": ({"threads": 2}, "look", "hold_until_cancelled"),
    "async": ({}, "look_later", "await_until_cancelled"),
}

each_kind = pytest.mark.parametrize("kind", KINDS)
