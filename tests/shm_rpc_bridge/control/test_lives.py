"""A control segment from both sides: what is said of the server that it is of, and who has its name."""

import os

import pytest

from shm_rpc_bridge import RPCTransportError, names, posix
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.header import Offer
from shm_rpc_bridge.testing import leftovers

from .sizes import GENERATION, NAME, SLOTS


def test_a_client_reads_what_the_server_offers_and_who_it_is(client):
    assert (client.name, client.generation, client.max_channels) == (NAME, GENERATION, SLOTS)
    assert (client.buffer_size, client.max_message_size, client.codec) == (2000, 3000, "json")
    assert client.process == posix.this_process()
    assert client.is_ready()
    assert client.is_serving()
    assert client.is_linked()
    assert client.is_owned()
    assert client.why_server_is_dead() == ""


def test_nobody_finds_a_server_before_it_is_published(held):
    server = Control.create(NAME, GENERATION, Offer(SLOTS, 2000, 3000, "json"), held)
    told = f"^Cannot find shared memory 'srb:{NAME}': start the server '{NAME}' first$"
    with pytest.raises(posix.NotFoundError, match=told):
        Control.open(NAME, held)
    server.publish()
    assert Control.open(NAME, held).generation == GENERATION
    assert leftovers(NAME) == [names.control(NAME)]


def test_publishing_removes_what_a_dead_server_has_left_and_nothing_else(server, held):
    odd = f"{names.control(NAME)}-is-another:7"
    posix.create_segment(odd, 10, held)
    posix.create_segment(f"{names.control(NAME)}:dead:1:request", 10, held)
    posix.create_semaphore(f"{names.control(NAME)}:dead:doorbell", 0, held)
    server.withdraw_name()
    new = Control.create(NAME, 0xDEF, Offer(SLOTS, 2000, 3000, "json"), held)
    bell = names.doorbell(NAME, 0xDEF)
    posix.create_semaphore(bell, 0, held)
    new.publish()
    assert leftovers(NAME) == ["sem." + bell, names.control(NAME)]
    assert posix.unlink_segment(odd)


def test_publishing_takes_the_name_of_a_dead_server_and_of_no_living_one(server, held):
    new = Control.create(NAME, 0xDEF, Offer(SLOTS, 2000, 3000, "json"), held)
    with pytest.raises(RPCTransportError, match=f"^server name '{NAME}' is in use by process {os.getpid()}"):
        new.publish()
    server.map[16:20] = (2**22 + 1).to_bytes(4, "little")  # no process has such a number
    new.publish()
    assert Control.open(NAME, held).generation == 0xDEF
    assert not server.is_linked()


def test_a_dead_server_is_said_to_be_dead(held):
    servers = []
    server = Control.create(NAME, GENERATION, Offer(SLOTS, 2000, 3000, "json"), servers)
    server.publish()
    client = Control.open(NAME, held)
    posix.let_go(servers)
    assert client.why_server_is_dead() == "is dead"
    with pytest.raises(posix.NotFoundError, match=rf"first \(process {os.getpid()}, which served it, is dead\)$"):
        Control.open(NAME, held)


def test_a_server_that_leaves_is_serving_and_not_ready_and_one_that_has_closed_is_neither(server, client):
    server.leave()
    assert (client.is_ready(), client.is_serving()) == (False, True)
    server.withdraw_name()
    assert (client.is_ready(), client.is_serving()) == (False, False)
    assert not client.is_linked()
    server.withdraw_name()
    assert leftovers(NAME) == []


def test_withdrawing_leaves_the_name_to_another_that_has_it_now(server, held):
    posix.unlink_segment(names.control(NAME))
    new = Control.create(NAME, 0xDEF, Offer(SLOTS, 2000, 3000, "json"), held)
    new.publish()
    server.withdraw_name()
    assert new.is_linked()
    assert not server.is_ready()


def test_withdrawing_before_publishing_leaves_nothing(held):
    server = Control.create(NAME, GENERATION, Offer(SLOTS, 2000, 3000, "json"), held)
    server.withdraw_name()
    assert leftovers(NAME) == []


def test_what_was_forgotten_is_of_no_use(client):
    client.forget_memory()
    with pytest.raises(ValueError, match="closed"):
        client.is_ready()
