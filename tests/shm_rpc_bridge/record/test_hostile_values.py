"""A value that fails when it is looked at fails nothing else, and a signal's exception comes to the program."""

import asyncio
import signal
import time
from typing import Any

import pytest

from shm_rpc_bridge.record import record, wrapping

from .programs import Program


class Hostile:
    """Everything that a look at it may call goes wrong."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise OSError("not to be pickled")

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"no {name}")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not to be compared")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.fault("recorded-values")
@pytest.mark.parametrize("payloads", ["values", "sizes"])
def test_a_value_that_fails_when_it_is_looked_at_fails_nothing_else(program: Program, payloads: str) -> None:
    module = program.module("hostile", "def f(value): return value\nclass K:\n    def m(self, value): return value")
    hostile, instance = Hostile(), module.K()
    instance.odd = hostile
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with record("hostile:f", "hostile:K.m", output=program.output, payloads=payloads):
        for value in (hostile, [hostile, {"key": hostile}], "\ud800", 1 << 80, deep, {(1, 2): 3}):
            assert module.f(value) is value
            assert instance.m(value) is value
    assert len(program.recording().calls) == 12
    while deep:  # its destructor recurses otherwise
        deep = deep.pop()


class Impudent:
    """Leaves the program where it is looked at."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise SystemExit(3)


@pytest.mark.fault("recorded-values")
@pytest.mark.parametrize("payloads", ["values", "sizes"])
def test_no_exception_of_a_value_comes_to_the_program_whatever_its_type(program: Program, payloads: str) -> None:
    module = program.module("impudent", "def f(value): return value\nasync def later(value): return value")
    value = [Impudent()]
    with record("impudent:f", "impudent:later", output=program.output, payloads=payloads):
        for _ in range(20):
            assert module.f(value) is value
            assert asyncio.run(module.later(value)) is value
    assert len(program.recording().calls) == 40


@pytest.mark.fault("recorded-values")
@pytest.mark.parametrize("payloads", ["values", "sizes", "shapes"])
def test_an_error_that_cannot_be_written_comes_to_nobody_and_its_call_is_kept(program: Program, payloads: str) -> None:
    """One of an object that is asked for its attributes, or pickled."""
    module = program.module(
        "unspeakable",
        """
        class Unspeakable(Exception):
            def __str__(self): raise Unspeakable
        class Closed:
            @property
            def __dict__(self): raise Unspeakable
            def m(self, value): return value
        class Open:
            def m(self, value): return value
            async def later(self, value): return value
        class Value:
            def __reduce_ex__(self, protocol): raise Unspeakable
        """,
    )
    value, instance = module.Value(), module.Open()
    instance.value = value
    names = [f"unspeakable:{each}" for each in ("Closed.m", "Open.m", "Open.later")]
    with record(*names, output=program.output, payloads=payloads) as recorder:
        for _ in range(10):
            assert module.Closed().m(value) is value
            assert instance.m(value) is value
            assert asyncio.run(instance.later(value)) is value
    recording = program.recording()
    assert [recording.totals[name].calls for name in names] == [10] * 3
    assert len(recording.calls) == 30 - sum(totals.dropped for totals in recording.totals.values())
    assert set(recorder.failures) == {"Unspeakable"}


class TimeIsUp(Exception):
    pass


@pytest.mark.fault("recorded-signals")
@pytest.mark.parametrize("payloads", ["values", "sizes"])
@pytest.mark.parametrize("place", ["argument", "result"])
def test_a_time_limit_that_ends_while_a_value_is_looked_at_comes_to_the_program(
    program: Program, payloads: str, place: str
) -> None:
    module = program.module("limited", "def f(value): return value.give()")

    class Limits:
        """Its time is up when it is pickled; as an argument, or where it is given."""

        def __init__(self, given: Any = None) -> None:
            self.given = given

        def give(self) -> Any:
            return self.given

        def __reduce_ex__(self, protocol: Any) -> Any:
            if place == "argument" or self.given is None:
                signal.raise_signal(signal.SIGALRM)
            return super().__reduce_ex__(protocol)

    def up(*_: Any) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, up)
    try:
        with record("limited:f", output=program.output, payloads=payloads), pytest.raises(TimeIsUp):
            module.f(Limits(Limits()))
    finally:
        signal.signal(signal.SIGALRM, before)


@pytest.mark.fault("recorded-signals")
@pytest.mark.parametrize("kind", ["def", "async def"])
@pytest.mark.parametrize("before", [0, 8], ids=["closely", "short"])
@pytest.mark.parametrize("nth", [1, 2])
def test_a_time_limit_that_ends_beside_a_call_leaves_no_later_call_inside_it(
    program: Program, monkeypatch: pytest.MonkeyPatch, kind: str, before: int, nth: int
) -> None:
    """A handler raises between two steps of the wrapper, as where it asks the clock before and behind the function."""
    module = program.module("beside", f"{kind} f(): return 1\ndef g(): return 2")
    left = 0

    def clock() -> int:
        nonlocal left
        left -= 1
        if left == 0:
            raise TimeIsUp
        return time.perf_counter_ns()

    async def call() -> None:
        awaited = module.f()
        if kind == "async def":
            await awaited

    async def main() -> None:
        nonlocal left
        for _ in range(before):
            await call()
        left = nth
        with pytest.raises(TimeIsUp):
            await call()
        module.g()

    monkeypatch.setattr(wrapping, "clock", clock)
    with record("beside:f", "beside:g", output=program.output):
        asyncio.run(main())
    last = program.recording().calls[-1]
    assert (last.function, last.parent) == ("beside:g", 0)
