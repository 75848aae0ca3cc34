"""What becomes of calls when their server has died, with servers in processes of their own."""

import contextlib
import time

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTransportError, cleanup
from shm_rpc_bridge.testing import leftovers

from . import pricing
from .services import PATIENCE, calling, process
from .steps import entered, until


def serve_pricing(name):
    with RPCServer(name) as server:
        server.register_module(pricing)
        server.start()


def serve_nobody(name):
    """Be there, and take no request."""
    with RPCServer(name):
        pricing.threading.Event().wait()


@contextlib.contextmanager
def serving_process(name, target=serve_pricing):
    """From the moment that it can be connected to."""
    with process(target, name) as child:
        RPCClient(name, wait_for_server=PATIENCE).close()
        yield child


def kill(child):
    child.kill()
    child.join(PATIENCE)


@pytest.fixture
def notes(tmp_path):
    """A file with a line for each time that `note` has run."""
    (path := tmp_path / "notes").touch()
    return path


@pytest.fixture
def buried(name):
    """A name of which at the end nothing is left although nobody starts its server again."""
    yield name
    for owner in cleanup.survey(name):
        cleanup.remove(owner)


def until_more(name, objects, call):
    """Until a client has made the objects of a channel that its server does not open yet."""
    for _ in until(PATIENCE):
        if len(leftovers(name)) > objects or call.done():
            break


@contextlib.contextmanager
def sent_and_not_taken(name, fifo, method, *arguments):
    """A server that is in a method of one client, and the patient call of another one that waits for its turn."""
    with contextlib.ExitStack() as stack:
        child = stack.enter_context(serving_process(name))
        busy = stack.enter_context(RPCClient(name, timeout=PATIENCE))
        running = stack.enter_context(calling(busy.call, "hold", fifo))
        entered(fifo)
        before = len(leftovers(name))
        patient = busy.with_options(wait_for_server=PATIENCE)  # which uses another channel, new in this moment
        queued = stack.enter_context(calling(patient.call, method, *arguments))
        until_more(name, before, queued)
        yield child, queued
        with pytest.raises(RPCTransportError, match="whether it ran is unknown"):
            running.result(PATIENCE)


@pytest.mark.fault("resend-once")
def test_a_call_to_a_server_that_was_replaced_while_nobody_called_runs_once_in_the_new_one(buried, notes):
    name = buried
    with serving_process(name) as first, RPCClient(name, timeout=PATIENCE) as client:
        before = client.call("pid")
        kill(first)
        with serving_process(name) as second:
            client.call("note", str(notes), "once")
            assert client.call("pid") == second.pid != before
    assert notes.read_text() == "once\n"


@pytest.mark.fault("resend-once")
def test_a_call_that_never_ran_is_sent_once_more_to_the_server_that_comes_within_its_patience(buried, fifo, notes):
    name = buried
    with sent_and_not_taken(name, fifo, "note", str(notes), "once") as (first, queued):
        kill(first)
        with serving_process(name):
            assert queued.result(PATIENCE) is None
    assert notes.read_text() == "once\n"


@pytest.mark.fault("resend-once")
def test_a_call_that_may_have_run_is_never_sent_again(buried, fifo, notes):
    """It is patient enough to wait for another server, in which it would run a second time."""
    name = buried
    with serving_process(name) as first, RPCClient(name, timeout=PATIENCE) as client:
        patient = client.with_options(wait_for_server=PATIENCE)
        with calling(patient.call, "note_and_hold", str(notes), "once", fifo) as call:
            entered(fifo)
            kill(first)
            with serving_process(name):
                with pytest.raises(RPCTransportError, match=r"is dead \(whether it ran is unknown\)") as caught:
                    call.result(PATIENCE)
                assert caught.value.may_have_run
                assert client.call("quote", 1) == 3
    assert notes.read_text() == "once\n"


@pytest.mark.fault("resend-once")
def test_a_call_that_was_lost_with_a_second_server_is_not_sent_a_third_time(buried, fifo, notes):
    """The second is there and takes nothing, so that this call's request dies with it as well."""
    name = buried
    with sent_and_not_taken(name, fifo, "note", str(notes), "once") as (first, queued):
        kill(first)
        with serving_process(name, serve_nobody) as second:
            until_more(name, 2, queued)
            kill(second)
            with serving_process(name), pytest.raises(RPCTransportError, match="so it never runs") as caught:
                queued.result(PATIENCE)
    assert not caught.value.may_have_run
    assert notes.read_text() == ""


@pytest.mark.fault("resend-once")
def test_a_server_that_is_gone_fails_calls_at_once_and_they_say_so(buried):
    name = buried
    with serving_process(name) as child, RPCClient(name, timeout=PATIENCE, wait_for_server=PATIENCE) as client:
        client.call("pid")
        kill(child)
        began = time.monotonic()
        for told in (
            r"is dead \(the server had not taken it, so it never runs\); .*start the server",
            "start the server",
        ):
            with pytest.raises(RPCTransportError, match=told) as caught:
                client.call("pid")
            assert type(caught.value) is RPCTransportError
            assert not caught.value.may_have_run
        assert time.monotonic() - began < PATIENCE / 2  # neither for the patience of connecting nor for the timeout


@pytest.mark.fault("resend-once")
def test_patience_is_asked_for_per_call_and_ends_with_its_deadline(buried):
    name = buried
    with serving_process(name) as child, RPCClient(name, timeout=PATIENCE) as client:
        client.call("pid")
        kill(child)
        for options, waited in (
            ({"wait_for_server": 0.2}, r"waited 0\.2 s for it"),
            ({"wait_for_server": PATIENCE, "timeout": 1.5}, r"waited [\d.]+ s for it"),
        ):
            began = time.monotonic()
            with pytest.raises(RPCTransportError, match=waited) as caught:
                client.with_options(**options).call("pid")
            assert type(caught.value) is RPCTransportError
            assert 0.1 < time.monotonic() - began < PATIENCE / 2
        patient = client.with_options(wait_for_server=PATIENCE)
        with calling(patient.call, "quote", 2) as call, serving_process(name):
            assert call.result(PATIENCE) == 6


@pytest.mark.fault("resend-once")
def test_no_error_of_a_death_is_of_a_class_that_no_document_names(buried, fifo):
    name, found = buried, []

    def fail(function, *arguments):
        with pytest.raises(RPCTransportError) as caught:
            function(*arguments)
        found.append(type(caught.value))

    fail(RPCClient, name)
    with serving_process(name) as child, RPCClient(name, timeout=PATIENCE) as client:
        with calling(fail, client.call, "hold", fifo) as call:
            entered(fifo)
            kill(child)
            call.result(PATIENCE)
        fail(client.call, "pid")
        fail(RPCClient, name)
    assert found == [RPCTransportError] * 4
