"""Whatever a method returns or raises, its caller is told and the next one is served."""

import asyncio
import dataclasses
import datetime
import sys

import pytest

from shm_rpc_bridge import RPCClient, RPCMethodError, RPCSerializationError, RPCServer

from .services import PATIENCE, register_methods, started

pytestmark = pytest.mark.fault("odd-results")


def raise_cancelled():
    raise asyncio.CancelledError


def raise_generator_exit():
    raise GeneratorExit


class ExitsAsText(Exception):
    def __str__(self):
        sys.exit(3)


def raise_what_exits_as_text():
    raise ExitsAsText


class Numbered(type):
    @property
    def __name__(cls):
        return 7


class HasNoTextForAName(Exception, metaclass=Numbered):
    pass


def raise_what_has_no_name():
    raise HasNoTextForAName("all the same")


class RaisesInOffset(datetime.tzinfo):
    def utcoffset(self, when):
        raise RuntimeError("no offset")


class HasNoOffset(datetime.tzinfo):
    pass


@dataclasses.dataclass
class Slotted:
    __slots__ = ("a", "b")
    a: int
    b: int


def half_made():
    made = Slotted(1, 2)
    del made.b
    return made


def at_noon(zone):
    return lambda: datetime.datetime(2020, 1, 1, 12, tzinfo=zone)


@pytest.fixture
def client_of(name):
    """A client of a server that has one more method, `odd`."""

    def made(method):
        server.register("odd", method)
        return client

    server = RPCServer(name)
    register_methods(server)
    with started(server), RPCClient(name, timeout=PATIENCE) as client:
        yield made
        assert client.call("add", a=1, b=2) == 3


@pytest.mark.parametrize(
    ("method", "type_name", "text"),
    [
        (raise_cancelled, "CancelledError", "^CancelledError: $"),
        (raise_generator_exit, "GeneratorExit", "^GeneratorExit: $"),
        (raise_what_exits_as_text, "ExitsAsText", "its __str__ raised SystemExit"),
        (raise_what_has_no_name, "HasNoTextForAName", "all the same"),
    ],
)
def test_whatever_a_method_raises_its_caller_is_told_and_the_server_goes_on(client_of, method, type_name, text):
    """CancelledError and GeneratorExit ended the server, and so did a class without text for a name."""
    with pytest.raises(RPCMethodError, match=text) as caught:
        client_of(method).call("odd")
    assert caught.value.remote_type == type_name
    assert caught.value.may_have_run


@pytest.mark.parametrize("zone", [RaisesInOffset(), HasNoOffset()])
def test_a_time_whose_zone_knows_no_offset_is_refused_with_its_place(client_of, zone):
    """It crashed the server's process inside the encoder."""
    with pytest.raises(RPCSerializationError, match="the result of 'odd'") as caught:
        client_of(at_noon(zone)).call("odd")
    assert caught.value.may_have_run


def test_of_a_half_made_object_what_there_is_of_it_arrives(client_of):
    """It crashed the server's process inside the encoder."""
    assert client_of(half_made).call("odd") == {"a": 1}
