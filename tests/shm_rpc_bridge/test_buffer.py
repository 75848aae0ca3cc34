"""One direction of a channel on its own: what its two ends promise each other, without a process or a thread more."""

import math
import os
import sys

import pytest

from shm_rpc_bridge import RPCTimeoutError, RPCTransportError, layout, posix
from shm_rpc_bridge.buffer import Buffer, Terms, checked_identity
from shm_rpc_bridge.messages import ONE
from shm_rpc_bridge.scratch import FROM, Scratch
from shm_rpc_bridge.waiting import POLL
from tests.shm_rpc_bridge.pairs import CAPACITY, NAMES, pairs_of


def with_tracing(trace, function):
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)


@pytest.fixture
def connect():
    with pairs_of(Buffer) as connect:
        yield connect


@pytest.fixture
def pair(connect):
    return connect()


def test_a_message_arrives_as_a_copy_with_its_sequence_and_there_is_room_for_the_next(pair):
    for sequence, message in enumerate((b"one", b"", bytearray(b"three"), memoryview(b"four"), b"x" * CAPACITY)):
        pair.writer.send(message, sequence)
        assert pair.reader.seems_full()
        taken = pair.reader.receive(POLL)
        assert taken == (sequence, bytes(message), ONE)
        assert type(taken[1]) is bytes
        assert not pair.reader.seems_full()
    assert pair.capacity == CAPACITY


def test_a_region_grows_to_twice_its_size_at_least_and_never_beyond_the_limit(connect):
    pair = connect(limit=500)
    for size, capacity in ((CAPACITY + 1, 200), (200, 200), (450, 450), (500, 500), (451, 500)):
        pair.writer.send(b"x" * size, 1)
        assert pair.capacity == capacity
        assert pair.reader.receive(POLL) == (1, b"x" * size, ONE)
    pair.writer.send(b"small", 2)
    assert pair.reader.receive(POLL) == (2, b"small", ONE)
    assert pair.capacity == 500


def test_a_message_larger_than_the_limit_is_refused_with_both_numbers_and_the_remedy(connect):
    pair = connect(limit=5000)
    with pytest.raises(RPCTransportError, match=r"5,001 bytes, max_message_size is 5,000. Send less") as caught:
        pair.writer.send(b"x" * 5001, 1)
    assert not isinstance(caught.value, RPCTimeoutError)
    assert pair.capacity == CAPACITY
    pair.writer.send(b"x", 1)
    assert pair.reader.receive(POLL) == (1, b"x", ONE)


@pytest.mark.parametrize(("limit", "readers_limit"), [(300, 1000), (1000, 300)])
def test_who_opens_takes_the_smaller_of_both_limits(connect, limit, readers_limit):
    pair = connect(limit=limit, readers_limit=readers_limit)
    other = Buffer.open(NAMES, Terms(readers_limit, "block", lambda: None), [])
    with pytest.raises(RPCTransportError, match="301 bytes, max_message_size is 300"):
        other.send(b"x" * 301, 1)
    pair.region.map[0:16] = layout.MESSAGE.pack(301, 0, 0, 1)
    pair.full.release()
    with pytest.raises(RPCTransportError, match="message of 301 bytes, max_message_size is 300"):
        pair.reader.receive(POLL)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ((1, 2, 0, 0), "message of unknown kind 2, flags 0x0"),
        ((1, 0, 0x10, 0), "message of unknown kind 0, flags 0x10"),
        ((1001, 0, 0, 0), "message of 1,001 bytes, max_message_size is 1,000"),
        ((CAPACITY + 1, 0, 0, 0), "message of 101 bytes in 100"),
        ((1000, 0, 0, 0), "message of 1,000 bytes in 100"),
    ],
)
@pytest.mark.parametrize("receive", ["receive", "take"])
def test_a_header_of_no_writer_is_an_error_that_names_the_region_and_both_numbers(pair, receive, header, told):
    pair.region.map[0:16] = layout.MESSAGE.pack(*header)
    pair.full.release()
    with pytest.raises(RPCTransportError, match=f"{NAMES.region} is damaged: {told}$"):
        getattr(pair.reader, receive)(*([] if receive == "take" else [POLL]))


def test_a_message_withdrawn_is_never_received_and_there_is_room_for_another(pair):
    assert not pair.writer.withdraw()
    pair.writer.send(b"withdrawn", 1)
    assert pair.writer.withdraw()
    assert pair.reader.take() is None
    pair.writer.send(b"kept", 2)
    assert pair.reader.take() == (2, b"kept", ONE)
    assert not pair.writer.withdraw()


def test_a_reader_that_waits_is_woken_without_a_message(pair):
    pair.writer.interrupt_reader()
    assert pair.full.value == 1


def test_a_reader_woken_in_the_middle_of_a_message_never_sees_its_sequence_before_all_of_it(pair):
    """Whoever closes, or whose server's process ends, is woken so: it took the rest of the message before for it."""
    seen = set()

    def look(*_):
        pair.reader.interrupt_reader()
        seen.add(pair.reader.receive(POLL)[:2])
        return look

    pair.writer.send(b"before", 1)
    pair.reader.receive(POLL)
    with_tracing(look, lambda: pair.writer.send(b"after!", 2))
    assert {message for sequence, message in seen if sequence == 2} == {b"after!"}


def test_large_messages_are_copied_into_memory_that_is_used_again_and_small_ones_are_not(connect):
    pair = connect(limit=10 * FROM, readers_limit=10 * FROM, scratch=Scratch())
    pair.writer.send(b"a" * (FROM - 1), 1)
    assert type(pair.reader.receive(POLL)[1]) is bytes
    pair.writer.send(b"b" * FROM, 2)
    sequence, first, _ = pair.reader.receive(POLL)
    assert (sequence, first) == (2, b"b" * FROM)
    pair.writer.send(b"c" * FROM, 3)
    assert pair.reader.receive(POLL) == (3, b"c" * FROM, ONE)
    assert first == b"c" * FROM
    without = connect_again(pair)
    pair.writer.send(b"d" * FROM, 4)
    taken = without.receive(POLL)
    assert taken == (4, b"d" * FROM, ONE)
    assert type(taken[1]) is bytes


def connect_again(pair):
    return Buffer.open(NAMES, Terms(10 * FROM, "block", lambda: None), [])


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
        (header[:24] + b"SRBother" + header[32:], "r is no region of a channel: it begins with b'SRBother'"),
        (header[:32] + b"\x63" + header[33:], "r has layout version 99, this library 9"),
        (header[:56] + b"\x63" + header[57:], "r was made by a process with an unknown C library"),
    ):
        with pytest.raises(RPCTransportError, match=told):
            checked_identity("r", changed)


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
def test_without_a_deadline_a_message_that_is_there_is_received_at_once(connect, wait):
    pair = connect(wait=wait)
    pair.writer.send(b"there", 1)
    assert pair.reader.receive(math.inf) == (1, b"there", ONE)
