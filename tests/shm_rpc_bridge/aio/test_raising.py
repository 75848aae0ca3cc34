"""A signal's handler raises at any moment of a client's life in a loop: it goes on or says so, and nothing is left."""

import asyncio
import gc
import os

import pytest

from shm_rpc_bridge import RPCError, RPCTimeoutError
from shm_rpc_bridge.aio import AsyncRPCClient
from shm_rpc_bridge.testing import leftovers

from ..raising import Raised, at_every_moment
from ..services import PATIENCE, serving

pytestmark = [pytest.mark.fault("async"), pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")]


class Living:
    """One client after the other in one loop; each calls, gives up calls and closes."""

    def __init__(self, name):
        self.name = name
        self.client = None
        self.number = 0
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(lambda loop, context: None)  # of callbacks, in which it was raised

    def live(self):
        self.loop.run_until_complete(self._live())

    async def _live(self):
        self.client = AsyncRPCClient(self.name, timeout=PATIENCE)
        await self.client.connect()
        calls = [asyncio.ensure_future(self.echo()) for _ in range(2)]
        late = asyncio.ensure_future(self.echo(timeout=0.0))
        cancelled = asyncio.ensure_future(self.echo())
        calls.append(asyncio.ensure_future(self.echo()))
        await asyncio.sleep(0)
        cancelled.cancel()
        for outcome in await asyncio.gather(late, cancelled, *calls, return_exceptions=True):
            if isinstance(outcome, Raised):
                raise outcome
            assert outcome is None or isinstance(outcome, (RPCError, asyncio.CancelledError)), outcome
        assert not any(isinstance(call.exception(), RPCTimeoutError) for call in calls)
        await self.client.close()

    async def echo(self, **options):
        self.number += 1
        number = self.number
        assert await self.client.with_options(**options).call("echo", number) == number

    def check(self, raising):
        """That calls go on, unless it is closed, and that all is let go then."""
        client, self.client = self.client, None
        if client is not None:
            self.loop.run_until_complete(self._go_on(client, raising.where))

    async def _go_on(self, client, where):
        for attempt in range(2):  # what was interrupted is told to one call at the most
            self.number += 1
            call = client.with_options(timeout=5.0).call("echo", self.number)
            (outcome,) = await asyncio.gather(call, return_exceptions=True)
            assert not isinstance(outcome, RPCTimeoutError), where
            if outcome == self.number or "is closed" in str(outcome):
                break
            assert isinstance(outcome, RPCError), (where, outcome)
            assert not attempt, (where, outcome)
        await client.close()


def test_whenever_a_handler_raises_the_client_goes_on_or_says_so_and_nothing_is_left(name):
    living = Living(name)
    with serving(name):
        living.live()
    before = len(os.listdir("/proc/self/fd"))
    with serving(name, max_channels=3):  # a few may be the server's to take back still, not more
        assert at_every_moment(living.live, living.check, every=31) > 1000
        gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before
    living.loop.close()
    assert not leftovers(name)
