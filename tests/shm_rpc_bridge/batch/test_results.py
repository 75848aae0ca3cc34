"""Many calls in one message: each has its own result or exception, and they come in the order of the calls."""

import itertools

import pytest

from shm_rpc_bridge import RPCClient, RPCMethodError, RPCSerializationError

from ..raising import RaiseAt
from ..services import PATIENCE, serving


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
