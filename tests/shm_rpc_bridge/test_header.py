"""What the first bytes of a control segment say: who serves, whether it lives, and what is done about a dead one."""

import logging
import os

import pytest

from shm_rpc_bridge import RPCTransportError, layout, names, posix
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.header import Offer, checked_size, read_header, remove_dead, why_dead
from shm_rpc_bridge.testing import in_memory, leftovers

NAME = "headed"
OFFER = Offer(10, 2000, 3000, "json")
GONE = 2**22 + 1
"""No process has such a number: it is beyond the most that Linux gives."""


@pytest.fixture
def control():
    held = []
    with in_memory():
        control = Control.create(NAME, 0xABC, OFFER, held)
        control.publish()
        yield control
        posix.let_go(held)


@pytest.fixture
def lock_file(control):
    """As somebody else opens it."""
    held = []
    yield posix.open_lock_file(names.control(NAME), held)
    posix.let_go(held)


def header_of(control):
    return bytes(control.map[: layout.CONTROL_HEADER_SIZE])


def changed(header, **fields):
    return layout.CONTROL.pack(*read_header(header)._replace(**fields))


def test_a_header_says_what_its_server_is_and_offers(control):
    found = read_header(header_of(control))
    assert found.process == posix.this_process()
    assert (found.max_channels, found.buffer_size, found.max_message_size, found.codec_name, found.methods, 0) == OFFER
    assert (found.generation, found.state, found.libc) == (0xABC, layout.READY, posix.LIBC)


def test_what_is_too_short_or_begins_otherwise_has_no_header(control):
    header = header_of(control)
    assert read_header(header) is not None
    assert read_header(header + b"more") is not None
    assert read_header(header[:-1]) is None
    assert read_header(b"X" + header[1:]) is None


def test_a_codecs_name_that_is_no_text_is_shown_all_the_same(control):
    assert read_header(changed(header_of(control), codec=b"\xff" * 32)).codec_name == r"\xff" * 32


def test_who_holds_its_lock_lives_and_who_does_not_is_dead(control, lock_file):
    header = read_header(header_of(control))
    assert why_dead(lock_file, header) == ""
    assert why_dead(lock_file, None) == ""
    gone = header._replace(pid=GONE)
    assert why_dead(lock_file, gone).startswith("is dead, though a process that it forked")


def test_a_segment_whose_lock_nobody_holds_is_of_somebody_dead():
    held = []
    with in_memory():
        posix.create_segment(names.control(NAME), layout.control_size(1), held)
        assert why_dead(posix.open_lock_file(names.control(NAME), held), None) == "is dead"
        posix.let_go(held)


@pytest.mark.parametrize(
    ("fields", "kind", "told"),
    [
        ({"version": 99}, RPCTransportError, "c has layout version 99, this library 9$"),
        ({"libc": 99}, RPCTransportError, "c was made by a process with an unknown C library"),
        ({"state": layout.CLOSED}, posix.NotFoundError, r"^not there \(it has closed\)$"),
        ({"state": layout.LEAVING}, posix.NotFoundError, r"^not there \(it has closed\)$"),
    ],
)
def test_a_server_that_cannot_be_connected_to_says_why(control, fields, kind, told):
    first_bytes = changed(header_of(control), **fields)
    with pytest.raises(kind, match=told):
        checked_size("c", first_bytes, read_header(first_bytes), "not there")


def test_the_size_is_said_of_what_is_in_order_and_what_is_wrong_of_the_rest(control):
    header = header_of(control)
    assert checked_size("c", header, read_header(header), "not there") == layout.control_size(10)
    with pytest.raises(RPCTransportError, match=r"^c is too short: 103 bytes$"):
        checked_size("c", header[:-1], None, "not there")
    with pytest.raises(RPCTransportError, match=r"^c is no control segment: it begins with b'XRBctrl\\x00'$"):
        checked_size("c", b"X" + header[1:], None, "not there")


def test_of_the_living_nothing_is_removed_and_it_is_said_who_it_is(control):
    with pytest.raises(RPCTransportError, match=rf"^server name '{NAME}' is in use by process {os.getpid()}"):
        remove_dead(NAME, names.control(NAME))
    assert control.is_linked()
    control.map[0] = 0
    with pytest.raises(RPCTransportError, match=rf"^server name '{NAME}' is in use$"):
        remove_dead(NAME, names.control(NAME))
    assert control.is_linked()


@pytest.fixture
def dead(control):
    """The segment of a server that is gone; those who have it open still do."""
    control.map[: layout.CONTROL_HEADER_SIZE] = changed(header_of(control), pid=GONE)
    return control


def test_what_a_dead_server_has_left_is_removed_and_its_clients_are_told_that_it_is_dead(dead, caplog):
    caplog.set_level(logging.INFO, "shm_rpc_bridge")
    remove_dead(NAME, names.control(NAME))
    assert not dead.is_linked()
    assert leftovers(NAME) == []
    assert not dead.is_ready()
    assert dead.is_serving()  # that is: not closed
    (message,) = (record.getMessage() for record in caplog.records)
    assert message.startswith(f"removed what server '{NAME}' had left: process {GONE} is dead")
    remove_dead(NAME, names.control(NAME))  # which is not there any more


def test_what_no_server_has_made_is_removed_when_nobody_holds_its_lock(caplog):
    caplog.set_level(logging.INFO, "shm_rpc_bridge")
    held = []
    with in_memory():
        segment = posix.create_segment(names.control(NAME), layout.control_size(1), held)
        segment.map[:8] = b"whatever"
        remove_dead(NAME, names.control(NAME))
        assert not segment.is_linked()
        assert segment.map[:] == b"whatever" + bytes(layout.control_size(1) - 8)
        posix.let_go(held)
    assert [record.getMessage() for record in caplog.records] == [
        f"removed what server '{NAME}' had left: process 0 is dead"
    ]


def test_two_that_start_at_once_do_not_remove_the_same_dead_one(dead, lock_file):
    assert lock_file.try_lock(layout.REMOVER_LOCK)
    with pytest.raises(RPCTransportError, match="is in use: another server is starting"):
        remove_dead(NAME, names.control(NAME))
    assert dead.is_linked()


def test_what_another_one_has_removed_and_made_anew_in_between_is_left_alone(dead, monkeypatch):
    """Between opening the dead one and locking it."""
    held, made = [], []
    before = posix.open_lock_file

    def open_and_lose_the_race(name, held_by_remover):
        opened = before(name, held_by_remover)
        posix.unlink_segment(name)
        made.append(posix.create_segment(name, layout.control_size(1), held))
        return opened

    monkeypatch.setattr(posix, "open_lock_file", open_and_lose_the_race)
    remove_dead(NAME, names.control(NAME))
    assert made[0].is_linked()
    assert dead.is_ready()  # nobody has told its clients twice
    posix.let_go(held)


def test_after_removing_or_refusing_nothing_is_held_open(control):
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(RPCTransportError):
        remove_dead(NAME, names.control(NAME))
    control.map[: layout.CONTROL_HEADER_SIZE] = changed(header_of(control), pid=GONE)
    remove_dead(NAME, names.control(NAME))
    assert len(os.listdir("/proc/self/fd")) <= before
