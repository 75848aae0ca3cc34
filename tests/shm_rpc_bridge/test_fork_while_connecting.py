"""Forks at any moment of what other threads do, and forks that Python does not know of."""

import os
import signal

import pytest

from shm_rpc_bridge import RPCClient, RPCTransportError

from .forks import (
    connect_and_close,
    connected_to,
    create_a_transport,
    fork_meanwhile,
    open_and_close_a_semaphore,
    take_a_name,
    unseen_forking_server,
)
from .services import PATIENCE, calling, context, process, serving


@pytest.mark.fault("fork-while-connecting")
@pytest.mark.parametrize(
    ("live", "forks"),
    [(connect_and_close, 100), (take_a_name, 100), (create_a_transport, 100), (open_and_close_a_semaphore, 200)],
)
def test_a_child_forked_while_threads_open_and_close_runs_and_holds_no_lock_of_its_parents(name, live, forks):
    """One in hundreds hung in `sem_close`, whose lock a thread of the parent had; others kept a lock of the parent's
    that was open and not noted yet, so that the parent could not be seen dead."""
    receiving, sending = context.Pipe(False)
    with serving(name), process(fork_meanwhile, name, live, forks, sending):
        assert receiving.poll(PATIENCE)
        assert receiving.recv() == (0, [], [])


@pytest.mark.fault("fork-unseen")
def test_a_dead_servers_lock_in_a_child_forked_unseen_is_told_apart_and_said(name):
    """The child's copy of the lock is the server's: calls waited their timeout out, and the name was in use for ever.
    Without `is_gone` they do again."""
    entered = context.Event()
    with process(unseen_forking_server, name, entered) as server, connected_to(name) as client:
        child = client.call("fork_unseen")
        try:
            with calling(client.call, "hang") as call:
                assert entered.wait(PATIENCE)
                server.kill()
                server.join(PATIENCE)
                with pytest.raises(RPCTransportError, match="forked without Python's knowledge"):
                    call.result(PATIENCE)
            with pytest.raises(RPCTransportError, match="forked without Python's knowledge"):
                RPCClient(name)
            with serving(name):
                assert client.call("add", a=1, b=2) == 3
            os.kill(child, 0)  # still there, and with it the lock
        finally:
            os.kill(child, signal.SIGKILL)
