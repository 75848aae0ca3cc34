"""An endpoint's channels come and go, whoever leaves or dies at whatever moment."""

import pytest

from shm_rpc_bridge import RPCTransportError, layout, posix
from shm_rpc_bridge.testing import at, drop, in_memory, leftovers, watched

from .ends import (
    LIMIT,
    NAME,
    SWEEP,
    Client,
    Server,
    connected,
    descriptors,
    is_balanced,
    made,
    none_instead,
    opened_control,
    slots_in_use,
)


def test_a_channel_that_is_open_has_no_names_any_more(server):
    client = Client()
    assert len(leftovers(NAME)) == 2 + 6
    server.settle()
    assert len(leftovers(NAME)) == 2
    assert not client.channel.body.channel.is_linked()


def test_a_channel_is_opened_at_its_first_ring_and_without_one_at_the_next_look(server):
    rung = Client()
    assert server.next() is None
    assert not rung.channel.body.channel.is_linked()
    with watched(drop("release doorbell")):
        unheard = Client()
    assert server.rings() == 0
    assert server.next() is None
    assert not unheard.channel.body.channel.is_linked()


def test_a_slot_is_free_at_the_ring_of_who_leaves_and_without_one_at_the_next_look(server):
    rings = connected(server, 1)
    with watched(drop("release doorbell", times=2)):
        unheard = Client()
    server.settle()
    for client in (*rings, unheard):
        client.leave()
        assert server.next() is None
        assert len(slots_in_use()) == (1 if client in rings else 0)


def test_a_channel_that_is_announced_once_more_stays_as_it_is(server):
    (client,) = connected(server, 1)
    body = client.channel.body
    body.control.announce_slot(body.slot)
    client.ring()
    server.settle()
    client.ask(b"still here")
    assert server.serve() == b"still here"


def come_and_go(server):
    (client,) = connected(server, 1)
    client.ask()
    server.serve()
    client.close()
    server.settle()


def come_unseen_after_another(server):
    """In the slot of who has just left, before the server has seen that."""
    first = Client()
    server.settle()
    first.close()
    second = Client()
    second.ask(b"second")
    assert server.serve() == b"second"
    second.close()
    server.settle()


def come_damaged(server):
    client = Client()
    client.damage()
    server.settle()
    assert client.is_refused()
    client.close()
    server.settle()


def come_incomplete(server):
    client = Client()
    with client.region() as region:
        posix.unlink_semaphore(region.name.replace(":request", ":response_full"))
    server.settle()
    client.close()
    server.settle()


def be_refused(server):
    (client,) = connected(server, 1)
    client.ask()
    with_it = descriptors()
    server.endpoint.respond(server.next(), b"x" * (LIMIT + 5), lambda error: [])
    assert client.is_refused()
    assert descriptors() < with_it  # it is not waited for until its client goes
    client.close()
    server.settle()


@pytest.mark.parametrize("live", [come_and_go, come_unseen_after_another, come_damaged, come_incomplete, be_refused])
def test_whatever_becomes_of_a_channel_nothing_of_it_is_left(clock, live):
    with in_memory():
        server = Server(channels=1)
        live(server)
        assert is_balanced(lambda: live(server))
        assert len(leftovers(NAME)) == 2
        server.endpoint.close()


def test_what_died_before_it_was_announced_leaves_no_names(server, clock):
    class Killed(Exception):
        pass

    def kill():
        raise Killed

    with watched(at("announce slot", kill)), pytest.raises(Killed):
        Client()
    made[-1].die()
    assert len(leftovers(NAME)) == 2 + 6
    clock[0] += SWEEP
    assert server.next() is None
    assert len(leftovers(NAME)) == 2


def test_slots_that_were_left_are_free_again_at_once(clock):
    with in_memory():
        server = Server(channels=2)
        for _ in range(5):
            clients = connected(server, 2)
            with pytest.raises(RPCTransportError, match="all its 2 channels in use"):
                Client()
            for client in clients:
                client.ask()
                server.serve()
                client.leave()
            server.settle()
        server.endpoint.close()


def test_what_the_dead_have_left_is_gone_at_the_next_look_and_the_living_are_served(server, clock):
    dead, living = connected(server, 2)
    unseen = Client()
    dead.die()
    unseen.die()
    clock[0] += SWEEP / 2
    assert server.next() is None
    assert len(slots_in_use()) == 3
    clock[0] += SWEEP / 2
    assert server.next() is None
    assert slots_in_use() == [living.channel.body.slot]
    assert len(leftovers(NAME)) == 2
    living.ask(b"alive")
    assert server.serve() == b"alive"


def test_a_response_to_a_client_that_has_died_meanwhile_disturbs_nobody(server, clock):
    dead, living = connected(server, 2)
    dead.ask()
    request = server.next()
    dead.die()
    server.endpoint.respond(request, b"late", none_instead)
    clock[0] += SWEEP
    living.ask(b"alive")
    assert server.serve() == b"alive"


class Kept:
    """What a server keeps for a client."""

    def __init__(self, number):
        self.number = number

    def __len__(self):
        return self.number


def test_objects_are_counted_by_client_process_and_go_with_the_channel(server):
    one, two = connected(server, 2)
    mine = posix.this_process().pid
    assert server.endpoint.objects_kept(mine) == 0
    for client, number in ((one, 2), (two, 3)):
        client.ask()
        request = server.next()
        request[0].objects = Kept(number)
        server.endpoint.respond(request, b"", none_instead)
    assert server.endpoint.objects_kept(mine) == 5
    assert server.endpoint.objects_kept(mine + 1) == 0
    two.leave()
    server.settle()
    assert server.endpoint.objects_kept(mine) == 2
    served = request[0]  # as an error's traceback may keep it
    assert served.objects is None
    for buffer in (served.request, served.response):
        with pytest.raises(ValueError, match="closed"):
            buffer.was_found()


def test_the_state_of_a_slot_that_nobody_has_is_free(server, clock):
    (client,) = connected(server, 1)
    with opened_control() as (control, _):
        assert control.map[layout.CONTROL_HEADER_SIZE] == layout.SLOT_SERVED
        client.leave()
        server.settle()
        assert control.map[layout.CONTROL_HEADER_SIZE] == layout.SLOT_FREE
