"""What a recording holds of each call."""

import asyncio
import threading

import pytest

from shm_rpc_bridge.record import Refused, blocks, record, rows

from .programs import Program, functions


def test_arguments_and_results_are_kept_as_they_were_when_the_call_was_made(program: Program) -> None:
    module = program.module("as_they_were", "def take(items, *, factor=1): return [each * factor for each in items]")
    items = [1, 2]
    with record("as_they_were:take", output=program.output):
        result = module.take(items, factor=3)
        items.append(3)
        result.append("later")
    (call,) = (recording := program.recording()).calls
    assert (recording.arguments(call), recording.result(call)) == ((([1, 2],), {"factor": 3}), [3, 6])
    assert (call.function, call.parent, call.raised) == ("as_they_were:take", 0, "")
    assert call.duration_ns > 0


def test_an_exception_is_kept_by_its_type_and_goes_on_untouched(program: Program) -> None:
    module = program.module("raises", "ERROR = KeyError('no such sku')\ndef fail(sku): raise ERROR")
    with record("raises:fail", output=program.output), pytest.raises(KeyError) as raised:
        module.fail("a")
    (call,) = program.recording().calls
    assert raised.value is module.ERROR
    assert (call.raised, call.response) == ("KeyError", None)
    assert program.recording().totals["raises:fail"].raised == 1


def test_what_a_call_changes_of_its_arguments_is_noted(program: Program) -> None:
    module = program.module("changes", "def add(cart, line): cart.append(line)\ndef look(cart): return len(cart)")
    with record("changes:add", "changes:look", output=program.output):
        cart: list[str] = []
        module.add(cart, "a")
        module.look(cart)
    assert [call.mutated for call in program.recording().calls] == [True, False]


@pytest.mark.parametrize("payloads", ["values", "sizes"])
def test_a_change_is_seen_however_the_value_travels_and_if_its_size_is_the_same(
    program: Program, payloads: str
) -> None:
    module = program.module(
        "alters",
        """
        import dataclasses, decimal
        class Plain:
            def __init__(self): self.value = 1
        @dataclasses.dataclass
        class Order:
            total: decimal.Decimal = decimal.Decimal(1)
        def change(what):
            if isinstance(what, list): what[0] = 2
            elif isinstance(what, set): what.add(2)
            elif isinstance(what, Plain): what.value = 2
            elif isinstance(what, Order): what.total = decimal.Decimal(2)
        def leave(what): return 1
        """,
    )
    with record("alters:change", "alters:leave", output=program.output, payloads=payloads):
        for function in (module.leave, module.change):
            for what in ([1], [{1}], {1}, module.Plain(), [module.Plain()], module.Order(), [module.Order()]):
                function(what)
    mutated = [call.mutated for call in program.recording().calls]
    assert mutated[:7] == [False] * 7
    assert mutated[7:] == [True] * 7


@pytest.mark.fault("recorded-values")
def test_what_cannot_be_pickled_has_a_stand_in_and_the_rest_is_kept(program: Program) -> None:
    module = program.module("odd", "def use(lock, numbers, options): return lock")
    lock = threading.Lock()
    with record("odd:use", output=program.output):
        assert module.use(lock, [1, 2], options={"deep": [lock]}) is lock
    (call,) = (recording := program.recording()).calls
    args, kwargs = recording.arguments(call)
    assert args[1] == [1, 2]
    for stand_in in (args[0], kwargs["options"]["deep"][0], recording.result(call)):
        assert isinstance(stand_in, Refused)
        assert (stand_in.type_name, "cannot pickle" in stand_in.why) == ("_thread.lock", True)


def test_a_method_is_kept_without_self_of_which_the_attributes_are_told(program: Program) -> None:
    module = program.module(
        "images",
        """
        import threading
        class Base:
            def size(self): return self.width
        class Filter(Base):
            def __init__(self, width):
                self.width, self.lock, self.calls = width, threading.Lock(), 0
            def apply(self, data):
                self.calls += 1
                return data * self.width
            @classmethod
            def make(cls, width): return cls(width)
            @staticmethod
            def double(value): return value * 2
        """,
    )
    names = [f"images:Filter.{each}" for each in ("apply", "make", "double", "size")]
    before = {name: vars(module.Filter).get(name) for name in ("apply", "make", "double", "size")}
    with record(*names, output=program.output):
        images = module.Filter.make(3)
        assert (images.apply("ab"), module.Filter.double(4), images.double(5), images.size()) == ("ababab", 8, 10, 3)
    assert {name: vars(module.Filter).get(name) for name in before} == before
    recording = program.recording()
    assert functions(recording) == ["Filter.make", "Filter.apply", "Filter.double", "Filter.double", "Filter.size"]
    assert [recording.arguments(call)[0] for call in recording.calls] == [(3,), ("ab",), (4,), (5,), ()]
    assert [recording.functions[name].kind for name in names] == ["method", "classmethod", "staticmethod", "method"]
    assert recording.functions["images:Filter.apply"].parameters == ("data",)
    (told,) = recording.objects["images:Filter.apply"]
    assert told["mutated"] is True
    assert told["attributes"]["width"][0] == "int"
    assert told["attributes"]["lock"][:2] == ["lock", -1]


def test_calls_inside_calls_name_the_one_they_are_in(program: Program) -> None:
    module = program.module(
        "nested",
        """
        def outer(n): return [middle(each) for each in range(n)]
        def middle(n): return inner(n)
        def inner(n): return n
        """,
    )
    with record("nested:outer", "nested:inner", output=program.output):
        module.outer(2)
        module.inner(9)
    calls = program.recording().calls
    first = calls[0].number
    assert [(call.number - first, call.parent) for call in calls] == [(0, 0), (1, first), (2, first), (3, 0)]


def test_tasks_each_have_their_own_nesting_and_their_own_mark(program: Program) -> None:
    module = program.module(
        "tasks",
        """
        import asyncio
        async def outer(n):
            await asyncio.sleep(0)
            return await inner(n)
        async def inner(n):
            await asyncio.sleep(0)
            return n * 2
        """,
    )

    async def main() -> "list[int]":
        return await asyncio.gather(*(module.outer(each) for each in range(3)))

    with record("tasks:outer", "tasks:inner", output=program.output):
        assert asyncio.run(main()) == [0, 2, 4]
    recording = program.recording()
    outer = {call.number: call for call in recording.calls if call.function == "tasks:outer"}
    inner = [call for call in recording.calls if call.function == "tasks:inner"]
    assert [recording.arguments(outer[call.parent]) for call in inner] == [recording.arguments(call) for call in inner]
    assert len({call.task for call in outer.values()} - {0}) == 3
    assert all(recording.functions[name].is_async for name in ("tasks:outer", "tasks:inner"))


def test_the_cpu_time_of_a_coroutine_is_of_its_own_steps(program: Program) -> None:
    module = program.module(
        "steps",
        """
        import asyncio, time
        def burn(seconds):
            end = time.thread_time() + seconds
            while time.thread_time() < end: pass
        async def works():
            burn(0.01)
            await asyncio.sleep(0)
            burn(0.01)
        async def waits():
            await asyncio.sleep(0.05)
        """,
    )

    async def main() -> None:
        await asyncio.gather(module.waits(), module.works(), module.works())

    with record("steps:works", "steps:waits", output=program.output):
        asyncio.run(main())
    for call in program.recording().calls:
        if call.function == "steps:works":
            assert 20_000_000 <= call.cpu_ns <= 0.8 * call.duration_ns, "it was interrupted by the other"
        else:
            assert call.cpu_ns < 5_000_000


def test_every_call_of_many_threads_is_kept_once(program: Program) -> None:
    module = program.module("threads", "def number(value): return value")
    calls = 2_000

    together = threading.Barrier(4)

    def work(begin: int) -> None:
        together.wait(60)
        for value in range(begin, begin + calls):
            assert module.number(value) == value

    with record("threads:number", output=program.output):
        threads = [threading.Thread(target=work, args=(place * calls,)) for place in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    recording = program.recording()
    totals = recording.totals["threads:number"]
    values = {recording.arguments(call)[0][0] for call in recording.calls}
    assert totals.calls == 4 * calls
    assert len(values) == len(recording.calls) == 4 * calls - totals.dropped
    assert totals.dropped <= 4 * calls // 64 + 1, "no more than are timed without being recorded"
    assert len({call.thread for call in recording.calls}) == 4, "each had begun before one ended"
    assert totals.own_us == totals.own_us, "what recording cost is known from this very run"


def test_a_call_in_a_callback_of_the_loop_is_in_no_task(program: Program) -> None:
    module = program.module("callback", "def f(value): return value")

    async def main() -> None:
        asyncio.get_running_loop().call_soon(module.f, 1)
        await asyncio.sleep(0)
        module.f(2)

    with record("callback:f", output=program.output):
        asyncio.run(main())
    tasks = [call.task for call in program.recording().calls]
    assert (tasks[0], tasks[1] != 0) == (0, True)


def test_a_killed_process_has_run_until_its_last_call_at_least(program: Program) -> None:
    module = program.module("killed", "def f(): pass")
    with record("killed:f", output=program.output):
        module.f()
    whole = program.output.read_bytes()
    found, _ = blocks.decode(whole)
    kept = [block for block in found if block.fields["kind"] in ("begin", "calls")]
    kept[-1].fields["rows"][0][rows.START] = kept[0].fields["start_ns"] + 7_000_000_000
    program.output.write_bytes(blocks.MAGIC + b"".join(blocks.encode(block.fields, block.blobs) for block in kept))
    (process,) = program.recording().processes
    assert (process.ended, process.seconds >= 7) == (False, True)
