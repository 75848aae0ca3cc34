"""The service answers each recorded call as it is to, and the loops check whose answer it is."""

from __future__ import annotations

import pickle
import sys
import threading
import time
from array import array
from pathlib import Path
from typing import Any

import pytest

from contenders import pickling
from contenders.service import methods_of
from scenarios.measuring.loops import WrongAnswer
from scenarios.replay import service, timing
from scenarios.replay.cargo import Cargo, Case
from scenarios.replay.defaults import NOTHING, REAL, RECORDED
from scenarios.replay.service import ReplayService
from tests.scenarios.replay.recordings import SHOP


def case(function: str, args: tuple[Any, ...], result: Any, busy_ms: float = 0.0, waiting_ms: float = 0.0) -> Case:
    request = pickle.dumps((args, {}))
    busy, waiting = round(busy_ms * 1e6), round(waiting_ms * 1e6)
    return Case(f"{SHOP}:{function}", request, pickle.dumps(result), busy, waiting, 0, busy + waiting)


def serving(path: Path, handler: str, *cases: Case, asynchronous: str = "") -> ReplayService:
    file = path / "calls"
    Cargo(cases, frozenset({f"{SHOP}:{asynchronous}"})).write(file)
    return pickle.loads(pickle.dumps(ReplayService(str(file), handler)))  # type: ignore[no-any-return]


def test_a_call_is_answered_with_what_was_recorded_and_its_number(tmp_path: Path) -> None:
    served = serving(tmp_path, NOTHING, case("quote", (1,), {"a": (1,)}), case("quote", (2,), None))
    assert served.call([0, [1], {}]) == [0, {"a": (1,)}]
    assert served.call([1, [2], {}]) == [1, None]


def test_it_has_two_methods_and_no_more(tmp_path: Path) -> None:
    assert set(methods_of(serving(tmp_path, NOTHING))) == {"call", "echo"}


def test_a_lane_of_bytes_carries_pickles_and_errors(tmp_path: Path) -> None:
    served = serving(tmp_path, NOTHING, case("quote", (1,), (1, 2)))
    answer = served.echo(pickling.encode_request("call", [0, [1], {}]))
    assert pickling.decode_response(answer) == [0, (1, 2)]
    assert pickle.loads(served.echo(b"no pickle"))[1] == "UnpicklingError"


def test_a_handler_computes_as_long_as_was_recorded_and_waits_the_rest(tmp_path: Path) -> None:
    served = serving(tmp_path, RECORDED, case("quote", (), 5, busy_ms=5.0, waiting_ms=20.0))
    served.call([0, [], {}])
    busy, began = time.thread_time(), time.monotonic()
    assert served.call([0, [], {}]) == [0, 5]
    assert time.thread_time() - busy >= 0.005
    assert time.monotonic() - began >= 0.020


def test_the_function_itself_runs_whatever_kind_it_is(tmp_path: Path) -> None:
    cases = [case("quote", (), None), case("Till.named", (), None), case("fetch", (), None)]
    served = serving(tmp_path, REAL, *cases, asynchronous="fetch")
    assert served.call([0, ["pear", 2, {}], {}]) == [0, {"article": "pear", "total": 5.0}]
    assert served.call([1, ["one"], {}]) == [1, "Till one"]
    assert served.call([2, [], {"article": "pear"}]) == [2, "PEAR"]


def test_what_is_wrong_with_a_file_is_said_by_the_first_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)  # which loading replaces, in a process of its own
    lost = ReplayService(str(tmp_path / "none"), NOTHING)
    service.load(lost)
    with pytest.raises(FileNotFoundError):
        lost.call([0, [], {}])


def test_results_are_counted_as_equal_changed_by_the_codec_or_different() -> None:
    answers = {0: (1, 2), 1: [1, 2], 2: "other"}
    payloads = [[number, [], {}] for number in answers]
    found = timing.compare(lambda payload: [payload[0], answers[payload[0]]], payloads, [(1, 2)] * 3, "json")
    assert (found.equal, found.changed, found.different) == (1, 1, 1)
    assert found.first == "result: tuple -> list"


def test_the_answer_of_another_call_is_no_figure() -> None:
    with pytest.raises(WrongAnswer, match="call 0 was answered with the result of call 1"):
        timing.compare(lambda payload: [1, None], [[0, [], {}]], [None], "json")
    with pytest.raises(WrongAnswer):
        timing.back_to_back(lambda payload: [1, None], [[0, [], {}]], array("q", bytes(8)), 0)


def test_calls_are_made_equally_often() -> None:
    made: list[int] = []

    def call(payload: Any) -> Any:
        made.append(payload[0])
        return [payload[0], None]

    latencies = array("q", bytes(8 * 7))
    passes = timing.back_to_back(call, [[number, [], {}] for number in range(3)], latencies, 2**62)
    assert (passes, made) == (2, [0, 1, 2] * 2)
    assert all(each > 0 for each in latencies[:6])
    assert timing.back_to_back(call, [[number, [], {}] for number in range(3)], latencies, 0) == 1


def test_a_rhythm_makes_every_call_in_its_turn_and_none_before_it_is_due() -> None:
    made: list[int] = []
    lock = threading.Lock()

    def call(payload: Any) -> Any:
        with lock:
            made.append(payload[0])
        return [payload[0], None]

    scheduled = [(number * 1_000_000, number) for number in range(10)]
    rhythm = timing.Rhythm(scheduled, {number: [number, [], {}] for number in range(10)}, [0] * 10)
    rhythm.run([[call], [call]], lead_s=0.0)
    assert sorted(made) == list(range(10))
    assert rhythm.made == 10
    assert min(rhythm.late) >= 0


def test_a_call_that_fails_in_a_rhythm_ends_it_and_is_raised() -> None:
    def call(payload: Any) -> Any:
        raise KeyError("no")

    rhythm = timing.Rhythm([(0, 0), (10**12, 0)], {0: [0, [], {}]}, [0, 0])
    with pytest.raises(KeyError):
        rhythm.run([[call]], lead_s=0.0)
    assert rhythm.made == 1
