"""The two sides of many channels, used by hand and step by step in one thread."""

import gc
import os
from contextlib import contextmanager
from typing import NamedTuple

from shm_rpc_bridge import layout, names, posix
from shm_rpc_bridge.connection import Connection
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.endpoint import Endpoint
from shm_rpc_bridge.header import Offer
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

    @contextmanager
    def region(self):
        """What its requests are in, which must have a name yet."""
        body, held = self.channel.body, []
        own = names.slot(NAME, body.control.generation, body.slot, body.token)
        yield posix.open_segment(own.request, layout.REGION_HEADER_SIZE, held)
        posix.let_go(held)

    def damage(self):
        """Its server can't open it any more."""
        with self.region() as region:
            region.map[32] = 99

    def ask(self, message=b"request"):
        self.asked += 1
        self.request.send(message, self.asked)
        self.ring()

    def ring(self):
        self.channel.body.doorbell.release()

    def answer(self):
        sequence, message, _ = self.response.receive(POLL)
        return Answer(sequence, message)

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
        with opened_control() as (control, held):
            return posix.open_semaphore(names.doorbell(NAME, control.generation), held).value

    def serve(self, answer=None):
        """Answer the next request with itself; what it was."""
        request = self.next()
        assert request is not None
        message = bytes(request[2])
        self.endpoint.respond(request, message if answer is None else answer, none_instead)
        return message


def none_instead(error):
    raise AssertionError(f"nothing else was to be sent: {error}")


def is_balanced(act):
    """Whether it leaves no more descriptors open than there were."""
    before = descriptors()
    act()
    return descriptors() == before


def connected(server, number):
    clients = [Client() for _ in range(number)]
    server.settle()
    return clients


@contextmanager
def opened_control():
    """The server's control segment, and where what is opened beside it is noted."""
    held = []
    yield Control.open(NAME, held), held
    posix.let_go(held)


def slots_in_use():
    with opened_control() as (control, _):
        return control.slots_in_use()


def descriptors():
    """How many this process has."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def remove_name():
    posix.unlink_segment(names.control(NAME))
