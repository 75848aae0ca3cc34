"""Names and places in shared memory, byte by byte: a change to them needs a new layout version."""

import struct

import pytest

from shm_rpc_bridge import layout, names


def test_every_object_of_a_server_is_named_by_its_generation_and_every_one_of_a_channel_by_its_token():
    assert names.control("calc") == "srb:calc"
    assert names.generation_prefix("calc", 0xAB) == "srb:calc:0000000000ab"
    assert names.doorbell("calc", 0xAB) == "srb:calc:0000000000ab:doorbell"
    assert names.slot("calc", 0xAB, 7, 0xCD) == tuple(
        f"srb:calc:0000000000ab:7:00000000000000cd:{what}"
        for what in ("request", "response", "request_empty", "request_full", "response_empty", "response_full")
    )


def test_a_transport_on_its_own_has_names_that_no_server_has():
    assert names.public_transport("pipe") == "srbt:pipe"
    assert names.transport_prefix("pipe", 0xCD) == "srbt:pipe:00000000000000cd"
    assert names.transport("pipe", 0xCD).response_full == "srbt:pipe:00000000000000cd:response_full"


def test_each_direction_of_a_channel_has_one_region_and_two_semaphores():
    channel = names.ChannelNames("a", "b", "c", "d", "e", "f")
    assert names.request_buffer(channel) == ("a", "c", "d")
    assert names.response_buffer(channel) == ("b", "e", "f")
    assert names.segments_and_semaphores(channel) == (("a", "b"), ("c", "d", "e", "f"))


@pytest.mark.parametrize("name", ["a", "_", "7", "a" * 100, "web-1.calc_2"])
def test_what_can_be_a_name_is_given_back(name):
    assert names.validated(name) is name


@pytest.mark.parametrize("name", ["", "a" * 101, "-a", ".a", "a:b", "a/b", "a b", "a\n", "ä"])
def test_what_cannot_be_a_name_is_refused_saying_what_can(name):
    with pytest.raises(ValueError, match=r"use 1 to 100 of the characters A-Z a-z 0-9 _ - . and begin with") as caught:
        names.validated(name)
    assert str(caught.value).startswith(repr(name) if len(name) <= 60 else f"{name[:60]!r}... (101 characters)")


def test_a_long_name_is_shown_whole_up_to_60_characters():
    for length, shown in ((60, "!" * 60 + "' cannot"), (61, "!" * 60 + "'... (61 characters) cannot")):
        with pytest.raises(ValueError, match="cannot name shared memory") as caught:
            names.validated("!" * length)
        assert str(caught.value).startswith("'" + shown)


def test_a_name_that_is_no_text_is_a_type_error():
    with pytest.raises(TypeError, match="name must be a str, not bytes"):
        names.validated(b"calc")


def test_a_region_is_laid_out_as_drawn():
    assert layout.VERSION == 9
    assert layout.MESSAGE.size == 16 == layout.DEADLINE_OFFSET
    assert layout.DATED_MESSAGE.pack(1, 2, 3, 4, 5.0) == layout.MESSAGE.pack(1, 2, 3, 4) + layout.DEADLINE.pack(5.0)
    assert layout.DATED_MESSAGE.size == 24 == layout.REGION_IDENTITY_OFFSET
    identity = layout.REGION_IDENTITY.pack(layout.REGION_MAGIC, layout.VERSION, 1, 2, 3, 4)
    at = dict(zip(("magic", "version", "pid", "size", "token", "libc"), (24, 32, 36, 40, 48, 56)))
    assert struct.unpack_from("<I", identity, at["version"] - at["magic"]) == (layout.VERSION,)
    assert struct.unpack_from("<I", identity, at["pid"] - at["magic"]) == (1,)
    assert struct.unpack_from("<Q", identity, at["size"] - at["magic"]) == (2,)
    assert struct.unpack_from("<Q", identity, at["token"] - at["magic"]) == (3,)
    assert identity[at["libc"] - at["magic"] :] == b"\4"
    assert layout.REGION_FOUND_OFFSET == 57 == layout.REGION_IDENTITY_OFFSET + len(identity)
    assert (layout.READER_WAITING_OFFSET, layout.WRITER_WAITING_OFFSET, layout.CALLER_OFFSET) == (58, 59, 60)
    assert layout.REGION_HEADER_SIZE == 64 == layout.UNWANTED_OFFSET
    assert layout.unwanted_offset(0) == 72
    assert layout.unwanted_offset(63) == 324
    assert layout.unwanted_offset(64) == 72
    assert layout.LANE_HEADER_SIZE == 384
    assert struct.pack("<I", layout.LARGEST_MESSAGE) == b"\xff" * 4


def test_a_control_segment_is_laid_out_as_drawn():
    assert layout.CONTROL.size == 104 == layout.CONTROL_HEADER_SIZE
    header = layout.CONTROL.pack(layout.CONTROL_MAGIC, 1, 2, 3, layout.READY, 4, 10, 5, 6, 7, 8, 9, b"json", 11)
    assert header[layout.CONTROL_STATE_OFFSET] == layout.READY
    assert struct.unpack_from("<H", header, 22) == (10,)
    assert struct.unpack_from("<5Q", header, 24) == (5, 6, 7, 8, 9)
    assert header[64:96] == b"json".ljust(32, b"\0")
    assert struct.unpack_from("<Q", header, 96) == (11,)


@pytest.mark.parametrize(("slots", "padded"), [(1, 8), (8, 8), (9, 16), (64, 64)])
def test_behind_the_header_is_what_there_is_of_all_slots_and_then_what_was_counted(slots, padded):
    assert layout.token_offset(slots, 0) == 104 + padded
    assert layout.token_offset(slots, slots - 1) == 104 + padded + 8 * (slots - 1)
    assert layout.refused_offset(slots, 0) == 104 + padded + 8 * slots
    assert layout.memory_offset(slots, 0) == 104 + padded + 16 * slots
    assert layout.memory_offset(slots, 0, True) == 104 + padded + 16 * slots + 8
    assert layout.wait_offset(slots, 0) == 104 + padded + 32 * slots
    assert layout.wait_offset(slots, 1) - layout.wait_offset(slots, 0) == 64
    assert layout.totals_offset(slots) == 104 + padded + 96 * slots
    assert layout.method_offset(slots, 0) == 104 + padded + 96 * slots + 72
    assert layout.control_size(slots) == layout.method_offset(slots, 0)
    assert layout.control_size(slots, 3) == layout.method_offset(slots, 3) == layout.method_offset(slots, 0) + 3 * 224


def test_states_and_locks_are_as_other_processes_with_this_version_know_them():
    assert (layout.READY, layout.CLOSED, layout.LEAVING) == (1, 2, 3)
    states = layout.SLOT_FREE, layout.SLOT_CLAIMED, layout.SLOT_READY, layout.SLOT_SERVED, layout.SLOT_LEFT
    assert states == (0, 1, 2, 3, 4)
    assert (layout.SERVER_LOCK, layout.slot_lock(0), layout.slot_lock(7)) == (0, 1, 8)
    assert (layout.CREATOR_LOCK, layout.OPENER_LOCK, layout.REMOVER_LOCK) == (0, 1, 2**30)
