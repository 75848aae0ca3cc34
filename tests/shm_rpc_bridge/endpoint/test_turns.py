"""Whose turn it is, of those who ask an endpoint."""

from shm_rpc_bridge.buffer import Buffer
from shm_rpc_bridge.endpoint import Endpoint
from shm_rpc_bridge.header import Offer
from shm_rpc_bridge.scratch import KEPT_SECONDS
from shm_rpc_bridge.testing import in_memory
from shm_rpc_bridge.waiting import POLL

from .ends import LIMIT, NAME, SWEEP, Client, connected, none_instead


def test_a_request_is_answered_under_its_sequence_and_there_is_room_for_the_next(server):
    (client,) = connected(server, 1)
    for number in (1, 2, 3):
        client.ask(b"%d" % number)
        assert server.serve() == b"%d" % number
        assert client.answer() == (number, b"%d" % number)
    assert server.next() is None


def test_a_request_that_was_sent_before_the_channel_was_opened_is_served(server):
    client = Client()
    client.ask(b"early")
    assert server.serve() == b"early"
    assert client.answer() == (1, b"early")


def test_everyone_who_asks_comes_before_anyone_comes_again(server):
    clients = connected(server, 4)
    for client in clients:
        client.ask()
    order = []
    for _ in range(12):
        request = server.next()
        caller = next(client for client in clients if client.channel.body.slot == request[0].slot)
        order.append(clients.index(caller))
        server.endpoint.respond(request, b"", none_instead)
        caller.answer()
        caller.ask()
    assert len({tuple(order[at : at + 4]) for at in (0, 4, 8)}) == 1
    assert sorted(order[:4]) == [0, 1, 2, 3]


def test_who_calls_alone_is_served_again_and_again(server):
    clients = connected(server, 3)
    for client in (clients[1], clients[2], clients[0]):
        for _ in range(3):
            client.ask(b"again")
            assert server.serve() == b"again"
            client.answer()


def test_callers_who_take_turns_are_found_at_the_first_look(server, monkeypatch):
    clients = connected(server, 3)
    looks = []
    take = Buffer.take
    monkeypatch.setattr(Buffer, "take", lambda end: looks.append(end) or take(end))
    for _ in range(3):
        looks.clear()
        for number, client in enumerate(clients):
            client.ask(b"%d" % number)
            assert server.serve() == b"%d" % number
            client.answer()
    assert len(looks) == 3
    for _ in range(3):  # and so is one who goes on alone, but for the first time
        clients[1].ask(b"alone")
        assert server.serve() == b"alone"
        clients[1].answer()
    assert len(looks) == 3 + 3 + 1


def test_who_comes_while_another_one_calls_without_pause_is_let_in(server):
    (busy,) = connected(server, 1)
    busy.ask(b"busy")
    new = Client()
    new.ask(b"new")
    assert {server.serve(), server.serve()} == {b"busy", b"new"}


def test_a_request_taken_back_is_none(server):
    (client,) = connected(server, 1)
    client.ask()
    assert client.request.withdraw()
    assert server.next() is None
    client.ask(b"next")
    assert server.serve() == b"next"


def test_waking_ends_a_wait_without_a_request(server):
    server.endpoint.wake()
    assert server.rings() == 1
    assert server.next() is None
    assert server.rings() == 0


def test_waking_what_is_not_open_yet_or_closed_does_nothing(clock):
    with in_memory():
        endpoint = Endpoint(NAME, Offer(8, 100, LIMIT, "json"), "block")
        endpoint.wake()
        endpoint.open()
        endpoint.close()
        endpoint.wake()


def test_large_requests_share_memory_that_is_given_back_when_none_has_come_for_long(clock, monkeypatch):
    monkeypatch.setattr("shm_rpc_bridge.scratch.monotonic", lambda: clock[0])
    with in_memory():
        endpoint = Endpoint(NAME, Offer(8, 100, 10**6, "json"), "block")
        endpoint.open()
        client = Client(10**6)

        def memory_of_the_next():
            client.ask(b"x" * 100_000)
            request = endpoint.next_request(POLL)
            assert request[2] == b"x" * 100_000
            endpoint.respond(request, b"", none_instead)
            client.answer()
            return request[2].obj

        first = memory_of_the_next()
        assert memory_of_the_next() is first
        clock[0] += KEPT_SECONDS + SWEEP
        assert endpoint.next_request(POLL) is None
        assert memory_of_the_next() is not first
        endpoint.close()
