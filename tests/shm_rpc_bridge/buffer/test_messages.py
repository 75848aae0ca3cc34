"""One direction of a channel on its own: what its two ends promise each other."""

import math
import os
import pickle

import pytest

from shm_rpc_bridge import RPCTimeoutError, RPCTransportError, layout, posix
from shm_rpc_bridge.buffer import Terms, checked_identity, open_buffer
from shm_rpc_bridge.scratch import FROM, Scratch
from shm_rpc_bridge.waiting import POLL

from .pairs import CAPACITY, NAMES


class Dead(Exception):
    """What looking for the peer raises once there is none."""


def test_a_message_arrives_as_a_copy_with_its_sequence_and_there_is_room_for_the_next(pair):
    for sequence, message in enumerate((b"one", b"", bytearray(b"three"), memoryview(b"four"), b"x" * CAPACITY)):
        pair.writer.send(message, sequence, POLL)
        assert pair.reader.seems_full()
        taken = pair.reader.receive(POLL)
        assert taken == (sequence, bytes(message))
        assert type(taken[1]) is bytes
        assert not pair.reader.seems_full()
    assert pair.capacity == CAPACITY
    assert pair.is_in_balance()


def test_there_is_room_for_one_message_and_the_second_leaves_the_first_as_it_was(pair):
    pair.writer.send(b"first", 1, POLL)
    with pytest.raises(RPCTimeoutError, match="the peer has not taken the previous message in time"):
        pair.writer.send(b"second", 2, POLL)
    assert pair.is_in_balance()
    assert pair.reader.receive(POLL) == (1, b"first")
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
    pair.writer.send(b"first", 1, POLL)
    with pytest.raises(Dead):
        pair.writer.send(b"second", 2, POLL)


def test_a_region_grows_to_twice_its_size_at_least_and_never_beyond_the_limit(connect):
    pair = connect(limit=500)
    for size, capacity in ((CAPACITY + 1, 200), (200, 200), (450, 450), (500, 500), (451, 500)):
        pair.writer.send(b"x" * size, 1, POLL)
        assert pair.capacity == capacity
        assert pair.reader.receive(POLL) == (1, b"x" * size)
    pair.writer.send(b"small", 2, POLL)
    assert pair.reader.receive(POLL) == (2, b"small")
    assert pair.capacity == 500


def test_a_message_larger_than_the_limit_is_refused_with_both_numbers_and_the_remedy(connect):
    pair = connect(limit=5000)
    with pytest.raises(RPCTransportError, match=r"5,001 bytes, max_message_size is 5,000. Send less") as caught:
        pair.writer.send(b"x" * 5001, 1, POLL)
    assert not isinstance(caught.value, RPCTimeoutError)
    assert pair.capacity == CAPACITY
    pair.writer.send(b"x", 1, POLL)
    assert pair.reader.receive(POLL) == (1, b"x")


@pytest.mark.parametrize(("limit", "readers_limit"), [(300, 1000), (1000, 300)])
def test_who_opens_takes_the_smaller_of_both_limits(connect, limit, readers_limit):
    pair = connect(limit=limit, readers_limit=readers_limit)
    other = open_buffer(NAMES, Terms(readers_limit, "block", lambda: None), [])
    with pytest.raises(RPCTransportError, match="301 bytes, max_message_size is 300"):
        other.send(b"x" * 301, 1, POLL)
    pair.region.map[0:16] = layout.MESSAGE.pack(301, 0, 0, 1)
    pair.full.release()
    with pytest.raises(RPCTransportError, match="message of 301 bytes, max_message_size is 300"):
        pair.reader.receive(POLL)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ((1, 1, 0, 0), "message of unknown kind 1, flags 0x0"),
        ((1, 0, 0x10, 0), "message of unknown kind 0, flags 0x10"),
        ((1001, 0, 0, 0), "message of 1,001 bytes, max_message_size is 1,000"),
        ((CAPACITY + 1, 0, 0, 0), "message of 101 bytes in 100"),
        ((1000, 0, 0, 0), "message of 1,000 bytes in 100"),
    ],
)
@pytest.mark.parametrize("receive", ["receive", "receive_view", "take"])
def test_a_header_of_no_writer_is_an_error_that_names_the_region_and_both_numbers(pair, receive, header, told):
    pair.region.map[0:16] = layout.MESSAGE.pack(*header)
    pair.full.release()
    with pytest.raises(RPCTransportError, match=f"{NAMES.region} is damaged: {told}$"):
        getattr(pair.reader, receive)(*([] if receive == "take" else [POLL]))


def test_what_is_taken_leaves_no_room_until_it_is_given(pair):
    pair.writer.send(b"first", 1, POLL)
    assert pair.reader.take() == (1, b"first")
    assert pair.reader.take() is None
    with pytest.raises(RPCTimeoutError):
        pair.writer.send(b"second", 2, POLL)
    pair.reader.give_room()
    pair.writer.send(b"second", 2, POLL)
    assert pair.reader.take() == (2, b"second")


def test_a_view_is_the_memory_itself_read_only_and_the_writers_again_when_it_is_released(pair):
    for message in (b"first", b"x" * 300):  # the second has grown the region
        pair.writer.send(message, 5, POLL)
        sequence, view = pair.reader.receive_view(POLL)
        assert (sequence, view) == (5, message)
        assert view.readonly
        with pytest.raises(RPCTimeoutError):
            pair.writer.send(b"second", 6, POLL)
        pair.region.remap()
        pair.region.map[layout.REGION_HEADER_SIZE] = ord("F")
        assert view[:1] == b"F"
        pair.reader.release_view()
        with pytest.raises(ValueError, match="released"):
            bytes(view)
        pair.reader.release_view()  # of which there is none
        assert pair.is_in_balance()


def test_a_view_that_something_else_has_exported_is_not_released_and_can_be_later(pair):
    pair.writer.send(b"first", 1, POLL)
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
    pair.writer.send(b"first", 1, POLL)
    part = pair.reader.receive_view(POLL)[1][1:]
    pair.reader.release_view()
    assert bytes(part) == b"irst"
    pair.writer.send(b"later", 2, POLL)
    assert bytes(part) == b"ater"


def test_a_message_withdrawn_is_never_received_and_there_is_room_for_another(pair):
    assert not pair.writer.withdraw()
    pair.writer.send(b"withdrawn", 1, POLL)
    assert pair.writer.withdraw()
    assert pair.reader.take() is None
    assert pair.is_in_balance()
    pair.writer.send(b"kept", 2, POLL)
    assert pair.reader.take() == (2, b"kept")
    assert not pair.writer.withdraw()
    assert not pair.empty.value


def test_a_reader_that_waits_is_woken_without_a_message(pair):
    pair.writer.interrupt_reader()
    assert pair.full.value == 1


def test_large_messages_are_copied_into_memory_that_is_used_again_and_small_ones_are_not(connect):
    pair = connect(limit=10 * FROM, readers_limit=10 * FROM, scratch=Scratch())
    pair.writer.send(b"a" * (FROM - 1), 1, POLL)
    assert type(pair.reader.receive(POLL)[1]) is bytes
    pair.writer.send(b"b" * FROM, 2, POLL)
    sequence, first = pair.reader.receive(POLL)
    assert (sequence, first) == (2, b"b" * FROM)
    pair.writer.send(b"c" * FROM, 3, POLL)
    assert pair.reader.receive(POLL) == (3, b"c" * FROM)
    assert first == b"c" * FROM
    without = connect_again(pair)
    pair.writer.send(b"d" * FROM, 4, POLL)
    taken = without.receive(POLL)
    assert taken == (4, b"d" * FROM)
    assert type(taken[1]) is bytes


def connect_again(pair):
    return open_buffer(NAMES, Terms(10 * FROM, "block", lambda: None), [])


def test_releasing_a_view_before_there_was_any_does_nothing(pair):
    pair.reader.release_view()
    assert pair.is_in_balance()


def test_a_region_says_who_made_it_and_whether_its_opener_has_all(pair):
    assert pair.reader.creator() == os.getpid()
    assert not pair.writer.was_found()
    pair.reader.say_found()
    assert pair.writer.was_found()
    found = checked_identity("r", bytes(pair.region.map[: layout.REGION_HEADER_SIZE]))
    assert found == (layout.REGION_MAGIC, layout.VERSION, os.getpid(), 1000, 7, posix.LIBC)
    assert pair.reader.is_linked()
    posix.unlink_segment(NAMES.region)
    assert not pair.reader.is_linked()


def test_a_header_of_no_region_is_refused_with_what_is_wrong(pair):
    header = bytes(pair.region.map[: layout.REGION_HEADER_SIZE])
    for changed, told in (
        (header[:-1], "r is too short: 63 bytes"),
        (header[:16] + b"SRBother" + header[24:], "r is no region of a channel: it begins with b'SRBother'"),
        (header[:24] + b"\x63" + header[25:], "r has layout version 99, this library 3"),
        (header[:48] + b"\x63" + header[49:], "r was made by a process with an unknown C library"),
    ):
        with pytest.raises(RPCTransportError, match=told):
            checked_identity("r", changed)


def test_a_buffer_whose_memory_is_forgotten_is_of_no_use_and_its_view_goes_with_who_has_it(pair):
    pair.writer.send(b"seen", 1, POLL)
    view = pair.reader.receive_view(POLL)[1]
    pair.reader.forget_memory()
    pair.reader.release_view()
    assert bytes(view) == b"seen"
    pair.writer.forget_memory()
    with pytest.raises((ValueError, TypeError, IndexError)):
        pair.writer.say_found()


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
def test_without_a_deadline_a_message_that_is_there_is_received_at_once(connect, wait):
    pair = connect(wait=wait)
    pair.writer.send(b"there", 1, math.inf)
    assert pair.reader.receive(math.inf) == (1, b"there")
    assert pair.is_in_balance()
