"""Many calls in one message: each has its own outcome, and whatever becomes of the message, all are told."""

import itertools
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shm_rpc_bridge import (
    RPCClient,
    RPCMethodError,
    RPCSerializationError,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
    cleanup,
)
from shm_rpc_bridge.messages import BATCH, joined, parted
from shm_rpc_bridge.testing import in_memory

from .children import hanging_server
from .forks import CHILDS_STATUS, status_of_a_fork
from .raising import RaiseAt
from .services import PATIENCE, calling, context, process, register_methods, serving, started


@pytest.fixture
def server():
    with in_memory():
        server = RPCServer("batch", max_message_size=10_000)
        register_methods(server)
        with started(server):
            yield server


@pytest.fixture
def client(server):
    with RPCClient("batch", timeout=PATIENCE) as client:
        yield client


@pytest.mark.parametrize("codec", ["json", "json+types", "msgpack", "pickle"])
def test_each_call_of_a_batch_has_its_own_result_or_exception(name, codec):
    with serving(name, codec=codec), RPCClient(name, timeout=PATIENCE, codec=codec) as client:
        with client.batch() as batch:
            sums = [batch.call("add", number, b=1) for number in range(50)]
            raised = batch.call("divide", 1, 0)
            unknown = batch.call("nothing of that name")
            unfitting = batch.call("add", 1)
            last = batch.call("echo", [1, None])
        assert [each.result() for each in sums] == list(range(1, 51))
        assert last.result() == [1, None]
        for failed, kind, may_have_run in (
            (raised, ZeroDivisionError, True),
            (unknown, RPCMethodError, False),
            (unfitting, TypeError, False),
        ):
            with pytest.raises(kind) as caught:
                failed.result()
            assert getattr(caught.value, "may_have_run", True) is may_have_run
        with pytest.raises(ZeroDivisionError):
            batch.results()
        assert len(batch) == 54
        assert client.call("add", 1, 2) == 3


def test_results_come_in_the_order_of_the_calls_as_what_the_client_has_them_converted_to(client, server):
    ran = []
    server.register("note", lambda number: ran.append(number) or {"number": number})
    with client.with_options(returns=dict).batch() as batch:
        for number in range(5):
            batch.call("note", number)
    assert ran == [0, 1, 2, 3, 4]
    assert batch.results() == [{"number": number} for number in range(5)]


def test_a_parameter_is_encoded_when_its_call_is_added_and_one_that_cannot_be_leaves_the_batch_as_it_was(client):
    data = [1]
    with client.batch() as batch:
        batch.call("echo", data)
        data.append(2)
        with pytest.raises(RPCSerializationError, match="never runs"):
            batch.call("echo", {1, 2})
        batch.call("echo", data)
    assert batch.results() == [[1], [1, 2]]


def test_a_result_that_cannot_be_encoded_costs_its_own_call(client):
    with client.batch() as batch:
        calls = [batch.call("make_set"), batch.call("add", 1, 2)]
    with pytest.raises(RPCSerializationError, match="the method has run"):
        calls[0].result()
    assert calls[1].result() == 3


def test_a_block_that_raises_sends_nothing_and_neither_does_an_empty_one(client, server):
    ran = []
    server.register("note", ran.append)
    batch = client.batch()

    def leave_the_block():
        with batch:
            batch.call("note", 1)
            raise KeyError

    with pytest.raises(KeyError):
        leave_the_block()
    pending = batch.call("note", 2)
    with pytest.raises(RuntimeError, match="was not sent"):
        pending.result()
    with client.batch() as empty:
        pass
    assert empty.results() == []
    assert ran == []


def test_a_batch_is_sent_once(client):
    with client.batch() as batch:
        batch.call("add", 1, 2)
    with pytest.raises(RuntimeError, match="was sent"):
        batch.call("add", 1, 2)
    with pytest.raises(RuntimeError, match="was sent"):
        batch.send()
    assert batch.results() == [3]


def test_map_asks_for_results_in_order_some_at_a_time_and_raises_where_one_has_failed(client, server):
    ran = []
    server.register("halve", lambda number, by: ran.append(number) or number / by)
    results = client.map("halve", iter(range(6)), [1, 2, 1, 0, 1, 1], at_once=2)
    assert ran == []
    assert [next(results), next(results)] == [0, 0.5]
    assert ran == [0, 1]
    assert next(results) == 2
    assert ran == [0, 1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(client.map("echo", [])) == []
    for wrong in (0, True, 1.5):
        with pytest.raises(ValueError, match="at_once must be 1 or more"):
            client.map("echo", [1], at_once=wrong)


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
@pytest.mark.parametrize("handler", ["raises", "adds a call"])
def test_a_handler_that_interrupts_the_adding_of_a_call_leaves_each_with_its_own_result(client, handler):
    """The request of one call stood beside the note of another: results went astray, or all were refused."""
    for moment in itertools.count(1):
        batch, calls = client.batch(), {}

        def add(what, batch=batch, calls=calls):
            calls[what] = batch.call("echo", what)

        at = RaiseAt(moment, None if handler == "raises" else lambda add=add: add("handler's"))
        at.run(lambda add=add: add("interrupted"))
        if at.where is None:
            break
        add("last")
        batch.send()
        for what, pending in calls.items():
            assert pending.result() == what, at.where
    assert moment > 3


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


@pytest.mark.fault("batch")
def test_an_object_that_stays_in_the_server_is_not_had_by_a_batch(client, server):
    class Cart:
        def add(self, item):
            return item

    server.register_class(Cart)
    server.register("cart", Cart)
    with client.batch() as batch:
        calls = [batch.call("cart"), batch.call("add", 1, 2)]
    with pytest.raises(RPCSerializationError, match=r"Cart stays here.*call this method on its own"):
        calls[0].result()
    assert calls[1].result() == 3
    with client.call("cart") as cart:
        assert cart.add("tea") == "tea"


@pytest.mark.fault("batch")
@pytest.mark.parametrize("message", [b"", b"\0", b"\xff" * 50, joined([b"{"])[:-1], joined([]) + b"x"])
def test_a_message_that_is_no_batch_is_refused_and_the_server_goes_on(client, message):
    def settle(shown, response, kind):
        assert kind == BATCH
        (refusal,) = parted(response)
        with pytest.raises(RPCSerializationError, match="not a batch") as caught:
            client._decode(shown, refusal)
        assert not caught.value.may_have_run

    client._exchange_batch("nonsense", message, settle)
    assert client.call("add", 1, 2) == 3


@pytest.mark.fault("batch")
@pytest.mark.parametrize("answers", [[], [b"[1]"], [b"[1]", b"[2]", b"[3]"], None])
def test_a_response_that_is_not_of_the_batch_is_an_error_of_each_call(client, server, monkeypatch, answers):
    response = b"nonsense" if answers is None else joined(answers)
    monkeypatch.setattr(server._dispatch, "_answer_batch", lambda request: response)
    batch = client.batch()
    calls = [batch.call("add", 1, number) for number in range(2)]
    with pytest.raises(RPCSerializationError, match="the response to a batch of 2 calls is none") as caught:
        batch.send()
    assert caught.value.may_have_run
    for each in calls:
        with pytest.raises(RPCSerializationError, match="is none"):
            each.result()
    assert client.call("add", 1, 2) == 3


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_messages_joined_are_those_that_it_is_parted_into(messages):
    assert parted(joined(messages)) == messages


@pytest.mark.fault("batch")
@given(
    st.binary(max_size=100)
    | st.builds(lambda count, rest: bytes([count, 0, 0, 0]) + rest, st.integers(0, 5), st.binary(max_size=40))
)
def test_any_bytes_are_messages_that_are_all_in_it_or_refused(data):
    try:
        messages = parted(data)
    except ValueError:
        return
    assert joined(messages) == data
