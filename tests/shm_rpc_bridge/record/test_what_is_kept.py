"""What a recording holds of each call."""

import asyncio
import os
import threading
from typing import Any

import pytest

from shm_rpc_bridge.record import Redacted, Refused, encoder, payloads, probe, record, recorded, wrapping

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


def test_sizes_keep_no_value(program: Program) -> None:
    module = program.module("private", "def store(text, blob, table): return {'stored': text}")
    with record("private:store", output=program.output, payloads="sizes"):
        module.store("the secret text", b"12345678" * 100, {"secret_key": 1.5})
        module.store(Unpicklable("the secret text"), b"", [Unpicklable("another secret")])
    call = program.recording().calls[0]
    assert call.request is not None
    assert call.response is not None
    assert call.request.beside_bytes == 800
    assert call.response.json_bytes == len('{"stored":"the secret text"}')
    assert call.request.shape == "tuple of 2(tuple of 3(str of 15, bytes of 800, dict of 1{str: float}), dict of 0{})"
    with pytest.raises(LookupError, match="not kept"):
        program.recording().arguments(call)
    assert b"secret" not in whole(program)


class Unpicklable:
    """Says what it holds to whoever tries."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"cannot pickle {self.text}")


@pytest.mark.parametrize("settings", [{"payloads": "sizes"}, {"redact": ["text"]}], ids=str)
def test_what_an_exception_says_of_the_attributes_of_an_object_is_not_kept(program: Program, settings: Any) -> None:
    module = program.module("holder", "class Holder:\n    def look(self, text): return 1")
    holder = module.Holder()
    holder.text = Unpicklable("the secret text")
    with record("holder:Holder.look", output=program.output, **settings):
        holder.look(Unpicklable("another secret"))
    (told,) = program.recording().objects["holder:Holder.look"]
    assert told["attributes"]["text"] == ["Unpicklable", -1, "TypeError"]
    assert b"secret" not in whole(program)


def whole(program: Program) -> bytes:
    """Everything that stands in a file, uncompressed."""
    from shm_rpc_bridge.record import blocks

    found, _ = blocks.decode(program.output.read_bytes())
    return repr(found).encode()


def test_what_is_to_be_hidden_is_in_no_file(program: Program) -> None:
    module = program.module("login", "def check(user, password, **more): return password + more['token']")
    with record("login:check", output=program.output, redact=("password", "token", "return")):
        module.check("ada", "very secret", token="also secret")
        module.check(user="ada", password="very secret", token="also secret")
    recording = program.recording()
    first, second = recording.calls
    assert recording.arguments(first) == (("ada", Redacted("str", 11)), {"token": Redacted("str", 11)})
    assert recording.arguments(second)[1]["password"] == Redacted("str", 11)
    assert recording.result(first) == Redacted("str", 22)
    assert b"secret" not in whole(program)


@pytest.mark.parametrize(
    ("signature", "hidden"),
    [
        ("*args", "args"),
        ("first, *args", "args"),
        ("first, *args, later=0", "args"),
        ("**options", "options"),
        ("first=0, **options", "options"),
        ("*args, **options", "args,options"),
        ("args", "args"),
    ],
)
def test_a_name_with_stars_hides_all_that_goes_there_and_nothing_else(
    program: Program, signature: str, hidden: str
) -> None:
    names = hidden.split(",")
    module = program.module("starred", f"def f({signature}): return None")
    args: Any = {"*args": ("secret", "secret"), "first, *args": ("open", "secret", "secret"), "args": ("secret",)}
    given = args.get(signature.partition(", later")[0].partition(", **")[0], ())
    options = {"later": "open"} if "later" in signature else {"a": "secret", "b": "secret"} if "**" in signature else {}
    if "first=0" in signature:
        options["first"] = "open"
    with record("starred:f", output=program.output, redact=names):
        module.f(*given, **options)
    (call,) = (recording := program.recording()).calls
    kept, named = recording.arguments(call)
    assert [isinstance(each, Redacted) for each in kept] == [each == "secret" for each in given]
    assert {name: isinstance(each, Redacted) for name, each in named.items()} == {
        name: each == "secret" for name, each in options.items()
    }
    assert b"secret" not in whole(program)


def test_an_argument_by_name_alone_hides_none_that_has_a_place(program: Program) -> None:
    module = program.module("by_name", "def f(*args, key): return None")
    with record("by_name:f", output=program.output, redact=["key"]):
        module.f(1, 2, key="secret")
    (call,) = (recording := program.recording()).calls
    assert recording.arguments(call) == ((1, 2), {"key": Redacted("str", 6)})


def test_where_the_parameters_are_not_known_nothing_that_has_a_place_is_kept(program: Program) -> None:
    module = program.module(
        "in_c",
        """
        class Function:
            __signature__ = "unknown, as of some functions in C"
            def __call__(self, *args): return args[0]
        next_one = Function()
        """,
    )
    with record("in_c:next_one", output=program.output, redact=["key"]):
        module.next_one("secret", "secreu")
    (call,) = (recording := program.recording()).calls
    assert recording.arguments(call)[0] == (Redacted("str", 6), Redacted("str", 6))


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


def test_a_marked_function_is_recorded_without_being_named(program: Program) -> None:
    @recorded
    def quote(value: int) -> int:
        """Its own."""
        return value + 1

    assert (quote(1), quote.__doc__) == (2, "Its own.")
    with record(output=program.output):
        assert quote(2) == 3
    assert quote(3) == 4
    (call,) = (recording := program.recording()).calls
    assert recording.arguments(call) == ((2,), {})


def test_marked_methods_are_recorded_without_self_or_cls(program: Program) -> None:
    class Basket:
        @recorded
        def put(self, price: int) -> int:
            return price

        @classmethod
        @recorded
        def of(cls, price: int) -> int:
            return price

        @staticmethod
        @recorded
        def double(price: int) -> int:
            return 2 * price

    with record(output=program.output):
        assert (Basket().put(1), Basket.of(2), Basket.double(3)) == (1, 2, 6)
    recording = program.recording()
    assert [recording.arguments(call)[0] for call in recording.calls] == [(1,), (2,), (3,)]


def test_a_package_is_recorded_where_one_of_its_modules_calls_another(program: Program) -> None:
    program.write("shop.__init__", "")
    program.write("shop.money", "def add(a, b): return check(a) + b\ndef check(a): return a")
    program.write(
        "shop.cart",
        """
        from shop.money import add
        class Cart:
            def __init__(self): self.sum = 0
            def put(self, price):
                self._note(price)
                self.sum = add(self.sum, price)
            def _note(self, price): pass
        """,
    )
    with record(package="shop", output=program.output):
        cart: Any = program.module("shop.use", "from shop.cart import Cart").Cart()
        cart.put(3)
        assert cart.sum == 3
    calls = program.recording().calls
    assert [(call.function, call.caller.rpartition(".")[2]) for call in calls] == [
        ("shop.cart:Cart.__init__", "test_what_is_kept"),
        ("shop.cart:Cart.put", "test_what_is_kept"),
        ("shop.money:add", "cart"),
    ]


def test_of_a_package_classes_inside_of_classes_are_recorded_as_well(program: Program) -> None:
    program.write("nested.__init__", "")
    program.write(
        "nested.shelves",
        """
        class Shelf:
            class Row:
                def put(self, thing): return [thing]
            Alias = Row
        Shelf.Row.shelf = Shelf
        """,
    )
    with record(package="nested", output=program.output):
        shelf: Any = program.module("nested.use", "from nested.shelves import Shelf").Shelf
        assert shelf.Row().put(1) == [1]
    assert [call.function for call in program.recording().calls] == ["nested.shelves:Shelf.Row.put"]


def test_of_a_package_what_is_called_otherwise_is_recorded_as_well(program: Program) -> None:
    """A cache around a function, a property, an object; what is named takes nothing from the rest of its module."""
    program.write("store.__init__", "")
    program.write(
        "store.rates",
        """
        import functools
        @functools.lru_cache
        def rate(currency): return 2
        def plain(): return 1
        def named(): return 3
        class Rate:
            factor = 4
            @property
            def doubled(self): return 2 * self.factor
            @functools.lru_cache
            def cached(self): return self.factor
            def __call__(self): return self.factor
        """,
    )
    user = program.module(
        "store.use",
        """
        from store import rates
        def use():
            one = rates.Rate()
            return rates.rate("x"), rates.rate("x"), rates.plain(), rates.named(), one.doubled, one.cached(), one()
        """,
    )
    with record("store.rates:named", package="store", output=program.output):
        assert user.use() == (2, 2, 1, 3, 8, 4, 4)
        assert user.rates.rate.cache_info().hits == 1
    assert functions(program.recording()) == [
        "use",
        "rate",
        "rate",
        "plain",
        "named",
        "Rate.doubled",
        "Rate.cached",
        "Rate.__call__",
    ]
    assert user.use() == (2, 2, 1, 3, 8, 4, 4)


def test_a_call_in_which_the_budget_runs_out_has_not_changed_its_arguments(program: Program) -> None:
    """What was a pickle before it was compared with a size behind it."""
    module = program.module("runs_out", "def f(data, inside): inside(); return data")
    with record("runs_out:f", output=program.output, redact=("inside",)) as recorder:
        module.f([1, 2], lambda: recorder._queue.reduce(payloads.sizes))
    (call,) = program.recording().calls
    assert call.mutated is False
    assert call.response is not None
    assert (call.response.pickled, call.response.json_bytes) == (None, 5)
