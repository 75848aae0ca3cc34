"""What an endpoint does with answers that cannot be sent, and with channels and requests that are damaged."""

from shm_rpc_bridge import posix
from shm_rpc_bridge.testing import leftovers

from .ends import LIMIT, NAME, Client, connected, none_instead


def test_an_answer_too_large_is_replaced_by_the_first_that_can_be_sent(server):
    (client,) = connected(server, 1)
    client.ask()
    told = []

    def instead(error):
        told.append(str(error))
        return [b"x" * (LIMIT + 1), b"small", none_instead]

    server.endpoint.respond(server.next(), b"x" * (LIMIT + 5), instead)
    assert client.answer() == (1, b"small")
    assert len(told) == 1
    assert "Message too large: 1,005 bytes" in told[0]
    client.ask(b"next")
    assert server.serve() == b"next"
    assert not client.is_refused()


def test_a_client_that_cannot_be_told_at_all_is_refused_and_woken_and_the_others_go_on(server, warnings):
    client, other = connected(server, 2)
    client.ask()
    server.endpoint.respond(server.next(), b"x" * (LIMIT + 5), lambda error: [b"x" * (LIMIT + 1)])
    assert client.is_refused()
    assert not other.is_refused()
    assert client.response.seems_full()  # it is woken
    (warning,) = warnings()
    slot = client.channel.body.slot
    assert warning.startswith(f"channel {slot} of server {NAME!r} refused: Message too large: 1,005 bytes")
    assert "and its client cannot be told: Message too large: 1,001 bytes" in warning
    client.ring()
    other.ask(b"other")
    assert server.serve() == b"other"
    client.leave()
    server.settle()
    assert len(connected(server, 7)) == 7


def test_a_client_that_does_not_take_its_responses_is_refused(server, warnings):
    client, other = connected(server, 2)
    client.ask()
    server.serve()
    assert client.request.take() is None
    client.ask()
    request = server.next()
    server.endpoint.respond(request, b"no room", none_instead)
    assert client.is_refused()
    (warning,) = warnings()
    assert warning.endswith("refused: its client has not taken the response before: it is closing, or damaged")
    other.ask(b"other")
    assert server.serve() == b"other"


def test_a_damaged_request_costs_its_client_the_channel_and_says_why(server, warnings):
    client, other = Client(), Client()
    with client.region() as region:
        server.settle()
        client.request.send(b"request", 1)
        region.map[4] = 9  # its kind
    client.ring()
    assert server.next() is None
    assert client.is_refused()
    (warning,) = warnings()
    assert "refused: its request cannot be taken: " in warning
    assert "is damaged: message of unknown kind 9" in warning
    other.ask(b"other")
    assert server.serve() == b"other"


def test_a_channel_that_cannot_be_opened_is_refused_with_the_reason_and_not_tried_again(server, warnings):
    client = Client()
    client.damage()
    server.settle()
    assert client.is_refused()
    assert [each for each in warnings() if "has layout version 99" in each] == warnings()
    assert len(warnings()) == 1


def test_who_has_left_before_it_was_seen_is_nobody(server, warnings):
    Client().leave()
    (client,) = connected(server, 1)
    client.ask(b"here")
    assert server.serve() == b"here"
    assert warnings() == []
    assert len(leftovers(NAME)) == 2


def test_a_channel_whose_names_are_gone_before_it_is_opened_is_refused_quietly(server, warnings):
    """Most often its client has closed it; one that lives must not wait for ever."""
    client = Client()
    with client.region() as region:
        posix.unlink_segment(region.name)
    server.settle()
    assert client.is_refused()
    assert warnings() == []
    client.leave()
    server.settle()
