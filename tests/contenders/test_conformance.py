"""What every contender promises, run over all that are registered, in each of their lanes."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import os
import random
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, aclosing, closing, nullcontext, suppress
from datetime import datetime, timedelta, timezone
from multiprocessing import Pipe, get_context
from multiprocessing.connection import wait
from pathlib import Path
from queue import Queue
from typing import Any

import numpy as np
import pytest

from contenders import registry
from contenders.direct import Direct
from contenders.interface import ARRAYS, LANES, Caller, CallError, Contender, ServerGone
from contenders.objects import Order, same_arrays, same_types
from contenders.process import ServerProcess
from contenders.registry import ContenderUnavailable
from contenders.service import SLOW_SECONDS, BenchService
from tests.contenders import background
from tests.contenders.consumer import consume_a_little
from tests.contenders.services import BEFORE_IT_BREAKS, BROKEN, STUCK, TELL, Telling

# A Connection of multiprocessing that fails to send leaves a buffer in its traceback, and Python 3.14 complains of one
# that is collected in a circle.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored while finalizing file <_io.BytesIO:pytest.PytestUnraisableExceptionWarning"
)

LIMIT_SECONDS = 20.0
"""Within it a caller must learn that its server is gone."""

BIG_BYTES = 2 * 1024 * 1024

TEXTS = {
    "empty": "",
    "ASCII": "The quick brown fox",
    "escape-heavy": '"\\\n\t\r\x00\x1f/' * 50,
    "non-ASCII": "naïve Ωμέγα 日本語 🚀",
    "2 MB": "x" * BIG_BYTES,
}
DOCUMENT = {
    "id": -(2**63),
    "flags": [True, False, None],
    "nested": {"leaf": [1, 2.5, {"deep": [[], {}, ""]}]},
    "text": TEXTS["non-ASCII"],
    "rows": [{"n": n, "name": f"row {n}", "ratio": n / 7} for n in range(500)],
}
ORDER = Order(
    number=-(2**100),
    placed=datetime(2024, 2, 29, 23, 59, 59, 999_999, timezone(timedelta(hours=5, minutes=30))),
    position=(0.1, -0.0),
    lines=[[1, 1.0, True, ["new", ("a", "b")], [[]]], [], [None, b"\x00", {2: {3}}]],
    note=TEXTS["non-ASCII"],
)
PAYLOADS: dict[str, dict[str, Any]] = {
    "bytes": {
        "empty": b"",
        "one byte": b"\x00",
        "random": random.Random(1).randbytes(1000),
        "at the copying limit": random.Random(2).randbytes(64 * 1024),
        "2 MB": random.Random(3).randbytes(BIG_BYTES),
    },
    "json": {**TEXTS, "document": DOCUMENT, "none": None, "number": 0.1, "list": [1, [2, [3]]]},
    "native": TEXTS,
    "pickle": {
        "empty": (),
        "an object": ORDER,
        "objects in an object": dataclasses.replace(ORDER, lines=[[ORDER, ORDER], [1, [2, [3]]]]),
        "2 MB": dataclasses.replace(ORDER, note=TEXTS["2 MB"]),
    },
    ARRAYS: {
        "empty": np.empty(0, np.float32),
        "one item": np.float32([0.1]),
        "4 KB": np.arange(1000, dtype=np.float32),
        "other items": np.arange(-500, 500, dtype=np.int16),
        "at the copying limit": np.arange(64 * 1024 / 4, dtype=np.float32),
        "2 MB": np.arange(BIG_BYTES / 4, dtype=np.float32),
    },
}
SMALL = {
    "bytes": b"small",
    "json": {"small": [1, 2]},
    "native": "small",
    "pickle": ORDER,
    ARRAYS: np.float32([1, 2, 3]),
}


def same(result: Any, payload: Any) -> bool:
    """Whether an echo gave its payload back."""
    return same_arrays(result, payload) if isinstance(payload, np.ndarray) else bool(result == payload)


def carried(text: str, lane: str) -> Any:
    """A text as a payload of the lane."""
    if lane == ARRAYS:
        return np.frombuffer(text.encode(), np.uint8)
    return text.encode() if lane == "bytes" else text


# httpcore 1.0 leaves a socket that could not be connected to the garbage collector.
FILTERS = {"http-uds": [pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")]}


def contenders_and_lanes() -> list[Any]:
    """Each contender in each lane; `noop` calls nothing and so promises nothing (see test_direct)."""
    found: list[Any] = []
    for name in registry.names():
        try:
            kind = registry.load(name)
        except ContenderUnavailable as error:
            found.append(pytest.param(Direct("json"), id=name, marks=pytest.mark.skip(str(error))))
            continue
        if name != "noop":
            found += [
                pytest.param(kind(lane), id=f"{name}-{lane}", marks=FILTERS.get(name, []))
                for lane in LANES
                if lane in kind.lanes
            ]
    return found


EVERY = contenders_and_lanes()


# A life is the same in lanes json, native, pickle and arrays, which differ in what a message holds: once will do.
LIVES = [
    parameter
    for parameter in EVERY
    if parameter.values[0].lane in ("bytes", "native") or parameter.values[0].lanes == (parameter.values[0].lane,)
]


MESSAGES = [parameter for parameter in EVERY if parameter.values[0].lane not in ("bytes", ARRAYS)]
"""Lane bytes carries `echo` alone, and has no room for an error; lane arrays has methods of its own."""

OF_ARRAYS = [parameter for parameter in EVERY if parameter.values[0].lane == ARRAYS]

# What a server does with threads and garbage does not depend on the lane, and is told in words.
WORDS = [
    parameter
    for parameter in MESSAGES
    if parameter.values[0].lane == ("native" if "native" in parameter.values[0].lanes else "json")
]

SHARED = [parameter for parameter in EVERY if parameter.values[0].many_clients]
"""Several clients can call one server of these."""

ASYNC = [parameter for parameter in EVERY if parameter.values[0].is_async]

SEVERAL = [parameter for parameter in EVERY if parameter.values[0].several_in_flight]
"""Callers of these have several calls on their way at once."""

STREAMING = [parameter for parameter in EVERY if parameter.values[0].streams]
"""Methods of these may be generators."""

# What a contender is does not depend on the lane.
ONCE = [
    pytest.param(parameter.values[0], id=parameter.values[0].name, marks=parameter.marks)
    for parameter in {parameter.values[0].name: parameter for parameter in EVERY}.values()
]


def across_processes(parameters: list[Any]) -> list[Any]:
    return [parameter for parameter in parameters if not parameter.values[0].in_process]


@pytest.fixture(scope="module", params=EVERY)
def contender(request: pytest.FixtureRequest) -> Contender:
    chosen: Contender = request.param
    return chosen


@pytest.fixture(scope="module")
def server(contender: Contender) -> Iterator[ServerProcess]:
    with ServerProcess(contender, Telling()) as running:
        yield running
        assert running.failure in (None, f"exit code {-signal.SIGKILL}")  # which is how the last test ends it


@pytest.fixture(scope="module")
def caller(contender: Contender, server: ServerProcess) -> Iterator[Caller]:
    """Shared by the tests, because some addresses take a single client."""
    with contender.connect(server.address) as connected:
        yield connected


def test_every_payload_of_the_lane_comes_back_as_it_was_sent(contender: Contender, caller: Caller) -> None:
    for kind, payload in PAYLOADS[contender.lane].items():
        result = caller.call("echo", payload)
        assert same(result, payload), kind
        assert contender.lane != "pickle" or same_types(result, payload), kind


def test_large_and_small_calls_follow_each_other_in_any_order(contender: Contender, caller: Caller) -> None:
    payloads = PAYLOADS[contender.lane]
    for kind in ("2 MB", "empty", "2 MB", "2 MB", "empty"):
        assert same(caller.call("echo", payloads[kind]), payloads[kind]), kind


@pytest.mark.parametrize("contender", OF_ARRAYS, indirect=True, scope="module")
def test_methods_of_arrays_see_the_array_they_are_called_with(contender: Contender, caller: Caller) -> None:
    for _ in range(2):  # the second time what is kept for a payload is there
        for kind, payload in PAYLOADS[ARRAYS].items():
            total = caller.call("total", payload)
            assert (type(total), total) == (float, float(payload.sum())), kind
            if kind != "empty":
                assert caller.call("first", payload) == float(payload[0]), kind
    for error in (lambda: caller.call("first", PAYLOADS[ARRAYS]["empty"]), lambda: caller.call("fail", SMALL[ARRAYS])):
        with pytest.raises(CallError) as caught:
            error()
        assert caught.value.type_name in ("IndexError", "ValueError")
        assert caller.call("total", SMALL[ARRAYS]) == 6


@pytest.mark.parametrize("contender", MESSAGES, indirect=True, scope="module")
def test_a_method_takes_integers_and_a_method_takes_a_document(contender: Contender, caller: Caller) -> None:
    assert caller.call("add", {"a": 2**62, "b": -5}) == 2**62 - 5
    assert caller.call("process", DOCUMENT) == BenchService().process(DOCUMENT)


@pytest.mark.parametrize("contender", WORDS, indirect=True, scope="module")
def test_slow_methods_return_what_they_are_given(contender: Contender, caller: Caller) -> None:
    for method in ("sleep", "compute"):
        start = time.perf_counter()
        assert caller.call(method, "slowly") == "slowly"
        assert time.perf_counter() - start >= SLOW_SECONDS


@pytest.mark.parametrize("contender", MESSAGES, indirect=True, scope="module")
def test_an_error_of_the_handler_reaches_the_caller_and_the_next_call_works(
    contender: Contender, caller: Caller
) -> None:
    for text in ("why not", "Ωμέγα", "x" * BIG_BYTES):
        with pytest.raises(CallError) as caught:
            caller.call("fail", text)
        assert caught.value.type_name == "ValueError"
        assert caught.value.message == f"asked to fail with {text[:80]}"
        assert caller.call("echo", SMALL[contender.lane]) == SMALL[contender.lane]


def test_an_unknown_method_is_an_error_and_the_next_call_works(contender: Contender, caller: Caller) -> None:
    with pytest.raises(CallError):
        caller.call("no_such_method", SMALL[contender.lane])
    assert same(caller.call("echo", SMALL[contender.lane]), SMALL[contender.lane])


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


@pytest.mark.parametrize("contender", [each for each in LIVES if each not in SEVERAL], indirect=True, scope="module")
def test_any_other_caller_says_that_it_makes_one_call_at_a_time(contender: Contender, caller: Caller) -> None:
    with pytest.raises(NotImplementedError, match="one call at a time"):
        caller.begin("echo", SMALL[contender.lane])


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


def streams_somewhere(kind: type[Contender]) -> bool:
    """In some lane, itself or what it is made from: its callers have a `stream`."""
    bases = [each for each in kind.__mro__ if issubclass(each, Contender) and not inspect.isabstract(each)]
    return any(each(lane).streams for each in bases for lane in each.lanes)


@pytest.mark.parametrize(
    "contender",
    [each for each in LIVES if not streams_somewhere(type(each.values[0]))],
    indirect=True,
    scope="module",
)
def test_any_other_caller_says_that_it_has_no_streams(contender: Contender, caller: Caller) -> None:
    with pytest.raises(NotImplementedError, match="no streams"):
        next(caller.stream("produce", MANY))


@pytest.mark.parametrize("contender", [parameter for parameter in ONCE if not parameter.values[0].is_async])
def test_any_other_contender_says_that_it_has_no_asyncio_client(contender: Contender, tmp_path: Path) -> None:
    with pytest.raises(NotImplementedError, match=f"{contender.name} has no asyncio client"):
        asyncio.run(contender.connect_async(contender.new_address(tmp_path)))


@pytest.mark.parametrize("contender", ONCE)
def test_addresses_are_never_used_again(contender: Contender, tmp_path: Path) -> None:
    assert len({contender.new_address(tmp_path) for _ in range(100)}) == 100


@pytest.mark.parametrize("contender", ONCE)
def test_what_it_is_and_every_setting_are_there_to_be_printed(contender: Contender) -> None:
    assert re.fullmatch(r"[A-Z\w].+\.", contender.summary)
    assert contender.wait in ("adaptive", "block", "spin", "none")
    for lane in contender.lanes:
        settings = type(contender)(lane).settings()
        assert "server workers" in settings
        assert all(isinstance(text, str) and text for pair in settings.items() for text in pair)


@pytest.mark.parametrize("contender", WORDS, indirect=True, scope="module")
def test_as_many_threads_run_the_methods_as_the_settings_say(
    contender: Contender, server: ServerProcess, caller: Caller
) -> None:
    clients = 3 if contender.many_clients else 1
    together = threading.Barrier(clients)

    def work() -> tuple[int, set[int]]:
        """This thread, and those in which its calls ran. All are connected when each makes its second call."""
        with contender.connect(server.address) if contender.many_clients else nullcontext(caller) as own:
            threads = {int(own.call("echo", TELL).split()[1])}
            together.wait(timeout=30)
            threads.add(int(own.call("echo", TELL).split()[1]))
            together.wait(timeout=30)
            return threading.get_native_id(), threads

    found = [done.result(timeout=60) for done in [background.start(work) for _ in range(clients)]]
    said = contender.settings()["server workers"]
    if said.startswith("none"):
        assert all(threads == {own} for own, threads in found)
        return
    assert all(own not in threads for own, threads in found)
    used = set().union(*(threads for _, threads in found))
    if said.endswith("whichever is free"):
        assert len(used) <= int(said.split(",")[0])
        return
    assert all(len(threads) == 1 for _, threads in found), "a client's calls all run in one thread"
    assert len(used) == (clients if " per " in said else 1), said


@pytest.mark.parametrize("contender", WORDS, indirect=True, scope="module")
def test_garbage_is_collected_where_the_work_is_done_and_what_was_there_before_is_frozen(
    contender: Contender, caller: Caller
) -> None:
    pid, _, enabled, frozen = caller.call("echo", TELL).split()
    here = int(pid) == os.getpid()
    assert here == (contender.in_process and caller.server_pid is None)
    assert enabled == "True"
    # A client freezes its own heap, once it is connected: see tests/scenarios/measuring.
    assert here or int(frozen) > 1000


@pytest.mark.parametrize("contender", LIVES)
def test_nobody_connects_where_nothing_is_served(contender: Contender, tmp_path: Path) -> None:
    with pytest.raises(ServerGone):
        contender.connect(contender.new_address(tmp_path))


@pytest.mark.parametrize("contender", LIVES)
def test_a_busy_server_stops_when_asked_by_any_thread_however_often(contender: Contender, tmp_path: Path) -> None:
    address, payload = contender.new_address(tmp_path), SMALL[contender.lane]
    stops: Queue[Callable[[], None]] = Queue()
    answered = threading.Event()

    def call_until_gone() -> None:
        with contender.connect(address) as caller:
            while True:
                assert same(caller.call("echo", payload), payload)
                answered.set()

    serving = background.start(contender.serve, BenchService(), address, stops.put)
    stop = stops.get(timeout=30)
    calling = background.start(call_until_gone)
    assert answered.wait(30)
    stop()
    stop()
    assert serving.exception(LIMIT_SECONDS) is None
    assert isinstance(calling.exception(LIMIT_SECONDS), ServerGone)
    stop()


@pytest.mark.parametrize("contender", LIVES)
def test_a_caller_notices_that_its_server_has_stopped(contender: Contender, tmp_path: Path) -> None:
    address, payload = contender.new_address(tmp_path), SMALL[contender.lane]
    stops: Queue[Callable[[], None]] = Queue()
    serving = background.start(contender.serve, BenchService(), address, stops.put)
    stop = stops.get(timeout=30)
    caller = contender.connect(address)
    assert same(caller.call("echo", payload), payload)
    stop()
    assert serving.exception(LIMIT_SECONDS) is None
    with caller:
        call = background.start(caller.call, "echo", payload)
        assert isinstance(call.exception(LIMIT_SECONDS), ServerGone)


def kill(pid: int) -> None:
    """SIGKILL, and wait for the end: a process that is ending closes its listening socket after its connections."""
    if sys.platform != "linux":
        os.kill(pid, signal.SIGKILL)
        return
    process = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    assert wait([process], LIMIT_SECONDS)
    os.close(process)


@pytest.mark.parametrize("contender", across_processes(LIVES), indirect=True, scope="module")
def test_a_server_killed_during_a_call_is_gone_and_stays_gone(
    contender: Contender, server: ServerProcess, caller: Caller, tmp_path: Path
) -> None:
    """The last test of this file, as it ends the server that the others share."""
    fifo = tmp_path / "in-the-handler"
    os.mkfifo(fifo)
    text = f"{STUCK}{fifo}"
    call = background.start(caller.call, "echo", carried(text, contender.lane))
    fifo.read_bytes()  # returns once the handler runs
    kill(server.pid)
    assert isinstance(call.exception(LIMIT_SECONDS), ServerGone)
    with pytest.raises(ServerGone):
        caller.call("echo", SMALL[contender.lane])
    with pytest.raises(ServerGone):
        contender.connect(server.address)
    # Another server may take the dead one's place, and removes what that one could not.
    contender.serve(BenchService(), server.address, lambda stop: stop())
