"""A program that is recorded behaves as it would without."""

import asyncio
import contextvars
import errno
import functools
import inspect
import os
import pickle
import signal
import sys
import threading
from typing import Any

import pytest

from shm_rpc_bridge.record import TargetError, record, writer

from .programs import Program, functions


def test_functions_are_back_where_they_were_afterwards(program: Program) -> None:
    module = program.module("back", "def f(): return 1")
    user = program.module("back_user", "from back import f\nfrom back import f as g")
    before = module.f
    with record("back:f", output=program.output):
        assert module.f is user.f is user.g is not before
        assert (module.f(), user.f(), user.g()) == (1, 1, 1)
    assert module.f is user.f is user.g is before
    assert functions(program.recording()) == ["f", "f", "f"]


def test_modules_that_are_imported_later_are_recorded_as_well(program: Program) -> None:
    program.write("late", "def f(): return 1")
    program.write("late_user", "from late import f\ndef use(): return f()")
    with record("late:f", output=program.output):
        user = program.module("late_user", "from late import f\ndef use(): return f()")
        assert user.use() == 1
        import late

        assert type(late.__loader__).__module__ != "shm_rpc_bridge.record.importing"
        assert late.__spec__.loader is late.__loader__
    program._written.append("late")
    assert functions(program.recording()) == ["f"]


def test_a_replaced_function_looks_like_the_one_it_stands_for(program: Program) -> None:
    module = program.module(
        "alike",
        """
        import functools
        def plain(a, b: int = 2, *, c) -> str:
            "Documented."
        plain.mark = 7
        async def later(a): return a
        @functools.lru_cache
        def cached(a): return a
        """,
    )
    signature = inspect.signature(module.plain)
    with record("alike:plain", "alike:later", "alike:cached", output=program.output):
        assert inspect.signature(module.plain) == signature
        assert (module.plain.__doc__, module.plain.__name__, module.plain.mark) == ("Documented.", "plain", 7)
        assert inspect.iscoroutinefunction(module.later)
        assert (module.cached(1), module.cached(1), module.cached.cache_info().hits) == (1, 1, 1)
        assert pickle.loads(pickle.dumps(module.plain)) is module.plain


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("refused:generates", "is a generator, whose items would have to travel one by one"),
        ("refused:generates_async", "is a generator"),
        ("refused:Kind", "is a class: name one of its methods"),
        ("refused:NUMBER", "is int, no function"),
        ("refused:missing", "there is no missing; there are"),
        ("refused:Kind.missing", "there is no missing; there are work"),
        ("refused:Other.work", "has no Other"),
        ("refused.work", "is not module:function, as in mypackage.pricing:quote"),
        ("refused:wo rk", "is not module:function"),
        ("__main__:work", "put them into a module it imports"),
        ("builtins:str.join", "cannot be replaced"),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_what_to_name_instead(program: Program, name: str, why: str) -> None:
    module = program.module(
        "refused",
        """
        NUMBER = 1
        def generates(): yield 1
        async def generates_async(): yield 1
        class Kind:
            def work(self): return 1
        """,
    )
    before = dict(vars(module))
    with pytest.raises(TargetError, match=why), record("refused:Kind.work", name, output=program.output):
        pass
    assert vars(module) == before
    assert module.Kind().work() == 1
    assert not program.output.exists()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"payloads": "everything"}, "values or sizes"),
        ({"sample": 0}, "over 0 and at most 1"),
        ({"budget_bytes": 10}, "at least 1,000,000"),
        ({"package": "my package"}, "not the name of a package"),
    ],
)
def test_settings_that_make_no_sense_are_refused(program: Program, settings: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        record("json:dumps", output=program.output, **settings)


def test_an_earlier_recording_is_replaced_only_when_that_is_asked_for(program: Program) -> None:
    program.module("earlier", "def f(): return 1")
    other = program.folder / "calls.rec.123"
    with record("earlier:f", output=program.output):
        pass
    earlier = program.output.read_bytes()
    other.write_bytes(earlier)
    with pytest.raises(FileExistsError, match="--force"):
        record("earlier:f", output=program.output)
    assert program.output.read_bytes() == earlier
    with record("earlier:f", output=program.output, force=True):
        pass
    assert not other.exists()
    assert program.recording().processes[0].ended


@pytest.mark.fault("recorded-forged")
@pytest.mark.parametrize("name", ["calls.rec", "calls.rec.123"])
def test_what_is_no_recording_is_never_replaced(program: Program, name: str) -> None:
    program.module("precious", "def f(): return 1")
    precious = program.folder / name
    precious.write_bytes(b"precious")
    version = program.folder / "calls.rec.v2"
    version.write_bytes(b"shmrec1\n")
    with pytest.raises(FileExistsError, match="is no recording, so it is not replaced"):
        record("precious:f", output=program.output, force=True)
    precious.unlink()
    with record("precious:f", output=program.output, force=True):
        pass
    assert version.exists(), "that is not how a process names its file"


def test_two_recordings_at_once_are_refused(program: Program) -> None:
    module = program.module("once", "def f(): return 1")
    with record("once:f", output=program.output):
        second = record("once:f", output=program.folder / "other.rec")
        with pytest.raises(RuntimeError, match="one recording at a time"):
            second.start()
        assert module.f() == 1
    assert functions(program.recording()) == ["f"]


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


@pytest.mark.parametrize("settings", [{"names": ["deep:f"]}, {"package": "deep"}], ids=str)
def test_a_function_goes_as_deep_as_it_does_without_the_recorder(program: Program, settings: Any) -> None:
    module = program.module("deep", "def f(depth): return f(depth - 1) + 1 if depth else 0")
    limit = sys.getrecursionlimit()
    depth = limit - len(inspect.stack()) - 60
    names = settings.pop("names", [])
    assert module.f(depth) == depth
    with record(*names, output=program.output, **settings):
        assert module.f(depth) == depth
    assert sys.getrecursionlimit() == limit


def test_what_a_function_puts_on_itself_is_there_afterwards(program: Program) -> None:
    module = program.module(
        "counts",
        """
        import functools
        def counted():
            counted.calls = getattr(counted, "calls", 0) + 1
            if hasattr(counted, "old"): del counted.old
        counted.old = counted.inner = True
        @functools.wraps(counted)
        def outer(): return counted()
        """,
    )
    wrapped = module.outer.__wrapped__
    with record("counts:counted", "counts:outer", output=program.output):
        module.counted()
        module.outer()
    module.counted()
    assert vars(module.counted) == {"calls": 3, "inner": True}
    assert module.outer.__wrapped__ is wrapped


@pytest.mark.fault("recorded-values")
def test_what_the_recorder_calls_of_the_program_is_no_call_of_the_program(program: Program) -> None:
    module = program.module(
        "reentrant",
        """
        def helper(): return 1
        class State:
            def __getstate__(self): return {"value": helper()}
        def f(state): return state
        """,
    )
    with record("reentrant:f", "reentrant:helper", output=program.output):
        module.f(module.State())
    assert functions(program.recording()) == ["f"]


@pytest.mark.fault("recorded-disk")
def test_a_full_disk_stops_the_recording_and_not_the_program(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    module = program.module("full", "def f(): return 1")
    with record("full:f", output=program.output) as recorder:
        with monkeypatch.context() as patch:

            def write(descriptor: int, data: bytes) -> int:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            patch.setattr(writer.os, "write", write)
            assert module.f() == 1
            while not recorder.broken:
                threading.Event().wait(0.001)
        assert module.f() == 1
        assert "No space left" in recorder.broken
    assert recorder.summary()[0].calls == 2


@pytest.mark.fault("recorded-disk")
def test_a_slow_disk_holds_up_no_call_and_what_finds_no_room_is_counted(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = program.module("slow", "def f(): return 1")
    writing, go_on = threading.Event(), threading.Event()
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        writing.set()
        go_on.wait(60)
        return real(descriptor, data)

    monkeypatch.setattr(writer, "MOST_ROWS", 200)
    recorder = record("slow:f", output=program.output).start()
    try:
        monkeypatch.setattr(writer.os, "write", write)
        module.f()
        assert writing.wait(60)
        for _ in range(1_000):
            assert module.f() == 1
    finally:
        go_on.set()
        recorder.finish()
    totals = program.recording().totals["slow:f"]
    assert totals.calls == 1_001
    assert 200 <= len(program.recording().calls) <= 200 + 2 * 32
    assert totals.dropped == 1_001 - len(program.recording().calls)


def test_a_coroutine_that_is_cancelled_or_closed_elsewhere_is_left_alone(program: Program) -> None:
    module = program.module(
        "cancelled",
        """
        import asyncio
        async def forever(): await asyncio.Event().wait()
        class Yields:
            def __await__(self): yield
        async def once(): await Yields()
        """,
    )

    async def cancel() -> None:
        task = asyncio.ensure_future(module.forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with record("cancelled:forever", "cancelled:once", output=program.output):
        asyncio.run(cancel())
        coroutine = module.once()
        coroutine.send(None)
        contextvars.copy_context().run(coroutine.close)
    assert [call.raised for call in program.recording().calls] == ["CancelledError", "GeneratorExit"]


def test_a_coroutine_that_is_looked_at_closely_is_sent_and_thrown_what_it_would_be(program: Program) -> None:
    """All of these are among the first calls, each of which is looked at closely."""
    module = program.module(
        "coroutines",
        """
        import asyncio
        async def answers(event): return await event
        async def recovers():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError as error:
                return str(error) or "cancelled"
        async def fails(): raise StopAsyncIteration("as it is")
        async def cleans(log):
            try:
                await asyncio.Event().wait()
            finally:
                log.append("cleaned")
        """,
    )
    log: list[str] = []

    async def use() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_soon(future.set_result, 7)
        assert await module.answers(future) == 7
        task = asyncio.ensure_future(module.recovers())
        await asyncio.sleep(0)
        task.cancel()
        assert await task == "cancelled"
        with pytest.raises(StopAsyncIteration, match="as it is"):
            await module.fails()
        coroutine = module.cleans(log)
        coroutine.send(None)
        coroutine.close()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(module.cleans(log), 0.01)

    names = [f"coroutines:{name}" for name in ("answers", "recovers", "fails", "cleans")]
    with record(*names, output=program.output, payloads="sizes"):
        asyncio.run(use())
    assert log == ["cleaned", "cleaned"]
    assert [call.raised for call in program.recording().calls][:3] == ["", "", "StopAsyncIteration"]
    assert all(call.cpu_ns >= 0 for call in program.recording().calls)


def test_a_call_that_outlives_the_recording_ends_as_any_other(program: Program) -> None:
    module = program.module("outlives", "def f(inside): return inside()")
    recorder = record("outlives:f", output=program.output).start()
    assert module.f(functools.partial(recorder.finish)) is True
    assert program.recording().processes[0].ended
