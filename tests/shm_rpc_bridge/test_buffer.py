"""One direction of a channel on its own: what its two ends promise each other, without a process or a thread more."""

import math
import os
import pickle
from types import SimpleNamespace

import pytest

from shm_rpc_bridge import RPCTimeoutError, RPCTransportError, layout, names, posix
from shm_rpc_bridge.buffer import Terms, checked_identity, create_buffer, open_buffer
from shm_rpc_bridge.scratch import FROM, Scratch
from shm_rpc_bridge.testing import AFTER, at, in_memory, watched
from shm_rpc_bridge.waiting import POLL

CAPACITY = 100
NAMES = names.BufferNames("srb:b:0:request", "srb:b:0:request_empty", "srb:b:0:request_full")


class Dead(Exception):
    """What looking for the peer raises once there is none."""


class Pair(SimpleNamespace):
    """A writer, a reader, and the region that they share."""

    @property
    def capacity(self):
        self.region.remap()
        return self.region.size - layout.REGION_HEADER_SIZE

    def is_in_balance(self):
        """There is one token: it is in one of the semaphores, and no end has it in its hand."""
        return self.empty.value + self.full.value == 1


class ParkedOrNotAtAll:
    """A backend whose semaphores are waited for by parking, which knows the deadline, and by nothing else."""

    def __init__(self, backend):
        self._backend = backend

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def create_semaphore(self, name, value, held):
        return self._Semaphore(self._backend.create_semaphore(name, value, held))

    def open_semaphore(self, name, held):
        return self._Semaphore(self._backend.open_semaphore(name, held))

    class _Semaphore:
        def __init__(self, semaphore):
            self._semaphore = semaphore

        def __getattr__(self, name):
            return getattr(self._semaphore, name)

        def acquire(self, timeout=None):
            assert timeout == 0
            self._semaphore.acquire(timeout)


@pytest.fixture
def connect():
    """Make a pair with these terms, which differ in what each end takes at most; only the reader has a scratch."""
    held = []

    def connect(limit=1000, readers_limit=1000, scratch=None, wait="block", recheck=lambda: None, token=7):
        terms = Terms(limit, wait, recheck, token=token)
        writer = create_buffer(NAMES, CAPACITY, terms, held)
        reader = open_buffer(NAMES, Terms(readers_limit, wait, recheck, scratch), held)
        region = posix.open_segment(NAMES.region, 64, held)
        empty, full = (posix.open_semaphore(name, held) for name in NAMES[1:])
        return Pair(writer=writer, reader=reader, region=region, empty=empty, full=full)

    with in_memory(), posix.using(ParkedOrNotAtAll):
        yield connect
        posix.let_go(held)


@pytest.fixture
def pair(connect):
    return connect()


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


def test_releasing_a_view_before_there_was_any_does_nothing(pair):
    pair.reader.release_view()
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
