"""Every error of a call says whether its method may have run; and what else a call and its server refuse."""

import asyncio
import contextlib
import functools
import gc
import pickle
import threading

import pytest

from shm_rpc_bridge import (
    AsyncRPCClient,
    RPCClient,
    RPCMethodError,
    RPCSerializationError,
    RPCServer,
    RPCTimeoutError,
    RPCTransportError,
    cleanup,
)

from .children import hanging_server
from .services import PATIENCE, calling, context, process, register_methods, server_process, serving, started
from .steps import until


@pytest.mark.fault("outcome-said")
@pytest.mark.parametrize(
    ("method", "params", "kind", "may_have_run"),
    [
        ("divide", {"a": 1, "b": 0}, RPCMethodError, True),
        ("make_set", {}, RPCSerializationError, True),
        ("text_of", {"size": 20_000}, RPCTransportError, True),
        ("nothing of that name", {}, RPCMethodError, False),
        ("echo", {"data": {1, 2}}, RPCSerializationError, False),
        ("echo", {"data": "x" * 20_000}, RPCTransportError, False),
    ],
    ids=["raises", "result-no-json", "result-too-large", "unknown", "parameter-no-json", "request-too-large"],
)
def test_what_a_call_comes_to_says_whether_it_may_have_run(name, method, params, kind, may_have_run):
    """It had to be read off the text of some errors, and could not be told of others."""
    with serving(name, max_message_size=10_000), RPCClient(name, timeout=PATIENCE) as client:
        with pytest.raises(kind) as caught:
            client.call(method, **params)
        assert caught.value.may_have_run is may_have_run
        assert pickle.loads(pickle.dumps(caught.value)).may_have_run is may_have_run
        assert client.call("add", a=1, b=2) == 3


@pytest.mark.fault("outcome-said")
def test_a_timeout_says_whether_its_method_may_have_run(name):
    entered, release, ran = threading.Event(), threading.Event(), []
    with serving(name) as server:
        server.register("hold", lambda: entered.set() or release.wait(PATIENCE))
        server.register("note", ran.append)
        with RPCClient(name, timeout=PATIENCE) as client, calling(
            client.with_options(timeout=0.3).call, "hold"
        ) as taken:
            try:
                assert entered.wait(PATIENCE)
                with pytest.raises(RPCTimeoutError, match="it never runs") as never:
                    client.with_options(timeout=0.01).call("note", value=1)
                with pytest.raises(RPCTimeoutError, match="whether it ran is unknown") as unknown:
                    taken.result(PATIENCE)
            finally:
                release.set()
            assert never.value.may_have_run is False
            assert unknown.value.may_have_run is True
            client.call("add", a=1, b=2)
    assert ran == []


@pytest.mark.fault("outcome-said")
def test_a_servers_death_says_whether_the_method_may_have_run(name):
    entered = context.Event()
    with process(hanging_server, name, entered) as child:
        busy = RPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE)
        queued = RPCClient(name, timeout=PATIENCE)
        with calling(busy.call, "hang") as running, calling(queued.call, "hang") as waiting:
            assert entered.wait(PATIENCE)
            child.kill()
            running, waiting = running.exception(PATIENCE), waiting.exception(PATIENCE)
        assert {running.may_have_run, waiting.may_have_run} == {True, False}  # either may have been the first
        for error in (running, waiting):
            assert isinstance(error, RPCTransportError)
            assert ("unknown" in str(error)) is error.may_have_run
        with pytest.raises(RPCTransportError, match="never runs") as idle:
            queued.call("hang")
        assert idle.value.may_have_run is False
        with pytest.raises(RPCTransportError) as none:
            RPCClient(name)
        assert none.value.may_have_run is False
        busy.close()
        queued.close()
    for owner in cleanup.survey(name):
        cleanup.remove(owner)


@pytest.mark.fault("outcome-said")
def test_a_server_killed_while_it_is_idle_has_run_nothing(name):
    with server_process(name) as child, RPCClient(name, timeout=PATIENCE) as client:
        assert client.call("add", a=1, b=2) == 3
        child.kill()
        child.join(PATIENCE)
        for _ in range(2):
            with pytest.raises(RPCTransportError, match="never runs") as caught:
                client.call("add", a=1, b=2)
            assert caught.value.may_have_run is False
    for owner in cleanup.survey(name):
        cleanup.remove(owner)


@pytest.mark.fault("outcome-said")
def test_a_client_closed_during_its_calls_says_which_of_them_may_have_run(name):
    entered, release = threading.Event(), threading.Event()
    with serving(name) as server:
        server.register("hold", lambda: entered.set() or release.wait(PATIENCE))
        client = RPCClient(name, timeout=PATIENCE)
        with calling(client.call, "hold") as running:
            try:
                assert entered.wait(PATIENCE)
                client.close()
                error = running.exception(PATIENCE)
            finally:
                release.set()
        assert isinstance(error, RPCTransportError)
        assert error.may_have_run is True
        with pytest.raises(RPCTransportError, match="is closed") as caught:
            client.call("add", a=1, b=2)
        assert caught.value.may_have_run is False


@pytest.mark.fault("outcome-said")
def test_a_client_with_another_timeout_uses_the_same_channels_and_leaves_its_clients_timeout(name):
    entered, release = threading.Event(), threading.Event()
    with serving(name, max_channels=1) as server:  # a second channel would be refused
        server.register("hold", lambda: entered.set() or release.wait(PATIENCE))
        with RPCClient(name, timeout=PATIENCE) as client:
            quick = client.with_options(timeout=0.01)
            assert quick.name == name
            assert quick.with_options(timeout=PATIENCE).call("add", a=1, b=2) == 3
            for made in (quick, client):
                for _ in until(PATIENCE):  # a busy machine may need longer than the hasty timeout
                    try:
                        assert made.call("add", a=1, b=2) == 3
                        break
                    except RPCTimeoutError:
                        continue
            with pytest.raises(RPCTimeoutError, match=f"'hold' on '{name}' took more than 0.01 s"):
                quick.call("hold")
            release.set()
            for _ in until(PATIENCE):
                try:
                    assert client.call("echo", data="own") == "own"
                    break
                except RPCTransportError:  # its slot is still the timed out call's
                    continue
            quick.close()
            with pytest.raises(RPCTransportError, match="is closed"):
                client.call("add", a=1, b=2)


@pytest.mark.fault("outcome-said")
@pytest.mark.filterwarnings("ignore:.*was never closed:ResourceWarning")  # as an error it would not get to closing
@pytest.mark.parametrize("timeout", [-1, float("nan"), 1e10])
def test_a_timeout_that_is_none_is_refused_and_the_client_goes_on(name, timeout):
    with serving(name), RPCClient(name, timeout=PATIENCE) as client:
        with contextlib.suppress(ValueError):  # not pytest.raises, which keeps what the error's frames hold
            client.with_options(timeout=timeout)
            raise AssertionError("it was not refused")
        gc.collect()
        assert client.call("add", a=1, b=2) == 3


@pytest.mark.fault("own-server")
@pytest.mark.parametrize("begin", ["call", "submit", "stream"])
def test_a_method_that_awaits_a_call_of_its_own_server_in_the_thread_that_answers_is_refused_at_once(name, begin):
    """In a loop that it runs itself: it waited for itself until its timeout, or for ever."""

    async def call():
        async with AsyncRPCClient(name, timeout=None) as inner:
            return await getattr(inner, begin)("add", a=1, b=2)

    async def awaiting():  # in the server's loop, where nobody is waited for
        async with AsyncRPCClient(name, timeout=PATIENCE) as inner:
            return await inner.call("add", a=1, b=2)

    with serving(name) as server, RPCClient(name, timeout=PATIENCE) as client:
        server.register("nested", lambda: asyncio.run(call()))
        server.register("awaiting", awaiting)
        with pytest.raises(RPCMethodError, match=r"has called its own server.*never runs") as caught:
            client.call("nested")
        assert caught.value.remote_type == "RPCTransportError"
        assert client.call("awaiting") == 3


@pytest.mark.fault("own-server")
def test_a_method_that_calls_its_own_server_is_refused_at_once(name):
    """It waited for itself until its timeout, or for ever."""
    with serving(name) as server, RPCClient(name, timeout=None) as inner, RPCClient(name, timeout=PATIENCE) as client:
        server.register("nested", lambda: inner.call("add", a=1, b=2))

        def in_a_new_client():
            with RPCClient(name, timeout=None) as newer:
                newer.call("add", a=1, b=2)

        def from_another_thread():
            with calling(client.with_options(timeout=0.02).call, "add", a=1, b=2) as call:
                return type(call.exception(PATIENCE)).__name__

        server.register("nested_anew", in_a_new_client)
        server.register("in_a_thread", from_another_thread)
        for method in ("nested", "nested_anew"):
            with pytest.raises(RPCMethodError, match="has called its own server") as caught:
                client.call(method)
            assert caught.value.remote_type == "RPCTransportError"
        assert client.call("in_a_thread") == "RPCTimeoutError"  # which nobody can tell from a busy server
        assert inner.call("add", a=1, b=2) == 3  # from this thread, which does not serve
        for _ in range(3):
            with calling(inner.call, "add", a=1, b=3) as call:
                assert call.result(PATIENCE) == 4


@pytest.mark.fault("own-server")
def test_a_method_may_call_another_server_of_its_process(name):
    other = RPCServer(name + "-other")
    register_methods(other)
    with started(other), RPCClient(other.name, timeout=PATIENCE) as inner, serving(name) as server:
        server.register("ask", lambda: inner.call("add", a=1, b=2))
        with RPCClient(name, timeout=PATIENCE) as client:
            assert client.call("ask") == 3


@pytest.mark.fault("own-server")
def test_a_thread_that_has_served_may_call_the_next_server_of_that_name(name):
    first = RPCServer(name)
    first.stop()
    first.start()
    with RPCServer(name), RPCClient(name, timeout=0) as client, pytest.raises(RPCTimeoutError):
        client.call("add", a=1, b=2)  # taken by no thread yet, but not refused


def plus(a, b):
    return a + b


@pytest.mark.fault("own-server")
def test_a_partial_is_registered_under_its_functions_name(name):
    """`AttributeError: 'functools.partial' object has no attribute '__name__'`."""
    with serving(name) as server:
        made = functools.partial(functools.partial(plus, b=2))
        assert server.register_function(made) is made
        assert server.register_function(len_of_all) is len_of_all
        with RPCClient(name, timeout=PATIENCE) as client:
            assert client.call("plus", a=1) == 3
            assert client.call("len_of_all", items=[1, 2]) == 2


def len_of_all(items):
    return len(items)


class Nameless:
    def __call__(self):
        return "called"


@pytest.mark.fault("own-server")
def test_what_has_no_name_of_its_own_is_refused_saying_how_to_give_it_one(name):
    with serving(name) as server:
        for nameless in (Nameless(), functools.partial(Nameless())):
            with pytest.raises(TypeError, match=r"Nameless object has no __name__: register\(name, function\)"):
                server.register_function(nameless)
        server.register("named", Nameless())
        with RPCClient(name, timeout=PATIENCE) as client:
            assert client.call("named") == "called"


def test_an_answer_that_comes_just_before_the_server_closes_is_not_called_unknown(name):
    """Who was parked looks at the server's life first, and heard that it had closed, with the answer lying there."""
    go_on = threading.Event()
    with serving(name) as server, RPCClient(name, timeout=PATIENCE, wait="block") as client:
        server.register("hold", lambda: go_on.wait(PATIENCE))
        (channel,) = client._pool.idle
        body = channel.body

        def closes():
            go_on.set()
            for _ in until(PATIENCE):
                if body.channel.response.seems_full():
                    return False
            raise AssertionError("there is no answer")

        body.control.is_serving = closes
        assert client.call("hold") is True
