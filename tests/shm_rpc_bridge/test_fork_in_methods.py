"""Methods that fork: their children are programs like any other, and their server goes on."""

import os
import signal

import pytest

from shm_rpc_bridge import cleanup

from .forks import CHILDS_STATUS, INTERRUPTED, OWN_STATUS, connected_to, forking_server
from .services import PATIENCE, process

pytestmark = [
    pytest.mark.fault("child-of-a-method"),
    pytest.mark.parametrize("in_thread", [False, True], ids=["main thread", "another thread"]),
]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, INTERRUPTED)])
def test_a_process_that_a_method_starts_is_ended_by_a_signal_and_the_server_is_not(name, in_thread, number, status):
    """It had the handlers of its parent's server, which ask that to stop: the first signal did nothing."""
    with process(forking_server, name, in_thread) as server, connected_to(name) as client:
        assert client.call("status_of_a_process_that_gets", number=number) == status
        assert client.call("add", a=1, b=2) == 3
        stop(server, client, in_thread)


def test_a_child_that_is_ended_before_it_has_begun_is_ended(name, in_thread):
    """Between the fork and the moment that it has its parent's handlers back it kept the server's, and forgot the
    signal: so a `Pool` that was ended at once, on a busy machine, waited for its workers for ever."""
    with process(forking_server, name, in_thread) as server, connected_to(name) as client:
        assert client.call("status_of_a_child_ended_at_once") == -signal.SIGTERM
        stop(server, client, in_thread)


def test_a_pool_in_a_method_works_and_ends(name, in_thread):
    """`Pool` ends its workers by SIGTERM and waits for them, which went on: so did the call, for ever."""
    with process(forking_server, name, in_thread) as server, connected_to(name) as client:
        assert client.call("results_of_a_pool") == [1, 2, 3]
        assert client.call("results_of_a_pool") == [1, 2, 3]
        stop(server, client, in_thread)


def test_a_child_that_a_method_forks_leaves_start_quietly_and_the_parent_answers(name, in_thread):
    """It answered its parent's caller, on memory that it no longer had, and `start()` raised in it."""
    with process(forking_server, name, in_thread) as server, connected_to(name) as client:
        assert client.call("status_of_a_fork") == CHILDS_STATUS
        assert client.call("add", a=1, b=2) == 3
        with connected_to(name) as another:  # the child has taken no name away
            assert another.call("status_of_a_fork") == CHILDS_STATUS
        stop(server, client, in_thread)


def stop(server, client, in_thread):
    """By the server's own handler where it has one; it then finds the process's as they were before."""
    if in_thread:
        client.call("stop")
    else:
        os.kill(server.pid, signal.SIGTERM)
    server.join(PATIENCE)
    assert server.exitcode == OWN_STATUS
    assert cleanup.survey(client.name) == []
