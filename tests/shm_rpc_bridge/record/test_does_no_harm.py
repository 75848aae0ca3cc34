"""A program that is recorded behaves as it would without."""

import asyncio
import contextvars
import functools
import inspect
import pickle
import sys
from typing import Any, Awaitable, Callable

import pytest

from shm_rpc_bridge.record import record

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
    "settings",
    [
        {"names": ["deep:f"]},
        {"names": ["deep:f"], "sample": 0.01},
        {"names": ["deep:f"], "payloads": "sizes", "redact": ["depth"]},
        {"package": "deep"},
    ],
    ids=str,
)
def test_a_function_goes_as_deep_as_it_does_without_the_recorder(program: Program, settings: Any) -> None:
    module = program.module("deep", "def f(depth): return f(depth - 1) + 1 if depth else 0")
    limit = sys.getrecursionlimit()
    depth = limit - len(inspect.stack()) - 20
    names = settings.get("names", [])
    assert module.f(depth) == depth
    others = {name: each for name, each in settings.items() if name != "names"}
    with record(*names, output=program.output, **others):
        assert module.f(depth) == depth
    assert sys.getrecursionlimit() == limit


def test_a_coroutine_of_which_a_sample_is_kept_goes_as_deep_as_it_does_without_the_recorder(program: Program) -> None:
    module = program.module("deep_later", "async def f(depth): return await f(depth - 1) + 1 if depth else 0")
    depth = next(each for each in range(sys.getrecursionlimit(), 0, -1) if goes(module.f, each)) - 20
    with record("deep_later:f", output=program.output, sample=0.01):
        assert goes(module.f, depth)


def goes(function: Callable[[int], Awaitable[int]], depth: int) -> bool:
    async def main() -> int:
        return await function(depth)

    try:
        return asyncio.run(main()) == depth
    except RecursionError:
        return False


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
