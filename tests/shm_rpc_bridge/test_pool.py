"""A client's channels, without a call: opened, used again, given up, and let go of with all that they hold."""

import contextlib
import gc
import os
import threading

import pytest

from shm_rpc_bridge import RPCTransportError, posix
from shm_rpc_bridge.control import Control
from shm_rpc_bridge.endpoint import Endpoint
from shm_rpc_bridge.header import Offer
from shm_rpc_bridge.pool import ChannelPool, counts_as_use
from shm_rpc_bridge.testing import at, in_memory, leftovers, watched
from shm_rpc_bridge.waiting import POLL

from .raising import RaiseAt
from .services import PATIENCE, calling

NAME = "pooled"


class Server:
    """One that can be connected to, and answers nothing."""

    def __init__(self, channels=4, name=NAME):
        self.name = name
        self.endpoint = Endpoint(name, Offer(channels, 100, 1000, "json"), "block")
        self.endpoint.open()

    def channels_in_use(self):
        """Of those whose clients have not left."""
        while self.endpoint.next_request(POLL) is not None:
            pass
        held = []
        used = len(Control.open(self.name, held).slots_in_use())
        posix.let_go(held)
        return used

    def close(self):
        self.endpoint.close()


@pytest.fixture
def server(monkeypatch):
    with in_memory():
        server = Server()
        yield server
        server.close()


def new_pool(codec="json", name=NAME):
    return ChannelPool(name, 100, 1000, "block", codec)


@pytest.fixture
def pool(server):
    pool = new_pool()
    yield pool
    pool.close()


def test_nothing_is_opened_before_it_is_asked_for(pool, server):
    assert not pool.holds_anything
    assert not pool.idle
    assert server.channels_in_use() == 0
    channel = pool.open_channel(0.0)
    assert channel.take()
    assert channel.is_clean
    assert pool.holds_anything
    assert server.channels_in_use() == 1


def test_channels_to_one_server_share_a_connection(pool):
    first, second = pool.open_channel(0.0), pool.open_channel(0.0)
    assert first is not second
    assert first.connection is second.connection


def test_a_channel_of_further_use_is_kept_once_and_another_is_closed(pool, server):
    clean, spoilt = pool.open_channel(0.0), pool.open_channel(0.0)
    spoilt.is_clean = False
    for _ in range(2):  # the second time interrupted when it was all over
        pool.put_back(clean)
    pool.put_back(spoilt)
    assert list(pool.idle) == [clean]
    assert clean.take()
    assert not spoilt.take()
    assert server.channels_in_use() == 1


def test_a_channel_that_is_discarded_is_free_again_for_others(pool, server):
    for _ in range(10):
        channels = [pool.open_channel(0.0) for _ in range(4)]
        with pytest.raises(RPCTransportError, match="all its 4 channels in use"):
            pool.open_channel(0.0)
        for channel in channels:
            pool.discard(channel)
    assert server.channels_in_use() == 0
    assert pool.holds_anything  # the connection, for the next one


def test_a_channel_that_somebody_has_lost_is_closed_when_the_next_one_is_opened_or_discarded(pool, server):
    kept = pool.open_channel(0.0)
    pool.open_channel(0.0)
    gc.collect()
    assert server.channels_in_use() == 2
    another = pool.open_channel(0.0)
    assert server.channels_in_use() == 2
    del another
    gc.collect()
    pool.discard(kept)
    assert server.channels_in_use() == 0


def test_without_a_server_it_says_how_long_was_waited_for_one():
    with in_memory():
        pool = new_pool()
        with pytest.raises(RPCTransportError, match=r"start the server 'pooled' first$") as caught:
            pool.open_channel(0.0)
        assert type(caught.value) is RPCTransportError
        assert caught.value.__cause__ is None
        with pytest.raises(RPCTransportError, match=r"first \(waited 0\.01 s for it\)$"):
            pool.open_channel(0.01)
        assert not pool.holds_anything


def test_where_waiting_is_hopeless_it_is_not_waited_and_the_reason_is_said():
    with in_memory():
        pool = new_pool()
        pool.why_hopeless = lambda: "the server has exited with code 3"
        with pytest.raises(RPCTransportError, match=r"^the server has exited with code 3$") as caught:
            pool.open_channel(1e6)
        assert caught.value.__suppress_context__


def test_another_error_of_connecting_is_said_though_waiting_is_hopeless(server):
    pool = new_pool("pickle")
    pool.why_hopeless = lambda: "no use"
    with pytest.raises(RPCTransportError, match="has codec='json', this client codec='pickle'"):
        pool.open_channel(1e6)
    assert not pool.holds_anything


def test_a_server_that_is_waited_for_may_come(monkeypatch):
    servers = []
    monkeypatch.setattr("shm_rpc_bridge.waiting.sleep", lambda seconds: servers.append(Server()))
    with in_memory():
        pool = new_pool()
        channel = pool.open_channel(1e6)
        assert channel.take()
        assert len(servers) == 1
        pool.close()
        servers[0].close()


def test_after_a_restart_channels_go_to_the_new_server_and_the_old_ones_go_with_their_last_user(server):
    pool = new_pool()
    used = pool.open_channel(0.0)
    old = used.connection
    server.close()
    assert not used.take()
    with pytest.raises(RPCTransportError, match=r"it has closed|start the server"):
        pool.open_channel(0.0)
    new_server = Server()
    channel = pool.open_channel(0.0)
    assert channel.take()
    assert channel.connection is not old
    assert old.is_retired
    another = pool.open_channel(0.0)
    assert another.connection is channel.connection
    for each in (used, channel, another):
        pool.discard(each)
    assert not channel.connection.is_retired
    assert new_server.channels_in_use() == 0
    pool.close()
    assert not pool.holds_anything
    new_server.close()


def test_closing_lets_go_of_everything_and_refuses_what_comes_after(pool, server):
    idle, used = pool.open_channel(0.0), pool.open_channel(0.0)
    pool.put_back(idle)
    pool.close()
    assert not pool.idle
    assert not idle.take()
    assert not used.take()
    assert not pool.holds_anything
    assert server.channels_in_use() == 0
    with pytest.raises(RPCTransportError, match=r"^the client of 'pooled' is closed$"):
        pool.open_channel(0.0)
    pool.close()


def test_an_idle_channel_is_closed_with_the_client_whichever_thread_has_used_it_last(pool, server):
    """Of a thread that lives and has one in use it is left to that thread."""
    opened, closed = threading.Event(), threading.Event()

    def open_and_stay():
        pool.put_back(pool.open_channel(0.0))
        opened.set()
        assert closed.wait(PATIENCE)

    with calling(open_and_stay) as staying:
        assert opened.wait(PATIENCE)
        pool.close()
        assert server.channels_in_use() == 0
        assert not pool.holds_anything
        closed.set()
        staying.result(PATIENCE)


def test_closing_ends_the_call_that_a_channel_is_in_and_leaves_it_to_its_user(pool, server):
    using = []

    def call():
        channel = pool.open_channel(0.0)
        using.append(channel)
        pool.close()
        assert channel.body.channel.response.seems_full()  # woken
        with pytest.raises(RPCTransportError, match="the client was closed during the call"):
            channel.body.recheck()
        assert server.channels_in_use() == 1

    counts_as_use(call, "channel")
    call()
    pool.put_back(using[0])
    assert not pool.idle
    assert not pool.holds_anything
    assert server.channels_in_use() == 0


def test_a_server_is_rung_for_again_only_while_a_request_lies_there(pool, server):
    channel = pool.open_channel(0.0)
    assert server.channels_in_use() == 1  # it has heard of the channel
    body = channel.body
    body.recheck()
    assert not body.doorbell.value
    body.channel.request.send(b"never answered", 1)
    for _ in range(2):
        body.recheck()
        assert body.doorbell.value == 1


def test_a_channel_put_back_after_closing_is_closed(server):
    pool = new_pool()

    def call():
        channel = pool.open_channel(0.0)
        pool.close()
        return channel

    counts_as_use(call, "channel")
    channel = call()
    assert channel.is_clean
    pool.put_back(channel)
    assert not channel.take()
    assert not pool.holds_anything
    assert server.channels_in_use() == 0


@pytest.mark.parametrize("step", ["open locks", "open control", "open doorbell", "create request", "announce slot"])
def test_a_client_that_is_closed_while_a_channel_is_opened_says_so_and_holds_nothing(server, step):
    pool = new_pool()
    with watched(at(step, pool.close)), pytest.raises(RPCTransportError, match=r"^the client of 'pooled' is closed$"):
        pool.open_channel(0.0)
    gc.collect()
    pool.close()
    assert not pool.holds_anything
    assert server.channels_in_use() == 0


@pytest.fixture(params=["in memory", "of the system"])
def any_server(request, name):
    with in_memory() if request.param == "in memory" else contextlib.nullcontext():
        server = Server(name=name)
        yield server
        server.close()


def opened_or_why_not(pool):
    try:
        return pool.open_channel(0.0)
    except RPCTransportError as error:
        return str(error)


@pytest.mark.fault("reentered")
def test_a_handler_that_closes_the_client_at_any_moment_of_opening_is_said_so_and_nothing_is_leaked(any_server):
    """It was a ValueError or AttributeError, or a server of no process and codec '', and cost two descriptors."""
    server, moment, came = any_server, 1, True
    while came:
        pool = new_pool(name=server.name)
        before = len(os.listdir("/proc/self/fd"))
        closing = RaiseAt(moment, pool.close)
        came_of_it = []
        closing.run(lambda pool=pool, came_of_it=came_of_it: came_of_it.append(opened_or_why_not(pool)))
        came = closing.where is not None
        (found,) = came_of_it
        if isinstance(found, str):
            assert found == f"the client of {server.name!r} is closed", closing.where
        else:  # at the last moments
            pool.put_back(found)
        pool.close()
        assert not pool.holds_anything, closing.where
        assert len(os.listdir("/proc/self/fd")) == before, closing.where
        assert len(leftovers(server.name)) == 2, closing.where
        assert server.channels_in_use() == 0, closing.where
        moment += 3


@pytest.mark.parametrize("step", ["open control", "open doorbell", "create request", "announce slot"])
def test_what_a_handler_raises_while_a_channel_is_opened_comes_out_and_nothing_is_lost(server, step):
    class Raised(Exception):
        pass

    def raise_it():
        raise Raised

    pool = new_pool()
    with watched(at(step, raise_it)), pytest.raises(Raised) as caught:
        pool.open_channel(0.0)
    assert server.channels_in_use() == 0  # though the error's traceback has it still
    del caught
    channel = pool.open_channel(0.0)
    assert server.channels_in_use() == 1
    assert channel.take()
    pool.close()
    assert not pool.holds_anything


def test_a_child_begins_with_nothing_and_its_parents_channels_go_on(server):
    pool = new_pool()
    idle = pool.open_channel(0.0)
    pool.put_back(idle)
    before = len(os.listdir("/proc/self/fd"))
    pool.leave_to_parent()
    assert not pool.idle
    assert not pool.holds_anything
    assert len(os.listdir("/proc/self/fd")) < before
    assert pool.open_channel(0.0).take()
    pool.close()
