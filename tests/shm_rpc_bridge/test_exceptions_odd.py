"""Whatever is raised, it costs one call and tells what it was: what cannot be carried, read or even looked at."""

import asyncio

import pytest

from shm_rpc_bridge import RPCMethodError
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.remote_errors import RemoteTraceback

from . import excepting
from .excepting import NotPickled, Plain, Unreadable, WithState, calling, caught, sent


class RaisesInState(ValueError):
    def __setstate__(self, state):
        raise SystemExit(3)


def with_attributes(error, **attributes):
    vars(error).update(attributes)
    return error


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize(
    ("original", "why"),
    [
        (Unreadable("text"), "SystemExit: 3"),
        (with_attributes(RaisesInState("text"), a=1), "SystemExit: 3"),
        (NotPickled("text"), "SystemExit: 3"),
        (with_attributes(Plain("text"), lock=(each for each in ())), "TypeError: cannot pickle 'generator' object"),
        (type("Local", (ValueError,), {})("text"), "PicklingError"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_with_pickle_an_exception_that_cannot_be_had_is_described_and_says_why(original, why):
    """A SystemExit while it was pickled ended the server, one while it was read the client."""
    error = caught(chosen("pickle"), original)
    assert isinstance(error, ValueError)
    assert isinstance(error, RPCMethodError)
    assert error.remote_type == type(original).__name__
    assert "text (the exception itself cannot be had here: " in str(error)
    assert why in str(error)


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize("argument", [False, True], ids=["class", "argument"])
def test_with_pickle_a_class_that_the_client_cannot_import_is_described(monkeypatch, argument):
    """An argument of such a class made the whole response unreadable."""
    codec = chosen("pickle")
    arguments = ("text", 1, 1.5, True, b"bytes", None)
    message = sent(codec, ValueError(WithState("x")) if argument else Plain(*arguments))
    monkeypatch.delattr(excepting, "WithState" if argument else "Plain")
    with pytest.raises(ValueError, match="cannot be had here: AttributeError") as info:
        codec.decode_response("m", message)
    assert isinstance(info.value, RPCMethodError)
    assert info.value.remote_type == ("ValueError" if argument else "Plain")
    assert argument or info.value.args == arguments


def raising(*_):
    raise SystemExit(3)


ODD_MEMBERS = ["__str__", "__repr__", "__reduce__", "__reduce_ex__", "__eq__", "__hash__", "__getattribute__"]


class OddMeta(type):
    def __getattribute__(cls, name):
        raise SystemExit(3)

    __hash__ = raising
    __eq__ = raising
    __instancecheck__ = raising


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize("base", [Exception, ValueError, BaseException, OSError], ids=lambda base: base.__name__)
def test_an_exception_whose_every_member_raises_is_told(codec, base):
    """Its `__class__` raised out of `isinstance`, and that was the end of the server."""
    odd = property(raising)
    members = {**dict.fromkeys(ODD_MEMBERS, raising), "args": odd, "__class__": odd, "__dict__": odd}
    members.update(dict.fromkeys(("__traceback__", "__cause__", "__context__", "__notes__"), odd))
    error = caught(codec, OddMeta("Odd", (base,), members)("text"))
    assert isinstance(error, RPCMethodError)
    assert error.remote_type == "Odd"
    assert isinstance(error, base) or base is BaseException


class OddArgument:
    __eq__ = raising
    __reduce__ = raising
    __repr__ = raising
    __hash__ = None


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize("argument", [OddArgument(), float("nan"), {1, 2}, 2**70, "\ud800", object, b"x"], ids=type)
def test_an_argument_that_cannot_be_carried_costs_the_arguments_alone(codec, argument):
    error = caught(codec, ValueError(argument, 1))
    assert isinstance(error, ValueError)
    assert isinstance(error.__cause__, RemoteTraceback)


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize("levels", [*range(245, 256), 2000])
def test_arguments_nested_to_the_limit_cost_the_arguments_alone(codec, levels):
    """Each alone could be encoded, and the response that held them could not: the end of the server."""
    deep = 1
    for _ in range(levels):
        deep = [deep]
    assert isinstance(caught(codec, KeyError(deep)), KeyError)


@pytest.mark.fault("exceptions-odd")
@pytest.mark.parametrize(
    "original",
    [SystemExit(3), KeyboardInterrupt(), GeneratorExit("x"), asyncio.CancelledError(), BaseException("base")],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_exception_never_ends_the_client(codec, original):
    error = caught(codec, original)
    assert type(error) is RPCMethodError
    assert error.remote_type == type(original).__name__
    assert error.may_have_run


@pytest.mark.fault("exceptions-odd")
def test_a_server_and_its_client_go_on_after_each_of_them(codec):
    odd = OddMeta("Odd", (Exception,), {"__class__": property(raising), "__str__": raising})
    errors = [odd("text"), NotPickled("x"), Unreadable("x"), ValueError(OddArgument()), asyncio.CancelledError()]
    errors += [GeneratorExit(), BaseException(), with_attributes(RaisesInState("x"), a=1)]

    def fail(number):
        raise errors[number]

    with calling(fail, codec) as client:
        for number in range(len(errors)):
            with pytest.raises(RPCMethodError):
                client.call("fail", number)
            assert client.call("add", 1, 2) == 3
