"""`register_module` and `register_object` offer what is named, or what is public, and nothing by accident."""

import functools
import sys
import types

import pytest

from shm_rpc_bridge import RPCClient, RPCServer

from .services import PATIENCE, started

SOURCE = """
from math import sqrt
from functools import lru_cache, partial

RATE = 2
double = partial(max, 2)

class Price: pass

def plain(): return "plain"

@lru_cache()
def cached(): return "cached"

def _private(): return "private"

class Callable:
    def __call__(self): return "called"

called = Callable()
"""


@pytest.fixture
def server(name):
    with RPCServer(name) as server:
        yield server


def module_of(source, **values):
    module = types.ModuleType("shop.pricing")
    exec(source, vars(module))
    vars(module).update(values)
    return module


def test_a_module_offers_the_functions_that_it_defines_and_no_imports_classes_or_constants(server):
    assert server.register_module(module_of(SOURCE)) == ["plain", "cached", "called"]


def test_a_module_with_all_offers_that_instead(server):
    module = module_of(SOURCE, __all__=["sqrt", "double", "RATE", "Price", "_private"])
    assert server.register_module(module) == ["sqrt", "double", "_private"]


def test_an_explicit_list_decides_alone(server):
    assert server.register_module(module_of(SOURCE, __all__=["plain"]), only=["sqrt", "_private", "Price"]) == [
        *("sqrt", "_private", "Price")
    ]


def test_what_a_module_makes_only_when_asked_can_be_named(server):
    module = module_of(
        "def __getattr__(name):\n    if name == 'late': return lambda: 7\n    raise AttributeError(name)"
    )
    assert server.register_module(module, ["late"]) == ["late"]


def test_a_name_that_is_not_there_is_told_with_what_may_be_meant_and_nothing_is_registered(server):
    with pytest.raises(ValueError, match=r"module 'shop.pricing' has no 'plane': did you mean 'plain'\?"):
        server.register_module(module_of(SOURCE), ["cached", "plane"])
    with pytest.raises(ValueError, match="has no 'gone', which its __all__ lists"):
        server.register_module(module_of(SOURCE, __all__=["cached", "gone"]))
    assert server.register_module(module_of(SOURCE), ["cached"]) == ["cached"]


@pytest.mark.parametrize(
    ("only", "kind", "told"),
    [
        ("plain", TypeError, r"only must be a list of names, not a str: \['plain'\]"),
        ([], ValueError, "only is empty"),
        ([7], TypeError, "only must be names, not int"),
        (["RATE"], TypeError, "'RATE' of module 'shop.pricing' cannot be called: it is of class int"),
    ],
)
def test_a_list_that_cannot_be_meant_is_refused(server, only, kind, told):
    with pytest.raises(kind, match=told):
        server.register_module(module_of(SOURCE), only)


def test_a_module_or_object_with_nothing_public_is_refused(server):
    with pytest.raises(ValueError, match="no public functions: say with `only`"):
        server.register_module(module_of("from math import sqrt"))
    with pytest.raises(ValueError, match="object has no public methods: say with `names`"):
        server.register_object(object())


def test_all_are_registered_or_none(server):
    """What cannot be called, and a name that is taken, in the middle of others."""
    with pytest.raises(TypeError, match=r"'nothing' of module .* cannot be called"):
        server.register_module(
            module_of("def first(): pass\nnothing = 1\ndef last(): pass"), ["first", "nothing", "last"]
        )
    server.register("cached", len)
    with pytest.raises(ValueError, match="method 'cached' is registered already"):
        server.register_module(module_of(SOURCE))
    assert server.register_module(module_of("def first(): pass")) == ["first"]
    assert server.register_module(module_of(SOURCE), ["plain"]) == ["plain"]


class Base:
    def inherited(self):
        return "inherited"


class Account(Base):
    kind = str

    def __init__(self):
        self.total = 10
        self.callback = lambda: "no method"

    @property
    def balance(self):
        raise AssertionError("a property was read")

    def add(self, amount):
        self.total += amount
        return self.total

    @staticmethod
    def fixed():
        return "fixed"

    @classmethod
    def named(cls):
        return cls.__name__

    ten_more = functools.partialmethod(add, 10)

    def _private(self):
        return "private"


def test_an_object_offers_its_methods_and_none_of_its_properties_is_read(name):
    with RPCServer(name) as server:
        methods = server.register_object(Account(), prefix="account.")
        assert sorted(methods) == [f"account.{method}" for method in ("add", "fixed", "inherited", "named", "ten_more")]
        with started(server), RPCClient(name, timeout=PATIENCE) as client:
            assert client.call("account.add", 5) == 15
            assert client.call("account.ten_more") == 25
            assert client.call("account.fixed") == "fixed"
            assert client.call("account.named") == "Account"
            assert client.call("account.inherited") == "inherited"


def test_named_methods_of_an_object_are_offered_alone(server):
    assert server.register_object(Account(), ["_private", "callback"]) == ["_private", "callback"]
    with pytest.raises(TypeError, match="'balance' of Account object is a property"):
        server.register_object(Account(), ["balance"])
    with pytest.raises(ValueError, match="Account object has no 'ad': did you mean 'add'"):
        server.register_object(Account(), ["ad"])


def test_what_is_no_object_or_no_module_is_told_what_to_use(server):
    with pytest.raises(TypeError, match="construct one"):
        server.register_object(Account)
    with pytest.raises(TypeError, match="use register_module"):
        server.register_object(sys)
    with pytest.raises(TypeError, match="register_object takes other objects"):
        server.register_module(Account())
    with pytest.raises(TypeError, match="prefix must be a str"):
        server.register_object(Account(), prefix=None)
