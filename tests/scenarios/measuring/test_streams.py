"""A stream is measured as a call: consumed to its end, and every item checked."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import pytest

from contenders.direct import Direct
from contenders.interface import Caller
from contenders.shm_async import ShmAsync
from scenarios.measuring import client
from scenarios.measuring.loops import WrongAnswer
from scenarios.plan import payloads
from scenarios.plan.circumstances import Circumstances
from scenarios.plan.load import Load


class _Cheating(Caller):
    def __init__(self, honest: Caller, cheat: Any) -> None:
        self._honest, self._cheat = honest, cheat

    def call(self, method: str, payload: Any) -> Any:
        return self._honest.call(method, payload)

    def stream(self, method: str, payload: Any) -> Generator[Any, None, None]:
        yield from self._cheat(list(self._honest.stream(method, payload)))

    def close(self) -> None:
        self._honest.close()


class Cheating(Direct):
    name = "cheating"

    def __init__(self, lane: str, cheat: Any) -> None:
        super().__init__(lane)
        self._cheat = cheat

    def connect(self, address: str) -> Caller:
        return _Cheating(super().connect(address), self._cheat)


def _measure(contender: Any) -> client.ClientResult:
    task = client.Task(
        contender=contender,
        method="produce",
        payload="ascii",
        payload_bytes=100,
        seed=1,
        repeat=0,
        calls=20,
        warmup_calls=1,
        seconds=5.0,
        load=Load(),
        client=0,
        clients=1,
        circumstances=Circumstances(items=50),
    )
    corpus = payloads.of_streams(payloads.corpus("ascii", 100, 1), 50)
    return client.measure(task, corpus, None, time.perf_counter_ns)


def test_a_call_is_a_whole_stream() -> None:
    assert len(_measure(Direct("native")).end_ns) == 20 * 8


@pytest.mark.parametrize(
    "cheat",
    [
        lambda items: items[:-1],
        lambda items: [*items, items[-1]],
        lambda items: [items[1], items[0], *items[2:]],
        lambda items: [*items[:10], items[9], *items[11:]],
    ],
    ids=["one is lost", "one comes twice", "two change places", "one is another"],
)
def test_a_stream_with_a_wrong_item_has_no_figure(cheat: Any) -> None:
    with pytest.raises(WrongAnswer):
        _measure(Cheating("native", cheat))


def test_one_that_is_consumed_in_an_event_loop_is_measured_alike() -> None:
    found = _measure(_InThread("native"))
    assert len(found.end_ns) == 20 * 8


class _InThread(ShmAsync):
    in_process = True
