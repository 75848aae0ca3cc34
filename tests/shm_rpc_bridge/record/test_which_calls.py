"""Which calls are recorded: of functions that are marked, and of packages, where one module calls another."""

from typing import Any

from shm_rpc_bridge.record import record, recorded

from .programs import Program, functions


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
        ("shop.cart:Cart.__init__", "test_which_calls"),
        ("shop.cart:Cart.put", "test_which_calls"),
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
