"""An endpoint begins, closes, is abandoned, and loses its name and takes it again."""

import pytest

from shm_rpc_bridge import RPCTransportError, posix
from shm_rpc_bridge.buffer import Buffer
from shm_rpc_bridge.testing import at, in_memory, leftovers, watched

from .ends import NAME, SWEEP, Client, Server, connected, descriptors, is_balanced, none_instead, remove_name


@pytest.mark.parametrize("step", ["open response", "open response_full", "unlink request_empty"])
def test_closing_lets_go_of_all_that_was_open_and_of_what_was_just_being_opened(clock, step):
    class Raised(Exception):
        pass

    def raise_it():
        raise Raised

    with in_memory():
        before = descriptors()
        server = Server()
        opened = connected(server, 2)
        unseen = Client()
        with watched(at(step, raise_it)), pytest.raises(Raised):
            server.next()
        server.endpoint.close()
        for client in (*opened, unseen):
            client.close()
        assert leftovers(NAME) == []
        assert descriptors() == before


def test_closing_tells_whoever_waits_and_leaves_no_name(server):
    client, _ = connected(server, 2)
    unseen = Client()
    client.ask()
    server.endpoint.close()
    assert leftovers(NAME) == []
    for each in (client, unseen):
        with pytest.raises(RPCTransportError, match="has closed"):
            each.channel.body.recheck()
    assert client.response.seems_full()  # it is woken
    server.endpoint.close()
    assert server.endpoint.is_closed


def test_what_was_abandoned_has_no_names_and_its_memory_is_still_there(server, clock):
    (client,) = connected(server, 1)
    unseen = Client()
    client.ask(b"under way")
    request = server.next()
    for _ in range(2):
        server.endpoint.abandon()
    assert leftovers(NAME) == []
    assert client.response.seems_full()
    with pytest.raises(RPCTransportError, match="has closed"):
        unseen.channel.body.recheck()
    assert bytes(request[2]) == b"under way"
    assert not server.endpoint.is_closed
    clock[0] += SWEEP
    assert server.next() is None  # and takes no name again
    assert leftovers(NAME) == []


def test_one_whose_thread_is_just_closing_a_channel_is_abandoned_and_tells_the_others(server, monkeypatch):
    tell, closed = Buffer.interrupt_reader, []

    def tell_if_open(buffer):
        if not closed:
            closed.append(buffer)
            raise posix.Closed("the semaphore was closed before")
        tell(buffer)

    _, other = connected(server, 2)
    with monkeypatch.context() as patched:
        patched.setattr(Buffer, "interrupt_reader", tell_if_open)
        server.endpoint.abandon()
    assert closed
    assert other.response.seems_full()
    assert leftovers(NAME) == []


def test_a_server_that_cannot_begin_leaves_the_name_to_who_has_it(server):
    with pytest.raises(RPCTransportError, match="in use"):
        Server()
    (client,) = connected(server, 1)
    client.ask(b"to the first")
    assert server.serve() == b"to the first"


def test_a_server_for_which_there_is_no_memory_says_so_and_leaves_nothing(clock):
    with in_memory(capacity=0):
        before = descriptors()
        with pytest.raises(RPCTransportError, match="full"):
            Server()
        assert leftovers(NAME) == []
        assert descriptors() == before


def test_a_name_that_was_removed_is_taken_again_and_those_who_wait_are_answered(server, clock, warnings):
    before = descriptors()
    waiting, idle = connected(server, 2)
    remove_name()
    waiting.ask(b"sent to the old life")
    clock[0] += SWEEP
    assert server.serve() == b"sent to the old life"
    (warning,) = warnings()
    assert "has taken it again" in warning
    assert waiting.answer() == (1, b"sent to the old life")
    for old in (waiting, idle):
        assert not old.channel.take()  # its next call connects anew
        old.channel.body.recheck()  # but who waits still does
    new = Client()
    new.ask(b"sent to the new one")
    assert server.serve() == b"sent to the new one"
    clock[0] += SWEEP
    assert server.next() is None
    for old in (waiting, idle):
        assert old.response.seems_full()  # woken, since nobody hears it any more
    clock[0] += SWEEP
    new.answer()
    new.ask(b"once more")
    assert server.serve() == b"once more"
    assert len(warnings()) == 1
    for client in (waiting, idle, new):
        client.close()
    server.settle()
    assert descriptors() == before  # nothing of the old life is left


def test_a_server_that_is_closed_before_its_old_clients_have_left_lets_go_of_both_lives(clock):
    def live():
        server = Server()
        client = connected(server, 1)[0]
        remove_name()
        clock[0] += SWEEP
        assert server.next() is None
        server.endpoint.close()
        assert leftovers(NAME) == []
        client.close()

    with in_memory():
        live()
        assert is_balanced(live)


def test_who_has_not_noticed_that_the_name_was_taken_again_is_answered_at_the_next_look(server, clock):
    """It rings a bell that nobody hears."""
    clients = connected(server, 3)
    for client in clients[:2]:
        client.ask(b"before")
    remove_name()
    clock[0] += SWEEP
    assert [server.serve(), server.serve()] == [b"before", b"before"]
    for client in clients[:2]:
        client.answer()
    for client in clients:
        client.ask(b"after")
    assert server.next() is None
    clock[0] += SWEEP
    assert [server.serve() for _ in clients] == [b"after"] * 3
    for client in clients:
        assert client.answer().message == b"after"


def test_a_name_that_another_server_has_taken_is_told_once_and_again_after_it_was_had(server, clock, caplog):
    (client,) = connected(server, 1)
    for _ in range(2):
        remove_name()
        other = Server()
        found = []
        for _ in range(3):
            clock[0] += SWEEP
            client.ask(b"to the first")
            assert server.serve() == b"to the first"
            client.answer()
            found.append(descriptors())
        assert found[1] == found[2]
        other.endpoint.close()
        clock[0] += SWEEP
        assert server.next() is None
        (client,) = connected(server, 1)
    levels = [record.levelname for record in caplog.records if record.levelname != "DEBUG"]
    assert levels == ["ERROR", "WARNING"] * 2


def test_a_forked_child_of_the_server_sends_nothing(server):
    (client,) = connected(server, 1)
    client.ask()
    request = server.next()
    server.endpoint.close()
    server.endpoint.respond(request, b"not sent", none_instead)


def test_who_parks_at_once_does_so_in_the_next_life_as_well(server, clock):
    """Else it would look for requests, and keep the GIL from the threads that answer them."""
    server.endpoint.park_at_once(True)
    before = server.endpoint._wait_for_bell
    remove_name()
    clock[0] += SWEEP
    server.next()
    assert server.endpoint._wait_for_bell != before
    assert server.endpoint._wait_for_bell == server.endpoint._parker.wait
