"""Memory for large messages: used again by the next one, of a bounded size, and given back when none comes."""

import pytest

from shm_rpc_bridge.scratch import KEPT_SECONDS, LARGEST, InPlace, Scratch, keep_freed


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("shm_rpc_bridge.scratch.monotonic", lambda: now[0])
    return now


def test_a_copy_is_of_that_moment_and_lasts_until_the_next_one():
    scratch, source = Scratch(), bytearray(b"first")
    first = scratch.copy(memoryview(source))
    source[:] = b"other"
    assert bytes(first) == b"first"
    second = scratch.copy(memoryview(b"next"))
    assert bytes(second) == b"next"
    assert bytes(first) == b"nextt"


def test_its_memory_at_least_doubles_so_that_growing_messages_seldom_need_more():
    scratch = Scratch()
    sizes = []
    for size in (0, 100, 101, 200, 1000, 150):
        assert bytes(scratch.copy(memoryview(b"x" * size))) == b"x" * size
        sizes.append(len(scratch.memory))
    assert sizes == [0, 100, 200, 200, 1000, 1000]


def test_it_keeps_no_more_than_its_largest_and_copies_larger_messages_all_the_same():
    scratch = Scratch()
    scratch.copy(memoryview(bytes(LARGEST // 2 + 1)))
    scratch.copy(memoryview(bytes(LARGEST // 2 + 2)))
    assert len(scratch.memory) == LARGEST
    assert type(scratch.copy(memoryview(bytes(LARGEST)))) is memoryview
    larger = scratch.copy(memoryview(bytes(LARGEST + 1)))
    assert type(larger) is bytes
    assert larger == bytes(LARGEST + 1)
    assert len(scratch.memory) == LARGEST


def test_it_is_given_back_once_it_was_not_used_for_long(clock):
    scratch = Scratch()
    assert not scratch.holds
    scratch.copy(memoryview(b"message"))
    clock[0] += KEPT_SECONDS
    scratch.give_back_if_unused()
    assert scratch.memory
    scratch.copy(memoryview(b"m"))
    clock[0] += KEPT_SECONDS
    scratch.give_back_if_unused()
    assert scratch.memory
    clock[0] += 0.001
    scratch.give_back_if_unused()
    assert not scratch.memory
    assert not scratch.holds
    scratch.give_back_if_unused()
    assert bytes(scratch.copy(memoryview(b"again"))) == b"again"


def test_who_reads_in_place_gets_what_lies_there_and_is_known_to_have_used_it(clock):
    place, source = InPlace(), bytearray(2 * LARGEST)
    message = place.copy(memoryview(source))
    source[0] = 1
    assert (message[0], len(message), message.readonly) == (1, 2 * LARGEST, True)
    assert not place.memory
    assert place.holds
    clock[0] += KEPT_SECONDS + 1
    assert place.give_back_if_unused()
    assert not place.give_back_if_unused()


def test_a_block_is_freed_only_for_messages_larger_than_ever_and_never_one_beyond_what_the_c_library_heeds(monkeypatch):
    freed = []
    monkeypatch.setattr("shm_rpc_bridge.scratch._freed", 0)
    monkeypatch.setattr("shm_rpc_bridge.scratch.bytes", freed.append, raising=False)
    for size in (1000, 999, 1000, 5000, 2**30, 2**31, 6000):
        keep_freed(size)
    assert freed == [3000, 15000, 32 * 2**20 - 64 * 2**10]


def test_a_process_short_of_memory_goes_on_without_it(monkeypatch):
    def refuse(size):
        raise MemoryError

    monkeypatch.setattr("shm_rpc_bridge.scratch._freed", 0)
    monkeypatch.setattr("shm_rpc_bridge.scratch.bytes", refuse, raising=False)
    keep_freed(1000)
