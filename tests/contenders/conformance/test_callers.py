"""Callers of every contender: several at once, in a running loop, and closed as often as one likes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from contenders.interface import CallError, Contender, ServerGone
from contenders.process import ServerProcess
from contenders.service import BenchService
from tests.contenders import background
from tests.contenders.conformance.conforming import EVERY, LIVES, SMALL, carried, same

# A Connection of multiprocessing that fails to send leaves a buffer in its traceback, and Python 3.14 complains of one
# that is collected in a circle.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored while finalizing file <_io.BytesIO:pytest.PytestUnraisableExceptionWarning"
)

SHARED = [parameter for parameter in EVERY if parameter.values[0].many_clients]
"""Several clients can call one server of these."""


ASYNC = [parameter for parameter in EVERY if parameter.values[0].is_async]


@pytest.mark.parametrize("contender", SHARED, indirect=True, scope="module")
def test_concurrent_callers_each_get_their_own_answers(contender: Contender, server: ServerProcess) -> None:
    callers, calls = 4, 20
    together = threading.Barrier(callers)

    def work(number: int) -> bool:
        with contender.connect(server.address) as own:
            together.wait(timeout=30)
            return all(same(own.call("echo", value), value) for value in own_payloads(number))

    def own_payloads(number: int) -> Iterator[Any]:
        for call in range(calls):
            text = f"caller {number}, call {call} " * (1 + number * 500)
            yield carried(text, contender.lane)

    works = [background.start(work, number) for number in range(callers)]
    assert all(done.result(timeout=30) for done in works)


@pytest.mark.parametrize("contender", LIVES, indirect=True, scope="module")
def test_a_caller_can_be_closed_twice_and_then_calls_nothing(contender: Contender, server: ServerProcess) -> None:
    with ExitStack() as stack:
        if not contender.many_clients:  # the shared server has its client
            server = stack.enter_context(ServerProcess(contender, BenchService()))
        caller = contender.connect(server.address)
        caller.close()
        caller.close()
        with pytest.raises(ServerGone):
            caller.call("echo", SMALL[contender.lane])


@pytest.mark.parametrize("contender", ASYNC, indirect=True, scope="module")
def test_an_asyncio_contender_is_called_in_a_running_loop(contender: Contender, server: ServerProcess) -> None:
    payload = SMALL[contender.lane]

    async def use() -> None:
        caller = await contender.connect_async(server.address)
        assert same(await caller.call("echo", payload), payload)
        with pytest.raises(CallError):
            await caller.call("no_such_method", payload)
        assert same(await caller.call("echo", payload), payload)
        await caller.close()
        await caller.close()
        with pytest.raises(ServerGone):
            await caller.call("echo", payload)

    asyncio.run(use())
