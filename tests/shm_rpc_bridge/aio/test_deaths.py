"""A client with many calls in flight dies, or its server does: at every step, and nobody else notices."""

import asyncio
import signal

import pytest

from shm_rpc_bridge import RPCClient, RPCServer, RPCTimeoutError, RPCTransportError
from shm_rpc_bridge.testing import Step, leftovers

from ..services import PATIENCE, context, process, register_methods, serving, started
from ..steps import steps_by_thread
from ..test_client_death import wait_until_only_one_is_left
from .children import LARGE, call_and_close, caller_of_hold, client_until, server_that_dies_of_sigpipe, server_until
from .loops import begun, connected, run

pytestmark = pytest.mark.fault("async")


def live_once():
    server = RPCServer("steps", wait="block")
    register_methods(server)
    with started(server):
        run(call_and_close("steps"))


_main, _serving = steps_by_thread(live_once)
CLIENT_STEPS = _main[_main.index(Step("open control", "before")) :]
SERVER_STEPS = [step for step in _serving if step.action.rpartition(" ")[2] in ("bell", "response", "request_full")]
BY_CHANCE = {"acquire request_full", "say writer waits", "say reader waits"}
"""Actions that are not met when the server happens to be quicker, or slower."""


def test_a_client_killed_at_any_step_disturbs_no_other_and_leaves_nothing(name):
    with serving(name), RPCClient(name, timeout=PATIENCE) as bystander:
        for number, step in enumerate(CLIENT_STEPS):
            with process(client_until, name, *step, "kill") as child:
                child.join(PATIENCE)
                assert child.exitcode == -signal.SIGKILL or (step.action in BY_CHANCE and not child.exitcode), step
                assert bystander.call("echo", data=number) == number, step
        assert wait_until_only_one_is_left(name) == ([0], ["doorbell", name])
    assert leftovers(name) == []


@pytest.mark.parametrize("act", ["kill", "stop"])
def test_a_server_killed_or_stopped_at_any_step_is_told_to_all_by_their_deadline(name, act):
    async def call(step):
        async with connected(name, timeout=PATIENCE if act == "kill" else 0.2) as client:
            calls = [*begun(client, 5), *(asyncio.ensure_future(client.call("text_of", LARGE)) for _ in range(3))]
            for each in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(each, (int, str, RPCTransportError, RPCTimeoutError)), (step, each)
            (last,) = await asyncio.gather(client.call("add", 1, 1), return_exceptions=True)
            assert isinstance(last, (RPCTransportError, RPCTimeoutError)), step

    for step in SERVER_STEPS[:: 2 if act == "kill" else 4]:
        with process(server_until, name, *step, act, 0):
            run(call(step))
        RPCServer(name).close()
        assert leftovers(name) == [], step


def test_a_client_that_has_died_does_not_end_a_server_whose_sigpipe_is_the_systems(name):
    """A bell that nobody hears any more was a SIGPIPE, which Python ignores and a command line tool does not."""
    entered, go_on = context.Event(), context.Event()
    with process(server_that_dies_of_sigpipe, name, entered, go_on) as server:
        with process(caller_of_hold, name) as caller:
            assert entered.wait(PATIENCE)
            caller.kill()
            caller.join(PATIENCE)
            go_on.set()
            with RPCClient(name, timeout=PATIENCE) as client:
                assert client.call("add", 1, 1) == 2
                client.call("stop")
        server.join(PATIENCE)
        assert server.exitcode == 0
    assert not leftovers(name)
