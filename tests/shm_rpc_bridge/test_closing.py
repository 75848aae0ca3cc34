"""Closing and stopping what another thread waits in: it is told at once, and nothing crashes."""

import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, SharedMemoryTransport
from shm_rpc_bridge.testing import AFTER, Pause, at, in_memory, leftovers, watched

from .services import PATIENCE, calling, register_methods, serving, started

pytestmark = pytest.mark.fault("close-while-parked")


def test_closing_the_server_ends_a_waiting_call_with_an_error(name):
    server = RPCServer(name)
    with RPCClient(name, timeout=PATIENCE) as client, calling(client.call, "add", a=1, b=2) as call:
        server.close()
        with pytest.raises(RPCTransportError):
            call.result(PATIENCE)


def test_closing_a_client_ends_the_call_of_another_thread(name):
    """Without `interrupt_reader` the call ends when its deadline does."""
    entered, release = threading.Event(), threading.Event()
    with serving(name) as server:
        server.register("hang", lambda: entered.set() or release.wait(PATIENCE))
        client = RPCClient(name, timeout=PATIENCE)
        with calling(client.call, "hang") as call:
            assert entered.wait(PATIENCE)
            client.close()
            with pytest.raises(RPCTransportError, match="the client was closed during the call"):
                call.result(PATIENCE)
        release.set()
        with pytest.raises(RPCTransportError, match="is closed"):
            client.call("add", a=1, b=2)
        client.close()


@pytest.mark.parametrize("wait", ["adaptive", "block", "spin"])
def test_stopping_ends_a_waiting_server(name, wait):
    server = RPCServer(name, wait=wait)
    register_methods(server)
    with calling(server.start) as serving_thread:
        with RPCClient(name, timeout=PATIENCE) as client:
            assert client.call("add", a=1, b=2) == 3
        server.stop()
        assert serving_thread.result(PATIENCE) is None


def test_stopping_wakes_the_server_and_does_not_wait_for_its_next_look_around(name):
    """Without the `wake` in `stop` it ended half a second later, when it looks for dead clients."""
    rung = []
    with watched(lambda step: rung.append(step.action) if step.when == "after" else None):
        server = RPCServer(name)
        with started(server):
            assert rung.count("release doorbell") == 0
            server.stop()
            assert rung.count("release doorbell") == 1


@pytest.mark.parametrize("action", ["release request_full", "acquire response_full"])
def test_a_client_may_be_closed_while_another_thread_is_at_any_step_of_a_call(action):
    """The memory stays until the call has left it: closing a semaphore under its waiter is a segmentation fault."""
    pause = Pause(PATIENCE)
    with in_memory():
        server = RPCServer("closing")
        register_methods(server)
        with started(server):
            with watched(at(action, pause, AFTER)):
                client = RPCClient("closing", timeout=PATIENCE)
            with calling(client.call, "add", a=1, b=2) as call:
                pause.wait_until_reached()
                client.close()
                pause.resume()
                assert call.exception(PATIENCE) is None or isinstance(call.exception(), RPCTransportError)
            with RPCClient("closing", timeout=PATIENCE) as another:
                assert another.call("add", a=1, b=2) == 3


@pytest.mark.parametrize(
    ("method", "message"),
    [
        *(("receive_request", ()), ("view_request", ()), ("receive_response", ()), ("view_response", ())),
        *(("send_request", (b"",)), ("send_response", (b"",))),
    ],
)
def test_closing_a_transport_ends_a_wait_in_another_thread_which_lets_go_of_it(name, method, message):
    """With the memory let go of at once, a semaphore is closed under its waiter: the process dies of SIGSEGV."""
    waiting = threading.Event()
    transport = SharedMemoryTransport.create(name)

    def wait():
        if message:
            getattr(transport, method)(*message)  # which nobody takes, so that there is no room for the next
        waiting.set()
        getattr(transport, method)(*message)

    with calling(wait) as call:
        assert waiting.wait(PATIENCE)
        transport.close()
        with pytest.raises(RPCTransportError, match="closed"):
            call.result(PATIENCE)
    assert leftovers(name) == []
    with pytest.raises(RPCTransportError, match="is closed"):
        transport.send_request(b"")
    transport.close()


def test_closing_an_end_that_another_thread_reads_gives_its_peer_no_message(name):
    """With both buffers posted to wake that thread, the peer received the last request once more, or an empty one."""
    with SharedMemoryTransport.create(name) as peer:
        closing = SharedMemoryTransport.open(name)
        closing.send_request(b"once")
        entered = threading.Event()
        with calling(lambda: entered.set() or closing.receive_response()) as waiting:
            assert peer.receive_request(PATIENCE) == b"once"
            assert entered.wait(PATIENCE)
            closing.close()
            with pytest.raises(RPCTransportError, match="closed"):
                waiting.result(PATIENCE)
        with pytest.raises(RPCTransportError, match=r"closed|dead|gone"):
            peer.receive_request(PATIENCE)


def test_closing_a_client_while_its_answer_is_being_written_gives_no_half_answer():
    """With the sequence alone looked at, the call returned what had been written so far."""
    pause = Pause(PATIENCE)
    with in_memory():
        server = RPCServer("closing")
        register_methods(server)
        with watched(at("write response", pause)), started(server):
            client = RPCClient("closing", timeout=PATIENCE)
            with calling(client.call, "text_of", size=1000) as call:
                pause.wait_until_reached()
                client.close()
                with pytest.raises(RPCTransportError, match="closed"):
                    call.result(PATIENCE)
                pause.resume()


def test_a_client_that_is_closed_while_its_call_looks_for_the_server_is_closed_and_not_refused(monkeypatch):
    """The server had answered by then, and found in the response's place what was to wake the call."""
    with in_memory(), RPCServer("closing"), RPCClient("closing", timeout=0) as client:
        (body,) = client._pool._connections[0]._channels

        def close():
            client.close()
            body.control.refuse(body.slot, body.token)
            return ""

        monkeypatch.setattr(body.control, "why_server_is_dead", close)
        with pytest.raises(RPCTransportError, match="closed during the call"):
            client.call("anything")
