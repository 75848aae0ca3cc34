"""SharedMemoryTransport on its own: a byte pipe between two processes, or two threads."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shm_rpc_bridge import RPCTimeoutError, RPCTransportError, SharedMemoryTransport, cleanup, posix
from shm_rpc_bridge.testing import AFTER, Pause, at, watched

from .children import create_and_hang, echo_peer, open_and_hang
from .services import PATIENCE, calling, context, process


@pytest.fixture
def pair(name):
    with SharedMemoryTransport.create(name) as server, SharedMemoryTransport.open(name) as client:
        yield client, server


def test_messages_go_to_another_process_and_back(name):
    with process(echo_peer, name) as child:
        with SharedMemoryTransport.open(name, wait_for=PATIENCE) as client:
            for size in (0, 1, 100, 65_536, 65_537, 3_000_000, 5):
                message = os.urandom(size)
                client.send_request(message)
                assert client.receive_response(PATIENCE) == message
        child.join(PATIENCE)
        assert child.exitcode == 0


def test_either_side_may_be_the_one_that_asks(name):
    with SharedMemoryTransport.create(name) as client, SharedMemoryTransport.open(name) as server:
        client.send_request(b"question")
        assert server.receive_request() == b"question"
        server.send_response(b"answer")
        assert client.receive_response() == b"answer"


def test_bytes_like_messages_are_taken_and_others_refused(pair):
    client, server = pair
    for message in (bytearray(b"abc"), memoryview(b"abc"), memoryview(b"a-b-c-")[::2].tobytes()):
        client.send_request(message)
        assert isinstance(server.receive_request(), bytes)
    with pytest.raises(TypeError):
        client.send_request("text")
    client.send_request(b"still works")
    assert server.receive_request() == b"still works"


def test_a_view_shows_the_message_in_place_until_the_next_one_is_received(pair):
    client, server = pair
    client.send_request(b"first")
    first = server.view_request()
    assert first == b"first"
    assert first.readonly
    with pytest.raises(RPCTimeoutError):  # it is not overwritten while it is looked at
        client.send_request(b"second", timeout=0.01)
    server.send_response(first)
    assert client.view_response() == b"first"
    with pytest.raises(RPCTimeoutError):
        server.receive_request(timeout=0)
    with pytest.raises(ValueError, match="released"):
        bytes(first)
    client.send_request(b"third")
    assert server.receive_request() == b"third"
    answers = []
    thread = threading.Thread(target=lambda: answers.append(bytes(client.view_response(PATIENCE))))
    thread.start()
    server.send_response(b"x" * 200_000, timeout=PATIENCE)  # grows the buffer that was looked into
    thread.join(PATIENCE)
    assert answers == [b"x" * 200_000]


def test_a_transport_can_be_closed_while_a_view_is_held(name):
    with SharedMemoryTransport.create(name) as server, SharedMemoryTransport.open(name) as client:
        client.send_request(b"kept")
        view = server.view_request()
    assert view == b"kept"
    with pytest.raises(RPCTransportError, match="is closed"):
        server.receive_request(0)  # it was posix_ipc's error about a closed semaphore


def test_sending_waits_until_the_previous_message_was_taken(pair):
    client, server = pair
    client.send_request(b"first")
    with pytest.raises(RPCTimeoutError, match="previous message"):
        client.send_request(b"second", timeout=0.01)
    assert server.receive_request() == b"first"
    client.send_request(b"third", timeout=0.01)
    assert server.receive_request() == b"third"


def test_a_response_to_a_request_that_timed_out_is_dropped(pair):
    client, server = pair
    client.send_request(b"1")
    with pytest.raises(RPCTimeoutError):
        client.receive_response(timeout=0)
    assert server.receive_request() == b"1"
    server.send_response(b"late")
    client.send_request(b"2")
    answers = []
    thread = threading.Thread(target=lambda: answers.append(client.receive_response(PATIENCE)))
    thread.start()
    assert server.receive_request() == b"2"
    server.send_response(b"own", timeout=PATIENCE)
    thread.join(PATIENCE)
    assert answers == [b"own"]


@pytest.mark.parametrize(("kind", "fails"), [("receive", False), ("receive", True), ("view", True)])
def test_threads_take_turns_whether_a_call_succeeds_or_times_out(pair, kind, fails):
    """Only a thread that is in the middle of a message keeps others from that direction."""
    client, server = pair

    def exchange():
        for send, receive in (
            (client.send_request, getattr(server, f"{kind}_request")),
            (server.send_response, getattr(client, f"{kind}_response")),
        ):
            send(b"message", PATIENCE)
            if fails:
                with pytest.raises(RPCTimeoutError):
                    send(b"no room", 0)
            assert receive(PATIENCE) == b"message"
            if fails:
                with pytest.raises(RPCTimeoutError):
                    receive(0)  # which ends a view, so that there is room again

    with ThreadPoolExecutor(1) as other:
        for _ in range(2):
            other.submit(exchange).result(PATIENCE)
            exchange()


def test_a_message_too_large_says_both_numbers_and_the_next_one_goes(name):
    with SharedMemoryTransport.create(name, max_message_size=10) as server, SharedMemoryTransport.open(name) as client:
        for send in (client.send_request, server.send_response):
            with pytest.raises(RPCTransportError, match="Message too large: 11 bytes, max_message_size is 10"):
                send(b"x" * 11)
        client.send_request(b"x" * 10)
        assert server.receive_request() == b"x" * 10


def test_opening_what_nobody_has_created_says_so(name):
    with pytest.raises(RPCTransportError, match=r"Cannot find shared memory .* must be created first"):
        SharedMemoryTransport.open(name)


def test_a_name_in_use_is_refused(pair, name):
    with SharedMemoryTransport.create(name), pytest.raises(RPCTransportError, match="in use"):
        SharedMemoryTransport.create(name)


def test_what_a_dead_creator_left_is_replaced(name):
    made = context.Event()
    with process(create_and_hang, name, made) as child:
        assert made.wait(PATIENCE)
        child.kill()
        child.join(PATIENCE)
    with pytest.raises(RPCTransportError, match="is dead"):
        SharedMemoryTransport.open(name)
    with SharedMemoryTransport.create(name) as server, SharedMemoryTransport.open(name) as client:
        client.send_request(b"hello")
        assert server.receive_request() == b"hello"


def test_a_dead_peer_is_noticed(name):
    opened = context.Event()
    with SharedMemoryTransport.create(name) as server:
        with process(open_and_hang, name, opened) as child:
            assert opened.wait(PATIENCE)
            child.kill()
        with pytest.raises(RPCTransportError, match="has closed it or died"):
            server.receive_request()


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
def test_who_only_polls_hears_of_a_dead_peer_too(name, wait):
    """Before the peer was looked at when a deadline passes, polling with less than 100 ms never ended."""
    opened = context.Event()
    with SharedMemoryTransport.create(name, wait=wait) as server:
        with process(open_and_hang, name, opened) as child:
            assert opened.wait(PATIENCE)
            child.kill()
        for method in (server.receive_request, server.receive_response):
            with pytest.raises(RPCTransportError, match="has closed it or died"):
                method(timeout=0)


@pytest.mark.fault("killed-creating")
def test_an_opener_may_come_while_the_creator_is_still_at_it(name):
    """The opener takes the names away: the creator took that for another creator's doing and gave up."""
    pause = Pause(PATIENCE)
    with watched(at("link name", pause, AFTER)), calling(SharedMemoryTransport.create, name) as creating:
        pause.wait_until_reached()
        with SharedMemoryTransport.open(name) as opener:
            pause.resume()
            with creating.result(PATIENCE) as creator:
                opener.send_request(b"early")
                assert creator.receive_request() == b"early"


@pytest.mark.fault("killed-creating")
def test_an_opener_that_comes_before_the_creator_is_done_finds_nothing_and_may_wait(name):
    """What is half made has no name by which it could be found."""
    pause = Pause(PATIENCE)
    with watched(at("link name", pause)), calling(SharedMemoryTransport.create, name) as creating:
        pause.wait_until_reached()
        with pytest.raises(RPCTransportError, match="must be created first"):
            SharedMemoryTransport.open(name)
        with calling(SharedMemoryTransport.open, name, wait_for=PATIENCE) as opening:
            pause.resume()
            with creating.result(PATIENCE) as creator, opening.result(PATIENCE) as opener:
                opener.send_request(b"patient")
                assert creator.receive_request() == b"patient"


@pytest.mark.fault("killed-creating")
def test_a_creator_that_was_taken_for_dead_leaves_the_name_to_the_other(name):
    """In giving up it removed the names, which were the other's by then."""
    pause = Pause(PATIENCE)
    with watched(at("open locks", pause, AFTER)), calling(SharedMemoryTransport.create, name) as slow:
        pause.wait_until_reached()
        with SharedMemoryTransport.create(name) as quick:
            pause.resume()
            with pytest.raises(RPCTransportError, match="is in use"):
                slow.result(PATIENCE)
            with SharedMemoryTransport.open(name) as opener:
                opener.send_request(b"to the quick one")
                assert quick.receive_request() == b"to the quick one"


def test_a_creator_waits_for_its_peer_to_come(name):
    with SharedMemoryTransport.create(name) as server:
        with pytest.raises(RPCTimeoutError):
            server.receive_request(timeout=0.15)  # past the first look for the peer
        with SharedMemoryTransport.open(name) as client:
            client.send_request(b"here")
            assert server.receive_request() == b"here"


def test_leftovers_are_listed_and_removed_only_when_their_owner_is_dead(name, capsys):
    from shm_rpc_bridge.__main__ import main

    made = context.Event()
    with process(create_and_hang, name, made) as child:
        assert made.wait(PATIENCE)
        assert main(["clean", "--force", "--prefix", name]) == 0
        assert "0 objects" in capsys.readouterr().out
        main(["ls", "--prefix", name])
        assert f"transport {name}: alive, process {child.pid}, 7 objects" in capsys.readouterr().out
    main(["clean", "--prefix", name])
    assert "7 objects" in (shown := capsys.readouterr().out)
    assert "would be removed" in shown
    assert len(cleanup.survey(name)[0].leftovers) == 7
    main(["clean", "--force", "--prefix", name])
    assert "7 objects" in capsys.readouterr().out
    assert posix.list_own_objects(f"srbt:{name}") == []
