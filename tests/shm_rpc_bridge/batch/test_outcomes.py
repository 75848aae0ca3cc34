"""Whatever becomes of a batch, each of its calls is told whether it may have run."""

import os
import threading

import pytest

from shm_rpc_bridge import (
    RPCClient,
    RPCMethodError,
    RPCSerializationError,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
    cleanup,
)
from shm_rpc_bridge.testing import in_memory

from ..children import hanging_server
from ..forks import CHILDS_STATUS, status_of_a_fork
from ..services import PATIENCE, calling, context, process, register_methods, started


@pytest.mark.fault("batch")
@pytest.mark.parametrize(
    ("method", "argument", "kind", "may_have_run"),
    [("echo", "x" * 6_000, RPCTransportError, False), ("text_of", 6_000, RPCTransportError, True)],
    ids=["request", "response"],
)
def test_a_batch_too_large_for_a_message_is_told_to_each_of_its_calls(client, method, argument, kind, may_have_run):
    batch = client.batch()
    calls = [batch.call(method, argument) for _ in range(2)]
    with pytest.raises(kind, match="Message too large") as caught:
        batch.send()
    for each in calls:
        with pytest.raises(kind) as own:
            each.result()
        assert own.value.may_have_run is may_have_run is caught.value.may_have_run
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("batch")
def test_a_batch_that_times_out_says_whether_its_calls_may_have_run(client, server):
    entered, release, ran = threading.Event(), threading.Event(), []
    server.register("hold", lambda: entered.set() or release.wait(PATIENCE))
    server.register("note", ran.append)
    hasty = client.with_options(timeout=0.2)

    def send(*methods):
        with hasty.batch() as batch:
            for method in methods:
                batch.call(*method)

    with calling(send, ("hold",), ("note", "after")) as taken:
        assert entered.wait(PATIENCE)
        with pytest.raises(RPCTimeoutError, match=r"a batch of 1 call.*it never runs") as never:
            send(("note", "never"))
        with pytest.raises(RPCTimeoutError, match="whether it ran is unknown") as perhaps:
            taken.result(PATIENCE)
        release.set()
    assert never.value.may_have_run is False
    assert perhaps.value.may_have_run is True
    assert client.call("add", 1, 2) == 3
    assert ran == ["after"]


@pytest.mark.fault("batch")
def test_a_server_killed_in_the_middle_of_a_batch_is_told_to_each_of_its_calls(name):
    entered = context.Event()
    with process(hanging_server, name, entered) as server, RPCClient(name, wait_for_server=PATIENCE) as client:
        batch = client.with_options(timeout=PATIENCE).batch()
        calls = [batch.call("hang") for _ in range(2)]
        with calling(batch.send) as sending:
            assert entered.wait(PATIENCE)
            server.kill()
            with pytest.raises(RPCTransportError, match="is dead") as caught:
                sending.result(PATIENCE)
        assert caught.value.may_have_run
        for each in calls:
            with pytest.raises(RPCTransportError, match="is dead"):
                each.result()
    for owner in cleanup.survey(name):
        cleanup.remove(owner)


@pytest.mark.fault("batch")
def test_a_batch_that_its_server_has_not_seen_goes_to_the_next_one():
    with in_memory():
        first = RPCServer("batch")
        register_methods(first)
        with RPCClient("batch", timeout=PATIENCE) as client:
            first.close()
            second = RPCServer("batch")
            register_methods(second)
            with started(second):
                with client.batch() as batch:
                    batch.call("add", 1, 2)
                assert batch.results() == [3]


@pytest.mark.fault("batch")
def test_a_call_that_ends_the_server_is_answered_and_the_ones_after_it_have_not_run(name):
    ran = []

    def leave():
        raise SystemExit(3)

    with in_memory():
        server = RPCServer("batch")
        server.register("leave", leave)
        server.register("note", ran.append)
        with calling(server.start) as serving_it, RPCClient("batch", timeout=PATIENCE) as client:
            with client.batch() as batch:
                calls = [batch.call("note", 1), batch.call("leave"), batch.call("note", 2)]
            with pytest.raises(SystemExit):
                serving_it.result(PATIENCE)
        assert calls[0].result() is None
        with pytest.raises(RPCMethodError, match="SystemExit"):
            calls[1].result()
        with pytest.raises(RPCSerializationError, match="an earlier call of this batch has ended the server") as told:
            calls[2].result()
        assert not told.value.may_have_run
        assert ran == [1]


@pytest.mark.fault("batch")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_what_follows_a_call_that_forks_is_run_by_the_parent_alone(name):
    """The child went on with the batch, too: each call after it ran twice."""
    ours, methods = os.pipe()
    parent = os.getpid()

    def serve(server):
        server.start()
        if os.getpid() != parent:
            os._exit(CHILDS_STATUS)

    server = RPCServer(name)
    server.register("fork", status_of_a_fork)
    server.register("note", lambda: os.write(methods, b"x"))
    with calling(serve, server), RPCClient(name, timeout=PATIENCE) as client:
        with client.batch() as batch:
            batch.call("fork")
            batch.call("note")
        server.stop()
    assert batch.results() == [CHILDS_STATUS, 1]
    assert os.read(ours, 10) == b"x"
    os.close(ours)
    os.close(methods)
