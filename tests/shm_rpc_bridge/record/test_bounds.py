"""Recording takes a bounded part of time and disk, and says what it takes: samples, budgets, looks that are dear."""

import asyncio
import contextlib
import os
import threading
from typing import Any, Callable

import pytest

from shm_rpc_bridge.record import encoder, payloads, probe, record, wrapping, writer
from shm_rpc_bridge.record.rows import REQUEST, RESPONSE

from .programs import Program


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("def", {}),
        ("async def", {}),
        ("def", {"redact": ["value"]}),
        ("async def", {"redact": ["value"]}),
        ("def", {"sample": 0.5}),
        ("async def", {"sample": 0.5}),
    ],
    ids=str,
)
def test_what_recording_costs_is_known_however_it_is_recorded(program: Program, kind: str, settings: Any) -> None:
    module = program.module("costs", f"{kind} f(value): return value")

    async def calls() -> None:
        for value in range(24 * 256):
            await module.f(value)

    with record("costs:f", output=program.output, payloads="sizes", **settings):
        if kind == "async def":
            asyncio.run(calls())
        else:
            for value in range(24 * 256):
                module.f(value)
    assert program.recording().totals["costs:f"].own_us > 0


@pytest.mark.fault("recorded-dear")
def test_what_is_dear_to_look_at_takes_a_small_part_of_the_time(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a web request that holds the whole application: it is pickled to know its size, in so many calls as may be."""
    module = program.module(
        "dear",
        """
        moments, pickled = [0], []
        class Request:
            def __reduce__(self):
                pickled.append(moments[0])
                moments[0] += 5_000_000
                return Request, ()
        def f(request): moments[0] += 1_000_000
        """,
    )
    for place in (probe, wrapping, encoder):
        monkeypatch.setattr(place, "clock", lambda: module.moments[0])
    monkeypatch.setattr(probe, "cpu_clock", lambda: module.moments[0])
    request = module.Request()
    with record("dear:f", output=program.output, payloads="sizes"):
        for _ in range(3_000):
            module.f(request)
    assert len(module.pickled) > 3
    assert 5_000_000 * len(module.pickled) < 0.02 * module.moments[0]
    sizes = [call.request.pickle_bytes for call in program.recording().calls if call.request is not None]
    assert max(sizes) > 0
    assert sizes.count(-1) > 2_000, "which is not known, and no size"


def test_a_sample_counts_and_times_every_call_and_keeps_some(program: Program) -> None:
    module = program.module("sampled", "def f(value): return value")
    with record("sampled:f", output=program.output, sample=0.25):
        for value in range(2_000):
            module.f(value)
    recording = program.recording()
    totals = recording.totals["sampled:f"]
    assert (totals.calls, totals.dropped) == (2_000, 2_000 - len(recording.calls))
    assert 300 < len(recording.calls) < 700, "a quarter, within ten standard deviations"
    assert totals.seconds > sum(call.duration_ns for call in recording.calls) / 1e9


def test_past_its_budget_a_recording_goes_on_to_count(program: Program) -> None:
    module = program.module("bulky", "def f(data): return data")
    with record("bulky:f", output=program.output, budget_bytes=1_000_000) as recorder:
        for _ in range(60):
            module.f(os.urandom(50_000))
            while recorder._queue.rows:  # a program that is slower than the disk
                threading.Event().wait(0.001)
    totals = program.recording().totals["bulky:f"]
    assert totals.calls == 60
    assert sum(call.request is not None and call.request.pickled is not None for call in program.recording().calls) > 0
    assert program.output.stat().st_size < 1_500_000


def test_past_its_budget_what_waits_is_counted_and_not_written(program: Program) -> None:
    module = program.module("waiting", "def f(data): return data")
    with record("waiting:f", output=program.output, budget_bytes=1_000_000) as recorder:
        recorder._writer.finish()  # which no thread empties from now on
        for _ in range(600):
            module.f(os.urandom(50_000))
        recorder._writer._piece()
    totals = recorder.summary()[0]
    assert (totals.calls, program.output.stat().st_size < 20_000_000) == (600, True)
    assert totals.left_out > 200


def test_a_call_in_which_the_budget_runs_out_has_not_changed_its_arguments(program: Program) -> None:
    """What was a pickle before it was compared with a size behind it."""
    module = program.module("runs_out", "def f(data, inside): inside(); return data")
    with record("runs_out:f", output=program.output, redact=("inside",)) as recorder:
        module.f([1, 2], lambda: recorder._queue.reduce(payloads.sizes))
    (call,) = program.recording().calls
    assert call.mutated is False
    assert call.response is not None
    assert (call.response.pickled, call.response.json_bytes) == (None, 5)


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("before", [0, 8, 20])
@pytest.mark.parametrize("kind", ["def", "async def"])
def test_a_call_in_which_the_budget_runs_out_is_counted(program: Program, kind: str, before: int, raises: bool) -> None:
    """Whether it was looked at closely, as the first ones are, or not."""
    module = program.module("ends_in", f"{kind} f(inside, raises):\n    inside()\n    if raises: raise ValueError")

    def call(inside: Callable[[], object], raises: bool) -> None:
        with contextlib.suppress(ValueError):
            awaited = module.f(inside, raises)
            if kind == "async def":
                asyncio.run(awaited)

    with record("ends_in:f", output=program.output) as recorder:
        for _ in range(before):
            call(int, False)
        call(lambda: recorder._queue.reduce(None), raises)
        call(int, True)
    totals = program.recording().totals["ends_in:f"]
    assert (totals.calls, totals.raised) == (before + 2, raises + 1)


@pytest.mark.fault("recorded-disk")
def test_where_nothing_is_written_what_waits_is_bounded_whatever_is_kept(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST_ROWS", 100)
    module = program.module("stuck", "def f(value): return value")
    with record("stuck:f", output=program.output, sample=0.01) as recorder:
        recorder._writer.finish()  # as if the disk had hung
        for value in range(2_000):
            module.f(value)
        assert len(recorder._queue.timed) <= 100 + 2 * 16, "looked at with every sixteenth call"
        recorder._writer._piece()
    assert recorder.summary()[0].calls == 2_000


@pytest.mark.fault("recorded-disk")
def test_where_nothing_is_written_shapes_that_wait_are_bounded_as_pickles_are(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shape has some hundred bytes, or thousands where all that is inside is of different kinds."""
    monkeypatch.setattr(writer, "MOST_BYTES", 100_000)
    module = program.module("wordy", "def f(value): return value")
    value = [[{"x" * each: "x" * each if each % 3 else 0.5 for each in range(8)}] * 8 + [row] for row in range(8)]
    with record("wordy:f", output=program.output, payloads="shapes") as recorder:
        recorder._writer.finish()  # as if the disk had hung
        for _ in range(600):
            module.f(value)
        waits = sum(len(each.shape) for row in recorder._queue.rows for each in row[REQUEST : RESPONSE + 1])
        assert 50_000 < waits < 150_000
        recorder._writer._piece()
    totals = recorder.summary()[0]
    assert (totals.calls, totals.left_out > 100) == (600, True)
