"""What a signal's handler has interrupted in one direction of a channel is put back, and nothing else is."""

import pytest

from shm_rpc_bridge import RPCTimeoutError, posix
from shm_rpc_bridge.testing import AFTER, at, watched
from shm_rpc_bridge.waiting import POLL

from .pairs import Raised


def raise_it():
    raise Raised


def interrupted(pair_of, step, when, act):
    """What `act` has left behind when a handler raised at that step of it."""
    with watched(at(step, raise_it, when)):
        pair = pair_of()
    with pytest.raises(Raised):
        act(pair)
    return pair


def take_the_token_in_hand(pair, interruptions):
    """From here on it is the writer's, which was interrupted before its post."""
    interruptions.steps.append("after acquire request_empty")
    with pytest.raises(Raised):
        pair.writer.send(b"never posted", 9, POLL)
    assert not pair.empty.value
    assert not pair.full.value


def receive(pair, interruptions):
    assert pair.reader.receive(POLL) == (1, b"message")


def receive_interrupted_at_its_end(pair, interruptions):
    interruptions.steps.append("after release request_empty")
    with pytest.raises(Raised):
        pair.reader.receive(POLL)


def view(pair, interruptions):
    assert pair.reader.receive_view(POLL) == (1, b"message")
    pair.reader.release_view()


def view_interrupted_at_its_end(pair, interruptions):
    pair.reader.receive_view(POLL)
    interruptions.steps.append("after release request_empty")
    with pytest.raises(Raised):
        pair.reader.release_view()


def put_back_what_then_was_withdrawn(pair, interruptions):
    interruptions.steps.append("after acquire request_full")
    with pytest.raises(Raised):
        pair.reader.receive(POLL)
    pair.reader.put_back()
    assert pair.writer.withdraw()


@pytest.mark.parametrize(
    "take",
    [
        *(receive, receive_interrupted_at_its_end, view, view_interrupted_at_its_end),
        put_back_what_then_was_withdrawn,
    ],
)
def test_who_has_given_a_message_back_makes_none_out_of_what_its_writer_has_in_hand(connect, interruptions, take):
    """Putting back, it takes a token that is nowhere for its own only if it had one."""
    pair = connect()
    pair.writer.send(b"message", 1, POLL)
    take(pair, interruptions)
    take_the_token_in_hand(pair, interruptions)
    with pytest.raises(RPCTimeoutError):
        pair.reader.receive(POLL)
    pair.reader.put_back()
    assert not pair.full.value
    pair.writer.put_back()
    assert pair.is_in_balance()
    pair.writer.send(b"next", 2, POLL)
    assert pair.reader.receive(POLL) == (2, b"next")


def test_who_has_waited_for_room_and_sent_makes_no_room_out_of_what_its_reader_has_in_hand(connect):
    def lag():
        raise posix.Interrupted

    with watched(at("acquire request_empty", lag)):
        pair = connect()
    pair.writer.send(b"waited", 1, POLL)
    assert pair.reader.take() == (1, b"waited")
    pair.writer.put_back()
    assert not pair.empty.value
    pair.reader.give_room()
    assert pair.is_in_balance()


def test_a_send_that_timed_out_makes_no_room_out_of_what_its_reader_has_in_hand(pair):
    pair.writer.send(b"first", 1, POLL)
    pair.writer.put_back()
    assert pair.reader.take() == (1, b"first")
    pair.writer.put_back()
    with pytest.raises(RPCTimeoutError):
        pair.writer.send(b"second", 2, POLL)
    pair.writer.put_back()
    assert not pair.empty.value
    pair.reader.give_room()
    assert pair.is_in_balance()


def test_a_send_that_was_interrupted_before_its_post_leaves_room_once_it_is_put_back(connect):
    pair = interrupted(connect, "acquire request_empty", AFTER, lambda pair: pair.writer.send(b"lost", 1, POLL))
    pair.writer.put_back()
    assert pair.reader.take() is None
    pair.writer.send(b"next", 2, POLL)
    assert pair.reader.receive(POLL) == (2, b"next")
    assert pair.is_in_balance()


def test_a_send_that_was_interrupted_after_its_post_is_sent_and_putting_back_gives_no_room_twice(connect):
    pair = interrupted(connect, "release request_full", AFTER, lambda pair: pair.writer.send(b"sent", 1, POLL))
    pair.writer.put_back()
    assert pair.reader.receive(POLL) == (1, b"sent")
    pair.writer.put_back()
    assert pair.is_in_balance()


@pytest.mark.parametrize("receive", ["receive", "receive_view"])
def test_a_message_whose_taking_was_interrupted_is_there_again_once_it_is_put_back(connect, receive):
    def act(pair):
        pair.writer.send(b"kept", 1, POLL)
        getattr(pair.reader, receive)(POLL)

    pair = interrupted(connect, "acquire request_full", AFTER, act)
    assert not pair.full.value
    pair.reader.put_back()
    assert getattr(pair.reader, receive)(POLL) == (1, b"kept")
    if receive == "receive_view":
        pair.reader.release_view()
    assert pair.is_in_balance()


def test_a_message_that_was_copied_and_whose_room_was_given_is_not_there_again(connect):
    def act(pair):
        pair.writer.send(b"gone", 1, POLL)
        pair.reader.receive(POLL)

    pair = interrupted(connect, "release request_empty", AFTER, act)
    pair.reader.put_back()
    assert pair.reader.take() is None
    assert pair.is_in_balance()


def test_a_view_whose_release_was_interrupted_after_its_room_was_given_is_not_given_again(connect):
    def act(pair):
        pair.writer.send(b"seen", 1, POLL)
        pair.reader.receive_view(POLL)
        pair.reader.release_view()

    pair = interrupted(connect, "release request_empty", AFTER, act)
    pair.reader.release_view()
    pair.reader.put_back()
    assert pair.is_in_balance()
    pair.writer.send(b"next", 2, POLL)
    assert pair.reader.receive(POLL) == (2, b"next")


def test_a_view_that_is_put_back_can_be_taken_again(pair):
    pair.writer.send(b"seen", 1, POLL)
    pair.reader.receive_view(POLL)
    pair.reader.put_back()
    assert pair.reader.receive(POLL) == (1, b"seen")
    pair.reader.release_view()
    assert pair.is_in_balance()


def test_putting_back_where_nothing_was_interrupted_changes_nothing(pair):
    for end in (pair.writer, pair.reader):
        end.put_back()
    pair.writer.send(b"kept", 1, POLL)
    for end in (pair.writer, pair.reader):
        end.put_back()
    assert pair.is_in_balance()
    assert pair.reader.receive(POLL) == (1, b"kept")
