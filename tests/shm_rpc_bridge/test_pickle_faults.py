"""Pickles: none is read unasked, and what one does while it is written or read costs one call."""

import pickle

import pytest

from shm_rpc_bridge import RPCSerializationError
from shm_rpc_bridge.codec import chosen
from shm_rpc_bridge.failures import METHOD_FAILED, REQUEST_REFUSED, RESULT_REFUSED, described

from .raw import Plus, raw_channel


class Touch:
    """Whoever reads its pickle creates that file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.fault("pickle-unread")
@pytest.mark.parametrize("name", ["json", "json+types", "msgpack", Plus])
def test_a_pickle_sent_to_a_server_that_has_not_switched_it_on_is_refused_unread(name, tmp_path):
    if name == "msgpack":
        pytest.importorskip("msgspec")
    codec, path = chosen(name), tmp_path / "made"
    hostile = pickle.dumps(("echo", {"data": Touch(str(path))}), 5)
    with raw_channel(name) as exchange:
        with pytest.raises(RPCSerializationError, match="not a request"):
            codec.decode_response("echo", exchange(hostile))
        assert not path.exists()
        assert codec.decode_response("add", exchange(codec.encode_request("add", (1, 2), {}))) == 3
    with pytest.raises(RPCSerializationError, match="the response to 'echo' is no"):
        codec.decode_response("echo", pickle.dumps((Touch(str(path)),), 5))
    assert not path.exists()
    chosen("pickle").decode_request(hostile)[2]["data"].close()
    assert path.exists()  # it would have


class ExitsInReduce:
    def __reduce__(self):
        raise SystemExit(3)


@pytest.mark.fault("codec-hostile")
def test_a_system_exit_while_a_pickle_is_written_or_read_costs_one_call():
    """It ended the process."""
    codec = chosen("pickle")
    with pytest.raises(RPCSerializationError, match=r"argument 1 of 'f' is an ExitsInReduce .*SystemExit: 3"):
        codec.encode_request("f", (ExitsInReduce(),), {})
    with pytest.raises(RPCSerializationError, match="the result of 'f' is an ExitsInReduce"):
        codec.encode_result("f", ExitsInReduce())
    exits = b"\x80\x05csys\nexit\nK\x03\x85R."
    with pytest.raises(RPCSerializationError, match=r"not a request: .*SystemExit: 3"):
        codec.decode_request(exits)
    with pytest.raises(RPCSerializationError, match="the response to 'f' is no pickle: SystemExit: 3") as caught:
        codec.decode_response("f", exits)
    assert caught.value.may_have_run


@pytest.mark.fault("codec-hostile")
@pytest.mark.parametrize("response", [7, (), [1], {1: 2}, (1, 2), ("x", "y")])
def test_a_pickle_that_is_no_response_is_an_error_that_may_have_run(response):
    with pytest.raises(RPCSerializationError, match=r"^the response to 'f' is none: .*is unknown") as caught:
        chosen("pickle").decode_response("f", pickle.dumps(response))
    assert caught.value.may_have_run


INTERRUPTS = b"\x80\x05csignal\nraise_signal\nK\x02\x85R."  # SIGINT, as by Ctrl-C while it is read


def test_an_interruption_while_a_pickle_is_read_is_no_error_of_the_call():
    codec = chosen("pickle")
    *failure, _ = pickle.loads(codec.encode_failure(described(METHOD_FAILED, ValueError("text")), None))
    for response in (INTERRUPTS, pickle.dumps((*failure, INTERRUPTS))):
        with pytest.raises(KeyboardInterrupt):
            codec.decode_response("f", response)


@pytest.mark.parametrize("kind", [REQUEST_REFUSED, RESULT_REFUSED])
def test_with_pickle_only_what_a_method_has_raised_comes_as_itself(kind):
    codec, error = chosen("pickle"), ValueError("text")
    with pytest.raises(RPCSerializationError, match="text"):
        codec.decode_response("f", codec.encode_failure(described(kind, error), error))
