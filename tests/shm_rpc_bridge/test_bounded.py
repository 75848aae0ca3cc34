"""A buffer whose reader says when there is room: one message at a time, and what a handler interrupts is made good."""

import math
import pickle

import pytest

from shm_rpc_bridge import RPCTimeoutError, RPCTransportError, layout
from shm_rpc_bridge.bounded import BoundedBuffer
from shm_rpc_bridge.messages import ONE
from shm_rpc_bridge.testing import AFTER, at, watched
from shm_rpc_bridge.waiting import POLL
from tests.shm_rpc_bridge.pairs import pairs_of
from tests.shm_rpc_bridge.services import PATIENCE, calling


class Dead(Exception):
    """What looking for the peer raises once there is none."""


@pytest.fixture
def connect():
    with pairs_of(BoundedBuffer) as connect:
        yield connect


@pytest.fixture
def pair(connect):
    return connect()


def test_there_is_room_for_one_message_and_the_second_leaves_the_first_as_it_was(pair):
    pair.writer.send_when_empty(b"first", 1, POLL)
    with pytest.raises(RPCTimeoutError, match="the peer has not taken the previous message in time"):
        pair.writer.send_when_empty(b"second", 2, POLL)
    assert pair.is_in_balance()
    assert pair.reader.receive(POLL) == (1, b"first", ONE)
    with pytest.raises(RPCTimeoutError, match="no message in time"):
        pair.reader.receive(POLL)
    with pytest.raises(RPCTimeoutError, match="no message in time"):
        pair.reader.receive_view(POLL)
    assert pair.reader.take() is None
    assert pair.is_in_balance()


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
def test_who_waits_for_a_peer_that_is_gone_is_told_in_sending_and_in_receiving(connect, wait):
    def recheck():
        raise Dead

    pair = connect(wait=wait, recheck=recheck)
    for receive in (pair.reader.receive, pair.reader.receive_view):
        with pytest.raises(Dead):
            receive(POLL)
    pair.writer.send_when_empty(b"first", 1, POLL)
    with pytest.raises(Dead):
        pair.writer.send_when_empty(b"second", 2, POLL)


def test_a_view_is_the_memory_itself_read_only_and_the_writers_again_when_it_is_released(pair):
    for message in (b"first", b"x" * 300):  # the second has grown the region
        pair.writer.send_when_empty(message, 5, POLL)
        sequence, view = pair.reader.receive_view(POLL)
        assert (sequence, view) == (5, message)
        assert view.readonly
        with pytest.raises(RPCTimeoutError):
            pair.writer.send_when_empty(b"second", 6, POLL)
        pair.region.remap()
        pair.region.map[layout.REGION_HEADER_SIZE] = ord("F")
        assert view[:1] == b"F"
        pair.reader.release_view()
        with pytest.raises(ValueError, match="released"):
            bytes(view)
        pair.reader.release_view()  # of which there is none
        assert pair.is_in_balance()


def test_a_view_that_something_else_has_exported_is_not_released_and_can_be_later(pair):
    pair.writer.send_when_empty(b"first", 1, POLL)
    view = pair.reader.receive_view(POLL)[1]
    exported = pickle.PickleBuffer(view)
    with pytest.raises(BufferError):
        pair.reader.release_view()
    assert not pair.empty.value
    assert bytes(exported) == b"first"
    exported.release()
    pair.reader.release_view()
    assert pair.is_in_balance()


def test_a_slice_of_a_view_outlives_it_and_shows_what_is_there_by_then(pair):
    """Two docstrings had it that it must be released before, or is a BufferError: Python does not notice slices."""
    pair.writer.send_when_empty(b"first", 1, POLL)
    part = pair.reader.receive_view(POLL)[1][1:]
    pair.reader.release_view()
    assert bytes(part) == b"irst"
    pair.writer.send_when_empty(b"later", 2, POLL)
    assert bytes(part) == b"ater"


class Raised(Exception):
    """By a signal's handler."""


def raise_it():
    raise Raised


class Interruptions:
    """Raises once at each step that it was told of, from then on."""

    def __init__(self):
        self.steps = []

    def __call__(self, step):
        if str(step) in self.steps:
            self.steps.remove(str(step))
            raise Raised


@pytest.fixture
def interruptions():
    """Of what is made in this test, of which `connect` must come first."""
    interruptions = Interruptions()
    with watched(interruptions):
        yield interruptions


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
        pair.writer.send_when_empty(b"never posted", 9, POLL)
    assert not pair.empty.value
    assert not pair.full.value


def receive(pair, interruptions):
    assert pair.reader.receive(POLL) == (1, b"message", ONE)


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


@pytest.mark.parametrize("take", [receive, receive_interrupted_at_its_end, view, view_interrupted_at_its_end])
def test_who_has_given_a_message_back_makes_none_out_of_what_its_writer_has_in_hand(connect, interruptions, take):
    """Putting back, it takes a token that is nowhere for its own only if it had one."""
    pair = connect()
    pair.writer.send_when_empty(b"message", 1, POLL)
    take(pair, interruptions)
    take_the_token_in_hand(pair, interruptions)
    with pytest.raises(RPCTimeoutError):
        pair.reader.receive(POLL)
    pair.reader.put_back()
    assert not pair.full.value
    pair.writer.put_back()
    assert pair.is_in_balance()
    pair.writer.send_when_empty(b"next", 2, POLL)
    assert pair.reader.receive(POLL) == (2, b"next", ONE)


def test_who_has_waited_for_room_and_sent_makes_no_room_out_of_what_its_reader_has_in_hand(pair):
    assert not pair.empty.trywait()
    with calling(pair.writer.send_when_empty, b"waited", 1, math.inf) as sending:
        pair.empty.release()
        sending.result(PATIENCE)
    pair.reader.receive_view(POLL)
    pair.writer.put_back()
    assert not pair.empty.value
    pair.reader.release_view()
    assert pair.is_in_balance()


def test_a_send_that_timed_out_makes_no_room_out_of_what_its_reader_has_in_hand(pair):
    pair.writer.send_when_empty(b"first", 1, POLL)
    pair.writer.put_back()
    pair.reader.receive_view(POLL)
    pair.writer.put_back()
    with pytest.raises(RPCTimeoutError):
        pair.writer.send_when_empty(b"second", 2, POLL)
    pair.writer.put_back()
    assert not pair.empty.value
    pair.reader.release_view()
    assert pair.is_in_balance()


def test_releasing_a_view_before_there_was_any_does_nothing(pair):
    pair.reader.release_view()
    assert pair.is_in_balance()


def test_a_send_that_was_interrupted_before_its_post_leaves_room_once_it_is_put_back(connect):
    pair = interrupted(
        connect, "acquire request_empty", AFTER, lambda pair: pair.writer.send_when_empty(b"lost", 1, POLL)
    )
    pair.writer.put_back()
    assert pair.reader.take() is None
    pair.writer.send_when_empty(b"next", 2, POLL)
    assert pair.reader.receive(POLL) == (2, b"next", ONE)
    assert pair.is_in_balance()


def test_a_send_that_was_interrupted_after_its_post_is_sent_and_putting_back_gives_no_room_twice(connect):
    pair = interrupted(
        connect, "release request_full", AFTER, lambda pair: pair.writer.send_when_empty(b"sent", 1, POLL)
    )
    pair.writer.put_back()
    assert pair.reader.receive(POLL) == (1, b"sent", ONE)
    pair.writer.put_back()
    assert pair.is_in_balance()


@pytest.mark.parametrize("receive", ["receive", "receive_view"])
def test_a_message_whose_taking_was_interrupted_is_there_again_once_it_is_put_back(connect, receive):
    def act(pair):
        pair.writer.send_when_empty(b"kept", 1, POLL)
        getattr(pair.reader, receive)(POLL)

    pair = interrupted(connect, "acquire request_full", AFTER, act)
    assert not pair.full.value
    pair.reader.put_back()
    assert getattr(pair.reader, receive)(POLL)[:2] == (1, b"kept")
    if receive == "receive_view":
        pair.reader.release_view()
    assert pair.is_in_balance()


def test_a_message_that_was_copied_and_whose_room_was_given_is_not_there_again(connect):
    def act(pair):
        pair.writer.send_when_empty(b"gone", 1, POLL)
        pair.reader.receive(POLL)

    pair = interrupted(connect, "release request_empty", AFTER, act)
    pair.reader.put_back()
    assert pair.reader.take() is None
    assert pair.is_in_balance()


def test_a_view_whose_release_was_interrupted_after_its_room_was_given_is_not_given_again(connect):
    def act(pair):
        pair.writer.send_when_empty(b"seen", 1, POLL)
        pair.reader.receive_view(POLL)
        pair.reader.release_view()

    pair = interrupted(connect, "release request_empty", AFTER, act)
    pair.reader.release_view()
    pair.reader.put_back()
    assert pair.is_in_balance()
    pair.writer.send_when_empty(b"next", 2, POLL)
    assert pair.reader.receive(POLL) == (2, b"next", ONE)


def test_a_view_that_is_put_back_can_be_taken_again(pair):
    pair.writer.send_when_empty(b"seen", 1, POLL)
    pair.reader.receive_view(POLL)
    pair.reader.put_back()
    assert pair.reader.receive(POLL) == (1, b"seen", ONE)
    pair.reader.release_view()
    assert pair.is_in_balance()


def test_putting_back_where_nothing_was_interrupted_changes_nothing(pair):
    for end in (pair.writer, pair.reader):
        end.put_back()
    pair.writer.send_when_empty(b"kept", 1, POLL)
    for end in (pair.writer, pair.reader):
        end.put_back()
    assert pair.is_in_balance()
    assert pair.reader.receive(POLL) == (1, b"kept", ONE)


def test_a_buffer_whose_memory_is_forgotten_is_of_no_use_and_its_view_goes_with_who_has_it(pair):
    pair.writer.send_when_empty(b"seen", 1, POLL)
    view = pair.reader.receive_view(POLL)[1]
    pair.reader.forget_memory()
    pair.reader.release_view()
    assert bytes(view) == b"seen"
    pair.writer.forget_memory()
    with pytest.raises((ValueError, TypeError, IndexError)):
        pair.writer.say_found()


def test_a_view_of_a_header_of_no_writer_is_refused_as_its_copy_is(pair):
    pair.region.map[0:16] = layout.MESSAGE.pack(1001, 0, 0, 0)
    pair.full.release()
    with pytest.raises(RPCTransportError, match="message of 1,001 bytes, max_message_size is 1,000"):
        pair.reader.receive_view(POLL)
