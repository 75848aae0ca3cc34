"""Messages that are joined are parted again, and what is no batch is refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCSerializationError
from shm_rpc_bridge.messages import BATCH, LARGEST_NUMBER, MANY, NUMBERED, ONE, joined, parted


@pytest.mark.fault("batch")
@pytest.mark.parametrize("message", [b"", b"\0", b"\xff" * 50, joined([b"{"])[:-1], joined([]) + b"x"])
def test_a_message_that_is_no_batch_is_refused_and_the_server_goes_on(client, message):
    def settle(shown, response, kind):
        assert kind == BATCH
        (refusal,) = parted(response)
        with pytest.raises(RPCSerializationError, match="not a batch") as caught:
            client._decode(shown, refusal)
        assert not caught.value.may_have_run

    client._exchange_batch("nonsense", message, settle)
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("batch")
@pytest.mark.parametrize("answers", [[], [b"[1]"], [b"[1]", b"[2]", b"[3]"], None])
def test_a_response_that_is_not_of_the_batch_is_an_error_of_each_call(client, server, monkeypatch, answers):
    response = b"nonsense" if answers is None else joined(answers)
    monkeypatch.setattr(server._dispatch, "_answer_batch", lambda request: response)
    batch = client.batch()
    calls = [batch.call("add", 1, number) for number in range(2)]
    with pytest.raises(RPCSerializationError, match="the response to a batch of 2 calls is none") as caught:
        batch.send()
    assert caught.value.may_have_run
    for each in calls:
        with pytest.raises(RPCSerializationError, match="is none"):
            each.result()
    assert client.call("add", 1, 2) == 3


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_messages_joined_are_those_that_it_is_parted_into(messages):
    assert parted(joined(messages)) == messages


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (struct.pack("<I", 1), "1 messages said to be in 4 bytes"),
        (joined([b"one", b"two"]) + b"more", "messages said to end at byte 18 of 22"),
        (joined([b"one", b"two"])[:-1], "messages said to end at byte 18 of 17"),
    ],
)
def test_what_is_said_to_be_in_a_batch_and_is_not_is_told_in_bytes(data, why):
    with pytest.raises(ValueError, match=f"^{why}$"):
        parted(data)


def test_kinds_and_numbers_are_what_other_processes_take_them_for():
    assert (ONE, BATCH, MANY) == (0, 1, 2)
    assert NUMBERED.unpack(NUMBERED.pack(1, LARGEST_NUMBER, 0, 0, 0.0))[1] == LARGEST_NUMBER
    with pytest.raises(struct.error):
        NUMBERED.pack(1, LARGEST_NUMBER + 1, 0, 0, 0.0)


@pytest.mark.fault("batch")
@given(
    st.binary(max_size=100)
    | st.builds(lambda count, rest: bytes([count, 0, 0, 0]) + rest, st.integers(0, 5), st.binary(max_size=40))
)
def test_any_bytes_are_messages_that_are_all_in_it_or_refused(data):
    try:
        messages = parted(data)
    except ValueError:
        return
    assert joined(messages) == data
