"""Bad arguments are refused before anything is created."""

import math

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, SharedMemoryTransport, posix
from shm_rpc_bridge.channel import validated_sizes

CONSTRUCTORS = [RPCServer, RPCClient, SharedMemoryTransport.create, SharedMemoryTransport.open]
WITH_SIZES = [RPCServer, RPCClient, SharedMemoryTransport.create]


class NothingCanBeMade:
    def __getattr__(self, operation):
        def refuse(*_):
            raise AssertionError(f"{operation} was asked for")

        return refuse


@pytest.mark.fault("name-bad")
@pytest.mark.parametrize("construct", CONSTRUCTORS)
@pytest.mark.parametrize("bad", ["", "a/b", "..", "/a", "a\0b", "a b", "x" * 300, "ä", "a:b", "-a", "a\n"])
def test_a_bad_name_is_a_value_error(construct, bad):
    """Nothing may be asked of the system. Without `names.validated` it was, for each of them."""
    with posix.using(lambda backend: NothingCanBeMade()), pytest.raises(ValueError, match="cannot name shared memory"):
        construct(bad)


@pytest.mark.fault("name-bad")
@pytest.mark.parametrize("construct", CONSTRUCTORS)
def test_a_name_that_is_no_text_is_a_type_error(construct):
    with pytest.raises(TypeError, match="name must be a str, not int"):
        construct(7)


@pytest.mark.parametrize("construct", WITH_SIZES)
@pytest.mark.parametrize("what", ["buffer_size", "max_message_size"])
@pytest.mark.parametrize("bad", [0, -1, 2**32])
def test_a_size_out_of_range_is_a_value_error(construct, what, bad):
    with pytest.raises(ValueError, match=f"{what} must be 1 to"):
        construct("never-made", **{what: bad})


def test_sizes_may_be_from_one_byte_to_4_gib_and_are_what_the_documents_say_where_none_is_given():
    validated_sizes(1, 2**32 - 1)
    validated_sizes(2**32 - 1, 1)
    assert SharedMemoryTransport.DEFAULT_BUFFER_SIZE == 65_536
    assert SharedMemoryTransport.DEFAULT_MAX_MESSAGE_SIZE == 268_435_456


@pytest.mark.parametrize("construct", WITH_SIZES)
def test_a_size_that_is_no_int_is_a_type_error(construct):
    with pytest.raises(TypeError, match="buffer_size must be an int"):
        construct("never-made", buffer_size=1.5)


@pytest.mark.parametrize("construct", CONSTRUCTORS)
def test_an_unknown_wait_strategy_is_a_value_error(construct):
    with pytest.raises(ValueError, match="wait must be one of 'adaptive', 'block', 'spin', not 'fast'"):
        construct("never-made", wait="fast")


@pytest.mark.fault("timeout-odd")
@pytest.mark.parametrize("bad", [-1, -0.001, math.nan, math.inf, 1e20])
def test_a_timeout_out_of_range_is_a_value_error(bad, name):
    """Without the range in `deadline_after` none of them was refused."""
    for construct in (RPCServer, RPCClient):
        with pytest.raises(ValueError, match="timeout must be 0 to 1e\\+09 seconds, or None"):
            construct("never-made", timeout=bad)
    with pytest.raises(ValueError, match="wait_for_server must be 0"):
        RPCClient("never-made", wait_for_server=bad)
    with SharedMemoryTransport.create(name) as transport:
        for method in (transport.receive_request, transport.receive_response):
            with pytest.raises(ValueError, match="timeout must be 0"):
                method(bad)
        with pytest.raises(ValueError, match="timeout must be 0"):
            transport.send_request(b"", bad)


@pytest.mark.parametrize(
    ("what", "bad"), [("max_channels", 0), ("max_channels", 65_537), ("max_objects", -1), ("max_objects", 2**31)]
)
def test_a_number_of_channels_or_objects_out_of_range_is_refused(what, bad):
    with pytest.raises(ValueError, match=f"{what} must be [01] to "):
        RPCServer("never-made", **{what: bad})
    with pytest.raises(TypeError, match=f"{what} must be an int"):
        RPCServer("never-made", **{what: "many"})
