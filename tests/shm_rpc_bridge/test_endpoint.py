"""The server's side of many channels, step by step in one thread: whose turn it is, who came, who left, who died."""

import gc
import logging
import os
from typing import NamedTuple

import pytest

from shm_rpc_bridge import RPCTransportError, layout, names, posix
from shm_rpc_bridge.connection import Connection
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.endpoint import Endpoint
from shm_rpc_bridge.header import Offer
from shm_rpc_bridge.scratch import KEPT_SECONDS
from shm_rpc_bridge.testing import at, drop, in_memory, leftovers, watched
from shm_rpc_bridge.waiting import POLL

NAME = "endpoint"
LIMIT = 1000
SWEEP = 0.5
"""Seconds between two looks at who has died."""


class Answer(NamedTuple):
    sequence: int
    message: bytes


made = []
"""Clients of this test, which are closed at its end."""


@pytest.fixture(autouse=True)
def _close_clients():
    yield
    while made:
        made.pop().close()


class Client:
    """One channel, used by hand."""

    def __init__(self, limit=LIMIT):
        self.connection = Connection(NAME, "json")
        self.connection.open()
        self.channel = self.connection.new_channel()
        self.is_dead = False
        made.append(self)
        self.request, self.response = self.channel.body.open(100, limit, "block")
        self.asked = 0

    def region(self, held):
        """What its requests are in, while that has a name."""
        body = self.channel.body
        own = names.slot(NAME, body.control.generation, body.slot, body.token)
        return posix.open_segment(own.request, layout.REGION_HEADER_SIZE, held)

    def ask(self, message=b"request"):
        self.asked += 1
        self.request.send(message, self.asked)
        self.ring()

    def ring(self):
        self.channel.body.doorbell.release()

    def answer(self):
        return Answer(*self.response.receive(POLL))

    def is_refused(self):
        return self.channel.body.is_refused()

    def leave(self):
        self.connection.close_channel(self.channel)

    def close(self):
        if not self.is_dead:
            self.leave()
            self.connection.is_retired = True
            assert self.connection.reap()

    def die(self):
        """Nothing is said: its locks go, as a killed process's do."""
        self.is_dead = True
        self.connection.drop_inherited()


class Server:
    def __init__(self, channels=8):
        self.endpoint = Endpoint(NAME, Offer(channels, 100, LIMIT, "json"), "block")
        self.endpoint.open()

    def next(self):
        return self.endpoint.next_request(POLL)

    def settle(self):
        """Take every ring that there is; no request may be among them."""
        while self.rings():
            assert self.next() is None
        assert self.next() is None

    def rings(self):
        held = []
        control = Control.open(NAME, held)
        rings = posix.open_semaphore(names.doorbell(NAME, control.generation), held).value
        posix.let_go(held)
        return rings

    def serve(self, answer=None):
        """Answer the next request with itself; what it was."""
        request = self.next()
        assert request is not None
        message = bytes(request[2])
        self.endpoint.respond(request, message if answer is None else answer, none_instead)
        return message


def none_instead(error):
    raise AssertionError(f"nothing else was to be sent: {error}")


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("shm_rpc_bridge.endpoint.monotonic", lambda: now[0])
    return now


def is_balanced(act):
    """Whether it leaves no more descriptors open than there were."""
    before = descriptors()
    act()
    return descriptors() == before


@pytest.fixture
def server(clock):
    with in_memory():
        server = Server()
        yield server
        server.endpoint.close()
        assert leftovers(NAME) == []


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.WARNING, "shm_rpc_bridge")
    return lambda: [record.getMessage() for record in caplog.records]


def connected(server, number):
    clients = [Client() for _ in range(number)]
    server.settle()
    return clients


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
        assert slots_in_use() == (1 if client in rings else 0)


def slots_in_use():
    held = []
    used = len(Control.open(NAME, held).slots_in_use())
    posix.let_go(held)
    return used


def descriptors():
    """How many this process has."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


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
    held = []
    client.region(held).map[24] = 99
    posix.let_go(held)
    server.settle()
    assert client.is_refused()
    client.close()
    server.settle()


def come_incomplete(server):
    client = Client()
    held = []
    posix.unlink_semaphore(client.region(held).name.replace(":request", ":response_full"))
    posix.let_go(held)
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
    assert warning.endswith("refused: its client does not take its responses")
    other.ask(b"other")
    assert server.serve() == b"other"


def test_a_damaged_request_costs_its_client_the_channel_and_says_why(server, warnings):
    client, other = Client(), Client()
    held = []
    region = client.region(held)
    server.settle()
    client.request.send(b"request", 1)
    region.map[4] = 9  # its kind
    posix.let_go(held)
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
    held = []
    client.region(held).map[24] = 99
    posix.let_go(held)
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


def test_a_channel_whose_names_are_gone_before_it_is_opened_is_left_alone(server, warnings):
    client = Client()
    held = []
    posix.unlink_segment(client.region(held).name)
    posix.let_go(held)
    server.settle()
    assert not client.is_refused()
    assert warnings() == []
    client.leave()
    server.settle()


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
    held = []
    control = Control.open(NAME, held)
    assert len(control.slots_in_use()) == 3
    clock[0] += SWEEP / 2
    assert server.next() is None
    assert control.slots_in_use() == [living.channel.body.slot]
    posix.let_go(held)
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


def test_closing_tells_whoever_waits_and_leaves_no_name(clock):
    with in_memory():
        server = Server()
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


def test_what_was_abandoned_has_no_names_and_its_memory_is_still_there(clock):
    with in_memory():
        server = Server()
        (client,) = connected(server, 1)
        unseen = Client()
        client.ask(b"under way")
        request = server.next()
        server.endpoint.abandon()
        server.endpoint.abandon()
        assert leftovers(NAME) == []
        assert client.response.seems_full()
        with pytest.raises(RPCTransportError, match="has closed"):
            unseen.channel.body.recheck()
        assert bytes(request[2]) == b"under way"
        assert not server.endpoint.is_closed
        clock[0] += SWEEP
        assert server.endpoint.next_request(POLL) is None  # and takes no name again
        assert leftovers(NAME) == []
        server.endpoint.close()


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


def remove_name():
    posix.unlink_segment(names.control(NAME))


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


def test_a_forked_child_of_the_server_sends_nothing(clock):
    with in_memory():
        server = Server()
        (client,) = connected(server, 1)
        client.ask()
        request = server.next()
        server.endpoint.close()
        server.endpoint.respond(request, b"not sent", none_instead)


def test_the_state_of_a_slot_that_nobody_has_is_free(server, clock):
    (client,) = connected(server, 1)
    held = []
    control = Control.open(NAME, held)
    assert control.map[layout.CONTROL_HEADER_SIZE] == layout.SLOT_SERVED
    client.leave()
    server.settle()
    assert control.map[layout.CONTROL_HEADER_SIZE] == layout.SLOT_FREE
    posix.let_go(held)
