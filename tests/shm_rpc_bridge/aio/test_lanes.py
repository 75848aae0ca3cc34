"""What is in a multiplexed channel's memory may be anything: whoever reads it says so, and others notice nothing."""

import asyncio
import contextlib
import os
import struct
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import RPCClient, RPCError, RPCServer, RPCTransportError, cleanup, names, posix
from shm_rpc_bridge.__main__ import main
from shm_rpc_bridge.layout import LANE_HEADER_SIZE
from shm_rpc_bridge.messages import BATCH, MANY, ONE, numbered, numbered_parts
from shm_rpc_bridge.testing import in_memory

from ..services import PATIENCE, register_methods, serving, started
from .loops import connected, run

NUMBERS = st.integers(0, 2**32 - 1)


MESSAGES = st.tuples(NUMBERS, st.sampled_from([ONE, BATCH]), st.binary(max_size=50), st.floats(allow_nan=False))


@given(st.lists(MESSAGES, max_size=20))
def test_messages_with_numbers_are_parted_as_they_were_put_together(messages):
    assert numbered_parts(numbered(messages)) == messages


def test_parts_of_a_large_message_are_views_of_it():
    ((number, kind, part, _),) = numbered_parts(numbered([(7, BATCH, b"x" * 100_000, 0.0)]))
    assert (number, kind, bytes(part)) == (7, BATCH, b"x" * 100_000)
    assert isinstance(part, memoryview)


@given(st.binary(max_size=100))
def test_nothing_else_is_taken_for_such_messages(data):
    """What is parted without an error is what these parts make."""
    with contextlib.suppress(ValueError):
        assert numbered(numbered_parts(data)) == data


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "0 bytes"),
        (struct.pack("<I", 2), "2 messages said to be in 4 bytes"),
        (struct.pack("<IIIId", 1, 7, 9, 0, 0.0), "message 7 is of unknown kind 9"),
        (struct.pack("<IIIId", 1, 7, 0, 5, 0.0), "said to end at byte 29 of 24"),
        (struct.pack("<IIIId", 1, 7, 0, 0, 0.0) + b"more", "said to end at byte 24 of 28"),
    ],
)
def test_what_is_wrong_is_said(data, told):
    with pytest.raises(ValueError, match=told):
        numbered_parts(data)


@pytest.mark.fault("async")
@pytest.mark.parametrize(
    "message",
    [
        b"",
        os.urandom(64),
        struct.pack("<I", 2**32 - 1),
        struct.pack("<IIIId", 1, 0, MANY, 0, 0.0),
        numbered([(0, ONE, b"no request", 0.0), (1, BATCH, b"no batch", 0.0), (1, ONE, b"", 0.0)]),
    ],
    ids=["empty", "random", "count", "kind", "no requests"],
)
def test_a_server_goes_on_whatever_a_client_sends(name, message):
    async def call():
        async with connected(name) as client, connected(name) as other:
            assert await client.call("add", 1, 1) == 2
            request = client._way._current._link._request
            assert not request._empty.trywait()
            request._map[LANE_HEADER_SIZE : LANE_HEADER_SIZE + len(message)] = message
            struct.pack_into("<IHHQ", request._map, 0, len(message), MANY, 0, 999)
            request._full.release()
            client._way._current._link.body.doorbell.release()
            assert await other.call("add", 1, 2) == 3
            # Its own channel is of no use any more, or goes on; the next call finds its way.
            for _ in range(2):
                with contextlib.suppress(RPCError):
                    assert await client.call("add", 1, 3) == 4
            assert await client.call("add", 1, 4) == 5

    with serving(name):
        run(call())


@pytest.mark.fault("async")
@pytest.mark.parametrize(
    "message", [b"", os.urandom(64), struct.pack("<I", 2**32 - 1)], ids=["empty", "random", "count"]
)
def test_a_client_says_that_what_it_was_sent_is_damaged_and_connects_anew(name, message):
    async def call():
        async with connected(name) as client:
            assert await client.call("add", 1, 1) == 2
            (served,) = server._endpoint._channels.values()
            lane = served.response._lane
            waiting = asyncio.ensure_future(client.call("hold"))
            await asyncio.sleep(0.01)
            assert not lane._empty.trywait()
            lane._map[LANE_HEADER_SIZE : LANE_HEADER_SIZE + len(message)] = message
            struct.pack_into("<IHHQ", lane._map, 0, len(message), MANY, 0, 999)
            lane._full.release()
            served.response.ring()
            with pytest.raises(RPCTransportError, match="is damaged") as told:
                await waiting
            assert told.value.may_have_run is True
            go_on.set()
            assert await client.call("add", 1, 4) == 5

    go_on = threading.Event()
    server = RPCServer(name)
    register_methods(server)

    async def hold():
        while not go_on.is_set():
            await asyncio.sleep(0.001)

    server.register_function(hold)
    with started(server):
        run(call())


@pytest.mark.fault("async")
def test_answers_with_numbers_that_nobody_waits_for_are_nobodys():
    async def call():
        async with connected("numbers") as client:
            assert await client.call("add", 1, 1) == 2
            (served,) = server._endpoint._channels.values()
            for number in (0, 999, 2**32 - 1):  # answered already, and never asked
                served.response.send(b"[7]", number)
            assert await client.call("add", 1, 2) == 3

    with in_memory(), serving("numbers") as server:
        run(call())


@pytest.mark.fault("async")
def test_a_bell_of_a_dead_client_is_listed_and_removed_and_one_under_another_name_is_odd(name, capsys):
    """As a client leaves it that is killed before the server has opened its channel, and that server after it."""
    prefix = f"{names.generation_prefix(name, 7)}:0:{1:016x}"
    bell, odd = f"{prefix}{names.BELL}", f"{prefix}:request"
    try:
        for each in (bell, odd):
            os.mkfifo(f"/dev/shm/{each}", 0o600)
        assert main(["ls", "--all", "--prefix", name]) == 0
        shown = capsys.readouterr().out
        assert bell in shown
        assert "is a special file, not a regular file" in shown
        (owner,) = cleanup.survey(name)
        assert [listed.name for listed in cleanup.remove(owner)] == [bell]
        assert [listed.name for listed in posix.list_own_objects("srb:" + name)] == [odd]
    finally:
        os.unlink(f"/dev/shm/{odd}")


@pytest.mark.fault("async")
@pytest.mark.parametrize("planted", ["file", "folder", "link"])
def test_what_is_planted_in_a_bells_place_costs_that_client_alone(name, planted):
    with RPCServer(name) as server, RPCClient(name, timeout=PATIENCE):
        control, held = server._endpoint._control, []
        own = names.slot(name, control.generation, 3, 5)
        path = f"/dev/shm/{names.bell(own)}"
        {
            "file": lambda: open(path, "x").close(),
            "folder": lambda: os.mkdir(path),
            "link": lambda: os.symlink("/", path),
        }[planted]()
        try:
            with pytest.raises(RPCTransportError, match=r"exists already"):
                posix.create_bell(names.bell(own), held)
            with pytest.raises(RPCTransportError, match=names.bell(own)):
                posix.open_bell(names.bell(own), held)
        finally:
            posix.let_go(held)
            os.rmdir(path) if planted == "folder" else os.unlink(path)
