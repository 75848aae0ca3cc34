"""Streams of every contender that has them: all items in their order, and whatever ends them."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing, closing, suppress
from multiprocessing import Pipe, get_context
from typing import Any

import pytest

from contenders.interface import CallError, Contender, ServerGone
from contenders.process import ServerProcess
from contenders.service import BenchService
from tests.contenders import background
from tests.contenders.conformance.conforming import EVERY, LIMIT_SECONDS, SMALL, across_processes
from tests.contenders.consumer import consume_a_little
from tests.contenders.services import BEFORE_IT_BREAKS, BROKEN

# A Connection of multiprocessing that fails to send leaves a buffer in its traceback, and Python 3.14 complains of one
# that is collected in a circle.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored while finalizing file <_io.BytesIO:pytest.PytestUnraisableExceptionWarning"
)

STREAMING = [parameter for parameter in EVERY if parameter.values[0].streams]
"""Methods of these may be generators."""


ITEM = "an item of a stream"
MANY = {"item": ITEM * 10, "items": 5000}
"""More than any buffer on the way has room for."""


class Streams:
    """Consumes streams and makes calls, whether those are waited for or awaited; streams as lists of so many items."""

    def __init__(self, contender: Contender, address: str) -> None:
        self._runner = asyncio.Runner(loop_factory=contender.new_event_loop) if contender.is_async else None
        self._caller: Any = (
            self._runner.run(contender.connect_async(address)) if self._runner else contender.connect(address)
        )
        self.received: list[Any] = []

    def take(self, payload: Any, items: int = sys.maxsize, method: str = "produce") -> list[Any]:
        """The first `items` of a stream, which is then closed; those that came are `received` whatever comes behind."""
        self.received = []
        if self._runner:
            self._runner.run(self._take_async(method, payload, items))
            return self.received
        with closing(self._caller.stream(method, payload)) as stream:
            for item in stream:
                self.received.append(item)
                if len(self.received) >= items:
                    break
        return self.received

    async def _take_async(self, method: str, payload: Any, items: int) -> None:
        async with aclosing(self._caller.stream(method, payload)) as stream:
            async for item in stream:
                self.received.append(item)
                if len(self.received) >= items:
                    break

    def echo(self, payload: Any) -> Any:
        called = self._caller.call("echo", payload)
        return self._runner.run(called) if self._runner else called

    def __enter__(self) -> Streams:
        return self

    def __exit__(self, *error: object) -> None:
        closed = self._caller.close()
        if self._runner:
            self._runner.run(closed)
            self._runner.close()


@pytest.mark.parametrize("contender", STREAMING, indirect=True, scope="module")
def test_a_stream_has_all_items_in_their_order_and_the_next_call_works(
    contender: Contender, server: ServerProcess
) -> None:
    with Streams(contender, server.address) as caller:
        for payload in (MANY, {"item": ITEM, "items": 1}, {"item": ITEM, "items": 0}, {"item": ITEM, "items": 20}):
            assert caller.take(payload) == list(BenchService().produce(payload))
            assert caller.echo(SMALL[contender.lane]) == SMALL[contender.lane]
    if contender.is_async:  # the facade's
        with contender.connect(server.address) as facade:
            assert list(facade.stream("produce", MANY)) == list(BenchService().produce(MANY))


@pytest.mark.parametrize("contender", STREAMING, indirect=True, scope="module")
def test_an_error_in_the_middle_of_a_stream_arrives_behind_the_items_before_it(
    contender: Contender, server: ServerProcess
) -> None:
    payload = {"item": BROKEN + ITEM, "items": 10}
    with Streams(contender, server.address) as caller:
        with pytest.raises(CallError) as caught:
            caller.take(payload)
        assert (caught.value.type_name, caught.value.message) == ("ValueError", "no more of them")
        assert caller.received == list(BenchService().produce(payload))[:BEFORE_IT_BREAKS]
        assert caller.echo(SMALL[contender.lane]) == SMALL[contender.lane]
        with pytest.raises(CallError):
            caller.take(payload, method="no_such_method")
        assert caller.echo(SMALL[contender.lane]) == SMALL[contender.lane]


@pytest.mark.parametrize("contender", STREAMING, indirect=True, scope="module")
def test_after_a_stream_that_was_closed_early_the_caller_or_the_next_one_goes_on(
    contender: Contender, server: ServerProcess
) -> None:
    with Streams(contender, server.address) as caller:
        assert caller.take(MANY, 2) == list(BenchService().produce(MANY))[:2]
        with suppress(ServerGone):
            assert caller.echo(SMALL[contender.lane]) == SMALL[contender.lane]
    with Streams(contender, server.address) as another:
        assert another.take(MANY) == list(BenchService().produce(MANY))
        assert another.echo(SMALL[contender.lane]) == SMALL[contender.lane]


@pytest.mark.parametrize("contender", across_processes(STREAMING), indirect=True, scope="module")
def test_a_client_that_is_killed_in_the_middle_of_a_stream_leaves_a_server_that_goes_on(
    contender: Contender, server: ServerProcess
) -> None:
    ours, theirs = Pipe()
    consumer = get_context("spawn").Process(target=consume_a_little, args=(contender, server.address, MANY, theirs))
    consumer.start()
    assert ours.poll(30)
    assert ours.recv() == next(iter(BenchService().produce(MANY)))
    consumer.kill()
    consumer.join()
    ours.close()
    theirs.close()
    with Streams(contender, server.address) as another:
        taken = background.start(another.take, MANY) if not contender.is_async else None
        assert (taken.result(LIMIT_SECONDS) if taken else another.take(MANY)) == list(BenchService().produce(MANY))
