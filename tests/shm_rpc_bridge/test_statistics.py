"""What a server has counted and timed of its calls, its methods and its channels."""

import asyncio
import json
import logging
import os
import re
import time

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, spawn
from shm_rpc_bridge.aio import AsyncRPCClient
from shm_rpc_bridge.statistics import OTHERS

from . import pricing
from .counting import settled, stat
from .services import PATIENCE, serving, started
from .steps import until

pytest.importorskip("msgspec")


def test_calls_failures_and_channels_are_counted(name):
    with serving(name) as server:
        with RPCClient(name, timeout=PATIENCE) as client:
            for number in range(5):
                client.call("add", number, 1)
            with client.batch() as batch:
                for _ in range(10):
                    batch.call("add", 1, 1)
            for _ in range(2):
                with pytest.raises(ZeroDivisionError):
                    client.call("divide", 1, 0)
            found = server.statistics()
            assert (found.answered, found.failed, found.channels, found.opened) == (8, 2, 1, 1)
            assert (found.timeouts, found.late, found.refused, found.waiting, found.methods) == (0, 0, 0, [], {})
            assert 0 < found.seconds < PATIENCE
        with RPCClient(name, timeout=PATIENCE) as client:
            client.call("add", 1, 1)
        found = settled(server, channels=0)
        assert (found.answered, found.failed, found.opened) == (9, 2, 2)


@pytest.mark.parametrize("options", [{}, {"threads": 2}], ids=["inline", "threads"])
def test_each_method_is_timed_where_that_is_asked_for(name, options, caplog):
    async def awaited():
        await asyncio.sleep(0.02)
        return "x" * 100

    async def call_all():
        async with AsyncRPCClient(name, timeout=PATIENCE) as client:
            await asyncio.gather(*(client.call("add", 1, b=2) for _ in range(10)), client.call("awaited"))

    with serving(name, statistics=True, **options) as server, RPCClient(name, timeout=PATIENCE) as client:
        server.register("awaited", awaited)
        server.register("nap", lambda: time.sleep(0.02))
        with caplog.at_level(logging.DEBUG, "shm_rpc_bridge"):
            client.call("add", 1, b=2)
        with client.batch() as batch:
            for _ in range(3):
                batch.call("add", 1, b=2)
            batch.call("divide", 1, 0)
        for method in ("divide", "nobody's"):
            with pytest.raises(Exception):  # noqa: B017, PT011  # whichever
                client.call(method, 1, 0)
        client.call("nap")
        asyncio.run(call_all())
        found = server.statistics().methods
    assert {name: (each.calls, each.failed) for name, each in found.items()} == {
        "add": (14, 0),
        "divide": (2, 2),
        "nap": (1, 0),
        "awaited": (1, 0),
        OTHERS: (1, 1),
    }
    assert found["add"].longest < found["nap"].seconds
    for slow in ("nap", "awaited"):
        assert 0.02 <= found[slow].longest == found[slow].seconds
        assert found[slow].at_most(0.5) == found[slow].longest
    assert found["awaited"].bytes_sent > 100
    assert found["add"].bytes_received == 14 * len(b'["add",{"b":2},1]')
    assert sum(found["add"].histogram) == 14
    logged = [record.getMessage() for record in caplog.records if record.getMessage().startswith("add for")]
    assert len(logged) == 1
    assert re.match(rf"add for process {os.getpid()}: done in [\d.]+ us, \d+ bytes", logged[0])


def test_where_methods_run_in_processes_these_count_them_and_nothing_is_lost_but_the_end_of_one_that_died(name):
    server = RPCServer(name, processes=2, statistics=True)
    server.register_module(pricing, ["quote", "pid", "die"])

    def quotes():
        found = server.statistics().methods.get("quote")
        return (found.calls, found.failed) if found is not None else (0, 0)

    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        pids = {each.result(PATIENCE) for each in [client.submit("pid") for _ in range(20)]}
        with client.batch() as batch:
            for amount in range(30):
                batch.call("quote", amount)
        for each in [client.submit("quote", amount, "none") for amount in range(10)]:
            with pytest.raises(KeyError):
                each.result(PATIENCE)
        assert any(quotes() == (40, 10) for _ in until(PATIENCE))
        assert server.statistics().failed == 10
        for _ in range(2 * len(pids)):
            with pytest.raises(RPCTransportError):
                client.call("die")
        assert client.call("quote", 1) == 3
        assert any(quotes() == (41, 10) for _ in until(PATIENCE))
        assert statistics_of_all(server) == {"pid": 20, "quote": 41}


def statistics_of_all(server):
    return {name: each.calls for name, each in server.statistics().methods.items()}


def test_a_spawned_server_times_its_methods_where_that_is_asked_for():
    with spawn(f"{__package__}.pricing", statistics=True, timeout=PATIENCE) as client:
        client.call("quote", 1)
        for _ in until(PATIENCE):
            found = json.loads(stat("--json", client.name)[1])["methods"]
            if "quote" in found:
                break
        assert found["quote"]["calls"] == 1


def test_a_closed_server_has_none(name):
    server = RPCServer(name)
    server.statistics()
    server.close()
    with pytest.raises(RPCTransportError, match="is closed"):
        server.statistics()
