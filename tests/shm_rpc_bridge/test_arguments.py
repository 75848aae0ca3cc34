"""Bad arguments are refused before anything is created."""

import math

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, SharedMemoryTransport, posix

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


def test_a_number_of_channels_out_of_range_is_refused():
    with pytest.raises(ValueError, match="max_channels must be 1 to"):
        RPCServer("never-made", max_channels=0)
    with pytest.raises(TypeError, match="max_channels must be an int"):
        RPCServer("never-made", max_channels="many")
