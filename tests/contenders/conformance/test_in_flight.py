"""Calls that are under way at once have their own results and errors, where a contender has such."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contenders.interface import CallError, Contender, ServerGone
from contenders.process import ServerProcess
from contenders.service import BenchService
from tests.contenders import background
from tests.contenders.conformance.conforming import (
    EVERY,
    LIMIT_SECONDS,
    LIVES,
    MESSAGES,
    SMALL,
    across_processes,
    carried,
    kill,
    same,
)
from tests.contenders.services import STUCK, Telling

# A Connection of multiprocessing that fails to send leaves a buffer in its traceback, and Python 3.14 complains of one
# that is collected in a circle.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored while finalizing file <_io.BytesIO:pytest.PytestUnraisableExceptionWarning"
)

SEVERAL = [parameter for parameter in EVERY if parameter.values[0].several_in_flight]
"""Callers of these have several calls on their way at once."""


class InFlight:
    """Begins calls and takes their results, whether those are waited for or awaited."""

    def __init__(self, contender: Contender, address: str) -> None:
        self._runner = asyncio.Runner(loop_factory=contender.new_event_loop) if contender.is_async else None
        self._caller: Any = (
            self._runner.run(contender.connect_async(address)) if self._runner else contender.connect(address)
        )

    def begin(self, method: str, payload: Any) -> Callable[[], Any]:
        if not self._runner:
            result: Callable[[], Any] = self._caller.begin(method, payload)
            return result
        awaitable = self._runner.run(self._begin(method, payload))
        return lambda: self._taken(awaitable)

    async def _begin(self, method: str, payload: Any) -> list[Any]:
        return [self._caller.begin(method, payload)]  # listed, for the runner would await it

    def _taken(self, begun: list[Any]) -> Any:
        async def take() -> Any:
            return await begun[0]

        assert self._runner is not None
        return self._runner.run(take())

    def call(self, method: str, payload: Any) -> Any:
        called = self._caller.call(method, payload)
        return self._runner.run(called) if self._runner else called

    def __enter__(self) -> InFlight:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
        if self._runner:
            self._runner.close()

    def close(self) -> None:
        closed = self._caller.close()
        if self._runner:
            self._runner.run(closed)


@pytest.mark.parametrize("contender", SEVERAL, indirect=True, scope="module")
def test_calls_in_flight_are_answered_each_with_its_own_result_in_the_order_they_were_begun(
    contender: Contender, server: ServerProcess
) -> None:
    texts = [f"call {number} " * (1 + number % 5 * 5000) for number in range(40)]  # of up to 180 KB
    payloads = [carried(text, contender.lane) for text in texts]
    with InFlight(contender, server.address) as caller:
        for _ in range(2):
            under_way = [caller.begin("echo", payload) for payload in payloads]
            assert all(same(take(), payload) for take, payload in zip(under_way, payloads, strict=True))
            assert same(caller.call("echo", payloads[-1]), payloads[-1])


@pytest.mark.parametrize("contender", [each for each in SEVERAL if each in MESSAGES], indirect=True, scope="module")
def test_an_error_of_a_call_in_flight_is_that_calls_alone(contender: Contender, server: ServerProcess) -> None:
    payload = SMALL[contender.lane]
    with InFlight(contender, server.address) as caller:
        before, failing, after = (
            caller.begin(method, each) for method, each in (("echo", payload), ("fail", "why not"), ("echo", payload))
        )
        assert before() == payload
        with pytest.raises(CallError) as caught:
            failing()
        assert (caught.value.type_name, caught.value.message) == ("ValueError", "asked to fail with why not")
        assert after() == payload


@pytest.mark.parametrize("contender", SEVERAL, indirect=True, scope="module")
def test_a_closed_caller_begins_nothing(contender: Contender, server: ServerProcess) -> None:
    with InFlight(contender, server.address) as caller:
        caller.close()
        with pytest.raises(ServerGone):
            caller.begin("echo", SMALL[contender.lane])()


@pytest.mark.parametrize("contender", across_processes([each for each in LIVES if each in SEVERAL]))
def test_calls_begin_while_others_run_and_all_learn_that_the_server_is_gone(
    contender: Contender, tmp_path: Path
) -> None:
    fifo = tmp_path / "in-the-handler"
    os.mkfifo(fifo)
    texts = [f"{STUCK}{fifo}", "behind it", "and behind that"]
    payloads = [carried(text, contender.lane) for text in texts]
    with ServerProcess(contender, Telling()) as server, InFlight(contender, server.address) as caller:
        reached = background.start(fifo.read_bytes)
        stuck = caller.begin("echo", payloads[0])
        turn = background.start(stuck)  # an event loop sends what was begun while it runs
        reached.result(LIMIT_SECONDS)
        wait_for_it = not contender.is_async and "free" not in contender.settings()["server workers"]
        under_way = [caller.begin("echo", each) for each in payloads[1:]] if wait_for_it else []
        kill(server.pid)
        assert isinstance(turn.exception(LIMIT_SECONDS), ServerGone)
        for take in under_way:
            assert isinstance(background.start(take).exception(LIMIT_SECONDS), ServerGone)
        contender.serve(BenchService(), server.address, lambda stop: stop())  # removes what the dead one could not
