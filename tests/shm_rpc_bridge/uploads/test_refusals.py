"""What cannot be handed over as a stream is refused with its reason, and nonsense holds up nobody."""

import contextlib
import json

import pytest

from shm_rpc_bridge import RPCClient, RPCMethodError, RPCSerializationError, RPCServer, stream
from shm_rpc_bridge.failures import UPLOAD

from ..services import PATIENCE, register_methods, started
from .consumers import each_way


def test_an_item_that_the_codec_refuses_is_named_after_the_items_before(client, consumer):
    with pytest.raises(RPCSerializationError, match="set"):
        client.call("total", stream([1, 2, 3, 4, 5, {6}, 7]))
    consumer.wait_until_ended()
    assert consumer.consumed == 5


@pytest.mark.parametrize("codec", ["json", "json+types", "msgpack", "pickle"])
def test_a_stream_that_is_part_of_another_value_is_refused_and_so_are_two(name, codec):
    server = RPCServer(name, codec=codec)
    register_methods(server)
    with started(server), RPCClient(name, codec=codec, timeout=PATIENCE) as client:
        with pytest.raises(
            RPCSerializationError, match=r"hand it over as an argument by itself|reduce|an argument by"
        ) as refused:
            client.call("echo", [stream([1])])
        assert "never runs" in str(refused.value)
        with pytest.raises(RPCSerializationError, match=r"send a list, or as an argument stream\(value\)"):
            client.call("echo", (number for number in range(3)))
        with pytest.raises(TypeError, match="one stream in a call, not 2"):
            client.call("add", stream([1]), b=stream([2]))
        with pytest.raises(RPCSerializationError, match="not sent"):
            client.batch().call("add", stream([1]), 2)


def test_what_cannot_be_handed_over_is_refused_with_its_reason(server, client):
    with pytest.raises(TypeError, match="takes an iterable, not an int"):
        stream(3)
    with pytest.raises(RPCMethodError, match="unknown method 'nobody'; registered: "):
        client.call("nobody", stream([1]))
    with pytest.raises(RPCMethodError, match="'generate' is a generator, and takes no stream"):
        client.call("generate", stream([1]))
    with pytest.raises(TypeError, match=r"total\(numbers, times=1\): .*'price'"):
        client.call("total", stream([1]), price=2)

    async def produce():
        yield 1

    with pytest.raises(TypeError, match="use an AsyncRPCClient"):
        client.call("total", stream(produce()))
    assert client.call("total", stream([1])) == 1


@pytest.mark.fault("streams")
@each_way
def test_a_client_that_gives_nonsense_or_more_than_is_wanted_holds_up_nobody(client, consumer, way):
    for place in (0, "numbers"):
        with client.call(UPLOAD, "total" + way, place) as handle:
            assert handle.give([1, 2], False) == [False, None]
            for _ in range(3):
                assert handle.give([], True) == [True, 3]
    for nonsense in (None, 1, [1]):
        with client.call(UPLOAD, "total" + way, 0) as handle, pytest.raises(TypeError):
            handle.give(nonsense)
        with client.call(UPLOAD, "total" + way, 0) as handle, pytest.raises(TypeError):
            handle.give(nonsense if nonsense != [1] else ["x"], True)
        with client.call(UPLOAD, "total" + way, nonsense) as handle, contextlib.suppress(TypeError):
            handle.give([1], True)
    with pytest.raises(RPCMethodError, match="unknown method"):
        client.call(UPLOAD, 5, 0)
    assert client.call("add", 1, 2) == 3


def test_processes_take_none(name):
    from .. import pricing

    server = RPCServer(name, processes=1)
    server.register_module(pricing, ["quote"])
    refused = pytest.raises(RPCMethodError, match="its server has processes")
    with started(server), RPCClient(name, timeout=PATIENCE) as client, refused:
        client.call("quote", stream([1]))


def test_a_codec_that_makes_text_of_anything_makes_none_of_a_stream(name, consumer):
    class Careless:
        dumps = staticmethod(lambda value: json.dumps(value, default=str).encode())
        loads = staticmethod(json.loads)

    server = RPCServer(name, codec=Careless())
    server.register_object(consumer)
    with started(server), RPCClient(name, codec=Careless(), timeout=PATIENCE) as client:
        assert client.call("total", stream(range(300))) == sum(range(300))
