"""What is wrong with the parameters of a call is said, with the signature; what a method raises itself is its own."""

import functools
import operator
import pickle

import pytest

from shm_rpc_bridge import RPCClient, RPCMethodError, RPCServer
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.testing import in_memory

from .raw import raw_channel
from .services import PATIENCE, register_methods, started


def price(item, *, currency="EUR"):
    return [item, currency]


class Account:
    def __init__(self, owner):
        self.owner = owner

    def deposit(self, amount):
        return amount

    def __call__(self, amount):
        return amount


class BadDefault:
    def __repr__(self):
        raise SystemExit(3)


def with_bad_default(a, b=BadDefault()):  # noqa: B008
    return a


def with_large_default(a, b=list(range(10_000))):  # noqa: B006
    return a


def with_odd_signature(a):
    return a


with_odd_signature.__signature__ = 7


@functools.wraps(price)
def wrapped(*args, **params):
    return price(*args, **params)


def type_error_inside(a):
    return a + "text"


METHODS = {
    "price": price,
    "partial": functools.partial(price, currency="USD"),
    "deposit": Account("x").deposit,
    "account": Account("x"),
    "Account": Account,
    "with_bad_default": with_bad_default,
    "with_large_default": with_large_default,
    "with_odd_signature": with_odd_signature,
    "wrapped": wrapped,
    "type_error_inside": type_error_inside,
    "getitem": operator.getitem,
    "add": lambda a, b: a + b,
}


@pytest.fixture(scope="module")
def client():
    with in_memory():
        server = RPCServer("parameters")
        for name, method in METHODS.items():
            server.register(name, method)
        with started(server), RPCClient("parameters", timeout=PATIENCE) as client:
            yield client


@pytest.mark.fault("parameters-refused")
@pytest.mark.parametrize(
    ("method", "args", "params", "said"),
    [
        ("price", (), {}, r"price(item, *, currency='EUR'): missing a required argument: 'item'"),
        ("price", (1, 2), {}, r"price(item, *, currency='EUR'): too many positional arguments"),
        ("price", (1,), {"size": 2}, r"price(item, *, currency='EUR'): got an unexpected keyword argument 'size'"),
        ("price", (1,), {"item": 2}, r"price(item, *, currency='EUR'): multiple values for argument 'item'"),
        ("partial", (), {}, r"partial(item, *, currency='USD'): missing a required argument: 'item'"),
        ("deposit", (), {}, r"deposit(amount): missing a required argument: 'amount'"),
        ("account", (1, 2), {}, r"account(amount): too many positional arguments"),
        ("Account", (), {}, r"Account(owner): missing a required argument: 'owner'"),
        ("getitem", (1,), {}, r"getitem(a, b, /): missing a required "),
    ],
)
def test_parameters_that_do_not_fit_are_named_with_method_and_signature(client, method, args, params, said):
    with pytest.raises(TypeError) as caught:
        client.call(method, *args, **params)
    assert isinstance(caught.value, RPCMethodError)
    assert str(caught.value).startswith(said)
    assert not caught.value.may_have_run
    assert caught.value.remote_traceback == ""
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("parameters-refused")
@pytest.mark.parametrize(
    ("method", "args", "said"),
    [
        ("type_error_inside", (1,), "unsupported operand"),
        ("getitem", (1, 2), "'int' object is not subscriptable"),
        ("wrapped", (), "missing 1 required positional argument: 'item'"),
        ("with_odd_signature", (), "missing 1 required positional argument: 'a'"),
    ],
)
def test_a_type_error_that_a_method_raises_stays_its_own(client, method, args, said):
    """A signature that is none ended the server."""
    with pytest.raises(TypeError, match=said) as caught:
        client.call(method, *args)
    assert isinstance(caught.value, RPCMethodError)
    assert caught.value.may_have_run
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("parameters-refused")
@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("with_bad_default", r"with_bad_default\(\.\.\.\): missing"),
        ("with_large_default", r"b=\[0, 1, .*\.\.\.: missing"),
    ],
)
def test_a_refusal_does_not_depend_on_what_the_defaults_look_like(client, method, said):
    """One that raises while it is shown made it the method's own error; one of 10,000 numbers was sent in full."""
    with pytest.raises(TypeError, match=said) as caught:
        client.call(method)
    assert caught.value.may_have_run is False
    assert len(str(caught.value)) < 700


ANY_NAMES = [
    "self",
    "method",
    "timeout",
    "args",
    "params",
    "name",
    "cls",
    "function",
    "returns",
    "client",
    "$type",
    "a b",
]


@pytest.mark.fault("parameters-refused")
@pytest.mark.parametrize("codec", ["json", "json+types", "msgpack", "pickle"])
def test_a_parameter_may_have_any_name(codec):
    if codec == "msgpack":
        pytest.importorskip("msgspec")
    params = {name: number for number, name in enumerate(ANY_NAMES)}
    with in_memory():
        server = RPCServer("names", codec=codec)
        register_methods(server)
        with started(server), RPCClient("names", timeout=PATIENCE, codec=codec) as client:
            for call in (functools.partial(client.call, "everything"), client.remote.everything):
                assert call(**params) == params


@pytest.mark.fault("parameters-refused")
def test_names_that_are_no_text_are_one_error():
    """Of a request made by hand: no client of this library sends it."""
    with raw_channel("pickle") as exchange:
        answer = exchange(pickle.dumps(("add", {1: 2})))
    with pytest.raises(TypeError, match="keywords must be strings"):
        chosen("pickle").decode_response("add", answer)
