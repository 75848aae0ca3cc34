"""Another user puts something under a name that he can read or guess: nobody is ended or locked out by it."""

import contextlib
import os

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, SharedMemoryTransport, names
from shm_rpc_bridge.testing import AFTER, at, leftovers, watched

from .services import PATIENCE, context, process, server_process, serving
from .strangers import NOBODY, objects_of, plant_wherever_possible, planted, remove

pytestmark = [
    pytest.mark.fault("names-planted"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to have a second user"),
]
kinds = pytest.mark.parametrize("kind", ["directory", "file", "fifo", "link"])
public_kinds = pytest.mark.parametrize("kind", ["directory", "file", "fifo", "link"])
WHAT_IT_IS = {"directory": "a directory", "file": "a file", "fifo": "a special file", "link": "a symbolic link"}


def guessed(base):
    """What the objects of a channel would be called after `base`, as files."""
    regions, semaphores = names.segments_and_semaphores(names.ChannelNames._fields)
    return [f"/dev/shm/{base}:{field}" for field in regions] + [f"/dev/shm/sem.{base}:{field}" for field in semaphores]


def generation_seen(name):
    """As another user sees it in the doorbell's name."""
    (bell,) = [path for path in objects_of(name) if path.endswith(":doorbell")]
    return bell.split(":")[2]


@kinds
def test_what_is_planted_in_the_next_slots_of_a_server_is_in_nobodys_way(name, kind):
    """Named by the number of its slot alone, one directory ended the server, or locked all new clients out."""
    with serving(name), RPCClient(name, timeout=PATIENCE) as first:
        assert first.call("add", a=1, b=1) == 2
        base = f"srb:{name}:{generation_seen(name)}"
        with planted([path for slot in range(4) for path in guessed(f"{base}:{slot}")], kind):
            for number in range(4):
                with RPCClient(name, timeout=PATIENCE) as client:
                    assert client.call("add", a=number, b=2) == number + 2
            assert first.call("add", a=2, b=2) == 4
        assert first.call("add", a=3, b=3) == 6


@kinds
def test_what_is_planted_beside_a_transports_name_is_in_nobodys_way(name, kind):
    """All seven names followed from that of the transport."""
    with planted(guessed(f"srbt:{name}"), kind):
        creator = SharedMemoryTransport.create(name)
        with creator, SharedMemoryTransport.open(name) as opener:
            opener.send_request(b"hello")
            assert creator.receive_request() == b"hello"


@public_kinds
@pytest.mark.parametrize("make", [RPCServer, RPCClient], ids=["server", "client"])
def test_whoever_has_a_servers_name_is_named(name, kind, make):
    """It was `OSError: [Errno 21] Is a directory`, or "is damaged", or nothing but the name."""
    with planted([f"/dev/shm/srb:{name}"], kind):
        with pytest.raises(RPCTransportError) as caught:
            make(name)
        assert f"user {NOBODY}" in str(caught.value)
        assert leftovers(name) == []
    with serving(name), RPCClient(name) as client:
        assert client.call("add", a=1, b=2) == 3


@public_kinds
@pytest.mark.parametrize("make", [SharedMemoryTransport.create, SharedMemoryTransport.open], ids=["create", "open"])
def test_whoever_has_a_transports_name_is_named(name, kind, make):
    with planted([f"/dev/shm/srbt:{name}"], kind):
        with pytest.raises(RPCTransportError) as caught:
            make(name)
        assert f"user {NOBODY}" in str(caught.value)
        assert leftovers(name) == []
    with SharedMemoryTransport.create(name):
        SharedMemoryTransport.open(name).close()


@kinds
def test_who_is_quicker_with_a_name_that_has_just_appeared_gets_that_one_client_an_error_and_no_other(name, kind):
    """The first object's name tells those of the others. Whoever is told tries again, under names nobody knows."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(serving(name))
        old = stack.enter_context(RPCClient(name, timeout=PATIENCE))
        assert old.call("add", a=1, b=1) == 2  # so that its names are gone

        def be_quicker():
            (region,) = [path for path in objects_of(name) if path.endswith(":request")]
            stack.enter_context(planted([region.replace(":request", ":response")], kind))

        whose = rf"exists already: {WHAT_IT_IS[kind]} of user {NOBODY}"
        with watched(at("create request", be_quicker, AFTER)), pytest.raises(RPCTransportError, match=whose):
            RPCClient(name)
        with RPCClient(name, timeout=PATIENCE) as new:
            assert new.call("add", a=1, b=2) == 3
            assert old.call("add", a=2, b=2) == 4


@pytest.mark.parametrize("rounds", [30, pytest.param(5000, marks=pytest.mark.soak)])
def test_clients_come_and_go_beside_another_user_who_plants_all_he_can(name, rounds, figures):
    """He reads every name as it appears, and is sometimes first at the next. That is an error which names him."""
    rounds, refused = figures.scaled(rounds), 0
    started, ended = context.Event(), context.Event()
    try:
        with server_process(name) as server, RPCClient(name, timeout=PATIENCE) as old:
            with process(plant_wherever_possible, name, started, ended) as planter:
                assert started.wait(PATIENCE)
                for number in figures.progress("clients beside a planter", range(rounds)):
                    try:
                        with RPCClient(name, timeout=PATIENCE) as client:
                            assert client.call("add", a=number, b=2) == number + 2
                    except RPCTransportError as error:
                        assert f"of user {NOBODY}" in str(error)  # noqa: PT017
                        refused += 1
                    assert old.call("add", a=number, b=1) == number + 1
                ended.set()
                planter.join(PATIENCE)
                assert planter.exitcode == 0
            assert server.is_alive()
            with RPCClient(name, timeout=PATIENCE) as client:
                client.call("stop")
            server.join(PATIENCE)
            assert server.exitcode == 0
    finally:
        for path in objects_of(name):
            if os.lstat(path).st_uid == NOBODY:
                remove(path)
    if rounds >= 30:
        assert refused < rounds
    figures.record("names-planted", "clients beside one who plants names, told so", refused, "clients", rounds)
