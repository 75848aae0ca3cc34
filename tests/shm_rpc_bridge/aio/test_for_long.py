"""For long: many calls at once, of which some are cancelled, some late, and some meet a process that is killed."""

import asyncio
import os
import random

import pytest

from shm_rpc_bridge import RPCServer, RPCTimeoutError, RPCTransportError
from shm_rpc_bridge.testing import leftovers

from .. import pricing
from ..services import process
from ..steps import until
from .loops import connected, run

CALLERS = 64
KILL_EVERY = 15.0
"""Seconds. A process that dies more often than 5 times a minute is given up."""


def serve_pricing(name, options):
    server = RPCServer(name, **options)
    server.register_module(pricing, ["quote", "die"])
    server.start()


@pytest.mark.fault("async")
@pytest.mark.parametrize(
    "calls", [6_400, pytest.param(10_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])]
)
@pytest.mark.parametrize("options", [{}, {"threads": 4}, {"processes": 2}], ids=["inline", "threads", "processes"])
def test_no_answer_is_mixed_up_and_nothing_is_left(name, calls, options, figures):
    calls = figures.scaled(calls)
    counts = dict.fromkeys(("answered", "cancelled", "late", "lost", "killed"), 0)

    async def call_on(client, seed):
        chance = random.Random(seed)
        for number in range(seed, seed + calls, CALLERS):
            dice = chance.random()
            try:
                if dice < 0.02:
                    task = asyncio.ensure_future(client.call("quote", number))
                    await asyncio.sleep(chance.random() * 1e-3)
                    task.cancel()
                    answer = await task
                elif dice < 0.04:
                    answer = await client.with_options(timeout=chance.random() * 2e-3).call("quote", number)
                else:
                    answer = await client.call("quote", number)
                assert answer == 3 * number
                counts["answered"] += 1
            except asyncio.CancelledError:
                counts["cancelled"] += 1
            except RPCTimeoutError:
                counts["late"] += 1
            except RPCTransportError:
                assert options.get("processes")
                counts["lost"] += 1

    async def kill_on(client):
        while options.get("processes"):
            with pytest.raises(RPCTransportError):
                await client.call("die")
            counts["killed"] += 1
            await asyncio.sleep(KILL_EVERY)

    async def call_all():
        async with connected(name) as client:
            assert await client.call("quote", 1) == 3
            before = len(os.listdir("/proc/self/fd"))
            killing = asyncio.ensure_future(kill_on(client))
            callers = [asyncio.ensure_future(call_on(client, seed)) for seed in range(CALLERS)]
            for done in figures.progress("callers that are done, of 64", asyncio.as_completed(callers)):
                await done
            killing.cancel()
            assert await client.call("quote", 1) == 3
            assert len(os.listdir("/proc/self/fd")) <= before

    with process(serve_pricing, name, options) as server:
        asyncio.run(call_all()) if calls > 10_000 else run(call_all())
        server.terminate()
        server.join(30)
    for _ in until(30):
        if not leftovers(name):
            break
    assert sum(counts.values()) - counts["killed"] == -(-calls // CALLERS) * CALLERS
    assert counts["lost"] <= CALLERS * counts["killed"]
    where = " ".join(f"in {count} {kind}" for kind, count in options.items()) or "inline"
    figures.record("async", f"workers killed among awaited calls, {where}", counts.pop("killed"), "kills", calls)
    for what, count in counts.items():
        figures.record("async", f"awaited calls that were {what}, {where}", count, "calls", calls)
