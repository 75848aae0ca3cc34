"""A server's methods as methods, known to type checkers; results as the types they are declared to have."""

import copy
import dataclasses
import datetime
import importlib.util
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Dict, List, Optional, Protocol, Tuple, Union, overload

import pytest

from shm_rpc_bridge import RPCClient, RPCMethodError, RPCSerializationError, RPCServer
from shm_rpc_bridge.proxies import proxy_of
from shm_rpc_bridge.testing import in_memory

from .services import PATIENCE, register_methods, started

if sys.version_info >= (3, 9):
    from typing import TypedDict  # of 3.8, whose keys msgspec cannot tell required from optional

    DictQuote: Any = TypedDict("DictQuote", {"item": str, "price": float})
else:
    DictQuote = Dict[str, Any]

ROOT = Path(__file__).parent.parent.parent
UTC = datetime.timezone.utc
NOON = datetime.datetime(2024, 5, 1, 12, tzinfo=UTC)


@dataclasses.dataclass
class Quote:
    item: str
    price: float
    at: Optional[datetime.datetime] = None


class Pricing:
    """What the server offers, and what clients declare it to."""

    def quote(self, item: str) -> Quote:
        return Quote(item, 1.5, NOON)

    def quotes(self) -> List[Quote]:
        return [Quote("a", 1.5), Quote("b", 2.5)]

    def as_dict(self) -> DictQuote:
        return {"item": "a", "price": 1.5}

    def when(self) -> datetime.datetime:
        return NOON

    def pair(self) -> Tuple[int, str]:
        return 1, "a"

    def names(self) -> List[str]:
        return ["a"]

    def untyped(self, value):
        return value

    @staticmethod
    def total(prices: Dict[str, float]) -> float:
        return sum(prices.values())

    def _hidden(self) -> int:
        return 1


class Lying:
    def quote(self, item: str) -> int: ...

    def quotes(self) -> List[datetime.datetime]: ...


@pytest.fixture(params=["json", "json+types", "msgpack", "pickle"])
def client(request):
    if request.param != "pickle":
        pytest.importorskip("msgspec")
    with in_memory():
        server = RPCServer("pricing", codec=request.param)
        register_methods(server)
        pricing = Pricing()
        for name in ("quote", "quotes", "as_dict", "when", "pair", "names", "untyped", "total"):
            method = getattr(pricing, name)
            if request.param == "json+types" and name in ("quote", "quotes"):
                method = as_dicts(method)
            server.register(name, method)
        with started(server), RPCClient("pricing", timeout=PATIENCE, codec=request.param) as client:
            yield client


def as_dicts(method):
    """Of what a dataclass consists; the codec refuses the class itself."""

    def dicts(*args, **params):
        made = method(*args, **params)
        return [dataclasses.asdict(each) for each in made] if isinstance(made, list) else dataclasses.asdict(made)

    return dicts


def test_results_have_the_types_they_are_declared_to_have(client):
    pricing = client.proxy(Pricing)
    assert pricing.quote("a") == Quote("a", 1.5, NOON)
    assert pricing.quote(item="b").item == "b"
    assert pricing.quotes() == [Quote("a", 1.5), Quote("b", 2.5)]
    assert pricing.as_dict() == {"item": "a", "price": 1.5}
    assert pricing.when() == NOON
    assert pricing.pair() == (1, "a")
    assert pricing.names() == ["a"]
    assert pricing.untyped([1]) == [1]
    assert pricing.total({"a": 1.5, "b": 2}) == 3.5


def test_returns_gives_one_call_its_type(client):
    assert client.with_options(returns=List[Quote]).call("quotes") == [Quote("a", 1.5), Quote("b", 2.5)]
    assert client.with_options(returns=datetime.datetime).call("when") == NOON
    assert client.with_options(returns=DictQuote).call("as_dict")["price"] == 1.5


def test_returns_takes_a_struct(client):
    msgspec = pytest.importorskip("msgspec")
    struct = msgspec.defstruct("StructQuote", [("item", str), ("price", float), ("at", datetime.datetime)])
    typed = client.with_options(returns=struct)
    if client.call("untyped", 1) and type(client.call("quote", "a")) is Quote:
        typed = client.with_options(returns=Quote)  # with pickle it is that already, and no dict to make another of
        struct = Quote
    made = typed.call("quote", "a")
    assert type(made) is struct
    assert (made.item, made.price, made.at) == ("a", 1.5, NOON)


def test_a_result_of_another_type_is_an_error_that_names_the_place():
    pytest.importorskip("msgspec")
    with in_memory():
        server = RPCServer("lying")
        server.register("quote", Pricing().quote)
        server.register("quotes", Pricing().quotes)
        with started(server), RPCClient("lying", timeout=PATIENCE) as client:
            with pytest.raises(RPCSerializationError, match=r"the result of 'quotes' is no .*\$\[0\]") as caught:
                client.proxy(Lying).quotes()
            assert caught.value.may_have_run
            assert client.proxy(Lying).quote("a") == {"item": "a", "price": 1.5, "at": "2024-05-01T12:00:00+00:00"}
            with pytest.raises(RPCSerializationError, match="the result of 'quote' is no int: Expected `int`"):
                client.with_options(returns=int).call("quote", "a")


def test_an_error_is_the_methods_with_a_declared_type_too(client):
    with pytest.raises(TypeError, match="missing a required argument: 'prices'") as caught:
        client.proxy(Pricing).total()
    assert isinstance(caught.value, RPCMethodError)


def test_a_proxy_has_what_is_declared_and_nothing_else(client):
    pricing = client.proxy(Pricing)
    for name in ("echo", "_hidden", "nothing"):
        with pytest.raises(AttributeError, match=f"Pricing declares no method '{name}'"):
            getattr(pricing, name)
    with pytest.raises(TypeError, match=r"proxy takes a class or Protocol .*, not Pricing"):
        client.proxy(Pricing())


class Values(Protocol):
    limit: int

    @property
    def rate(self) -> float: ...

    def quote(self) -> float: ...


def test_a_declared_value_is_said_to_be_no_method(client):
    """It was said not to be declared."""
    for name in ("limit", "rate"):
        with pytest.raises(AttributeError, match=f"Values declares '{name}', but as no method: a method can return it"):
            getattr(client.proxy(Values), name)


class Overloaded(Protocol):
    @overload
    def quote(self, item: str) -> Quote: ...
    @overload
    def quote(self, item: int) -> None: ...


def test_a_method_declared_by_overloads_alone_is_an_error_where_its_result_must_be_known():
    """Its results came as dicts, without a word."""
    with pytest.raises(TypeError, match=r"Overloaded.quote is declared by overloads alone: add a declaration"):
        proxy_of(Overloaded, None, False)
    assert proxy_of(Overloaded, RPCClient, True).quote


def test_remote_has_every_method_and_none_that_python_asks_of_any_object(client):
    assert client.remote.echo(1) == 1
    assert client.remote.echo(data=2) == 2
    with pytest.raises(AttributeError):
        len(client.remote.__len__)
    with pytest.raises(RPCMethodError, match="unknown method 'nothing'"):
        client.remote.nothing()


def test_a_declared_result_that_is_not_defined_is_an_error_where_the_proxy_is_made():
    class Unknown:
        def quote(self) -> "Missing": ...  # noqa: F821

    with pytest.raises(TypeError, match=r"the declared result of Unknown.quote cannot be had: NameError: .*Missing"):
        proxy_of(Unknown, None, False)
    assert proxy_of(Unknown, RPCClient, True).quote  # with pickle nobody needs it


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_mypy_knows_a_proxys_methods_their_parameters_and_results(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(
        textwrap.dedent(
            """
            from typing import List, Protocol
            from shm_rpc_bridge import RPCClient

            class Pricing(Protocol):
                def quote(self, item: str, *, size: int = 1) -> float: ...
                def names(self) -> List[str]: ...

            class Account:
                def __init__(self, owner: str) -> None: ...
                def deposit(self, amount: int) -> int: return amount

            client = RPCClient("pricing")
            pricing = client.proxy(Pricing)
            price: float = pricing.quote("a", size=2)
            names: List[str] = pricing.names()
            amount: int = client.proxy(Account).deposit(1)
            pricing.quote(1)  # line 18
            wrong: int = pricing.names()  # line 19
            pricing.nothing()  # line 20
            pricing.quote("a", colour="red")  # line 21
            client.proxy(Account).deposit("1")  # line 22
            """
        )
    )
    options = ["--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache"), "--follow-imports", "silent"]
    run = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(file)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    lines = [line.split(":", 2) for line in run.stdout.splitlines() if ": error:" in line]
    said = {int(line): text for _, line, text in lines}
    assert set(said) == {18, 19, 20, 21, 22}, run.stdout + run.stderr
    for line, code in ((18, "arg-type"), (19, "assignment"), (20, "attr-defined"), (21, "call-arg"), (22, "arg-type")):
        assert f"[{code}]" in said[line]


class Open(Protocol):
    """Of which msgspec cannot say what is one."""


@pytest.mark.parametrize("returns", [5, Union[list, set], Open])
def test_a_type_that_nothing_can_be_converted_to_is_refused_before_anything_runs(name, returns):
    server = RPCServer(name)
    with started(server), RPCClient(name) as client, pytest.raises(TypeError, match="no result can be converted to"):
        client.with_options(returns=returns)


def test_a_copy_of_a_proxy_is_a_proxy(client):
    assert copy.copy(client.proxy(Pricing)).names() == client.proxy(Pricing).names()


def test_a_pickled_client_keeps_its_options(name):
    with RPCServer(name) as server, started(server), RPCClient(name) as client:
        server.register("pair", lambda: (1, 2))
        with pickle.loads(pickle.dumps(client.with_options(returns=Tuple[int, int], timeout=7.0))) as other:
            assert other.call("pair") == (1, 2)
