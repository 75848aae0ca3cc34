"""Hypothesis looks for an order of events in which somebody gets what is not theirs, or something is left."""

import os
import signal
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shm_rpc_bridge import RPCClient, RPCServer, RPCTimeoutError, RPCTransportError
from shm_rpc_bridge.testing import leftovers

from .children import stoppable_server
from .services import PATIENCE, context, server_process, unique_name
from .steps import wait_until_stopped


class Pair(NamedTuple):
    """Two clients that connected at one moment."""

    patient: RPCClient
    hasty: RPCClient
    """Its calls time out at the slightest; what it must never get is another call's answer."""


class AnyOrder(RuleBasedStateMachine):
    """Servers of one name are real processes: started, stopped, killed and frozen. Their clients live here."""

    pairs = Bundle("pairs")
    bystander: RPCClient
    """Calls a server of another name, which nothing that happens here may touch."""
    machines = 0

    def __init__(self):
        super().__init__()
        AnyOrder.machines += 1
        self.name = unique_name()
        self.server = None
        self.is_frozen = False
        self.connected = []
        self.numbers = iter(range(10**9))

    @precondition(lambda self: self.server is None)
    @rule()
    def start(self):
        self.server = context.Process(target=stoppable_server, args=(self.name,))
        self.server.start()
        with RPCClient(self.name, timeout=PATIENCE, wait_for_server=PATIENCE) as client:
            assert client.call("add", a=1, b=2) == 3

    @precondition(lambda self: self.server is not None)
    @rule()
    def kill(self):
        self.server.kill()
        self.server.join(PATIENCE)
        self.server, self.is_frozen = None, False

    @precondition(lambda self: self.server is not None and not self.is_frozen)
    @rule()
    def stop(self):
        self.server.terminate()
        self.server.join(PATIENCE)
        assert self.server.exitcode == 0
        self.server = None

    @precondition(lambda self: self.server is not None)
    @rule()
    def start_another(self):
        with pytest.raises(RPCTransportError, match=f"in use by process {self.server.pid}"):
            RPCServer(self.name)

    @precondition(lambda self: self.server is not None and not self.is_frozen)
    @rule()
    def freeze(self):
        os.kill(self.server.pid, signal.SIGSTOP)
        wait_until_stopped(self.server)
        self.is_frozen = True

    @precondition(lambda self: self.server is not None and not self.is_frozen)
    @rule(pair=pairs)
    def freeze_in_the_middle_of_a_call(self, pair):
        with pytest.raises(RPCTimeoutError) as caught:
            pair.hasty.call("stop_process", number=next(self.numbers))
        if "unknown" in str(caught.value):  # else it was too hasty for the server
            wait_until_stopped(self.server)
            self.is_frozen = True

    @precondition(lambda self: self.is_frozen)
    @rule()
    def thaw(self):
        os.kill(self.server.pid, signal.SIGCONT)
        self.is_frozen = False

    @rule(target=pairs)
    def connect(self):
        try:
            pair = Pair(RPCClient(self.name, timeout=PATIENCE), RPCClient(self.name, timeout=0.01))
        except RPCTransportError:
            if self.server is not None:
                raise
            return multiple()
        assert self.server is not None
        self.connected.append(pair)
        return pair

    @rule(pair=consumes(pairs))
    def close(self, pair):
        self.connected.remove(pair)
        for client in pair:
            client.close()

    @precondition(lambda self: not self.is_frozen)
    @rule(pair=pairs, size=st.sampled_from([0, 100, 70_000]))
    def call(self, pair, size):
        data = [next(self.numbers), "x" * size]
        if self.server is not None:
            assert pair.patient.call("echo", data=data) == data
        else:
            with pytest.raises(RPCTransportError):
                pair.patient.call("echo", data=data)

    @rule(pair=pairs, size=st.sampled_from([0, 100, 70_000]))
    def call_hastily(self, pair, size):
        data = [next(self.numbers), "x" * size]
        try:
            assert pair.hasty.call("echo", data=data) == data
        except RPCTimeoutError:
            assert self.server is not None  # of a dead one it is told, however hasty
        except RPCTransportError:
            assert self.server is None

    @invariant()
    def nobody_else_is_disturbed(self):
        number = next(self.numbers)
        assert self.bystander.call("echo", data=number) == number

    def teardown(self):
        for pair in self.connected:
            for client in pair:
                client.close()
        if self.server is not None:
            self.kill()
        RPCServer(self.name).close()  # as the next server of that name would
        assert leftovers(self.name) == []


@pytest.mark.fault("any-order")
@pytest.mark.parametrize("orders", [15, pytest.param(500, marks=pytest.mark.soak)])
def test_in_any_order_everyone_gets_their_own_answer_and_nothing_is_left(name, orders, figures):
    """Without looking at sequences in `ClientChannel.exchange`, and with channels that timed out used again, a late
    reply is taken for another's answer at once; either of the two alone prevents it."""
    orders, before = figures.scaled(orders), AnyOrder.machines
    with server_process(name) as child, RPCClient(name, timeout=PATIENCE) as AnyOrder.bystander:
        run_state_machine_as_test(
            AnyOrder,
            settings=settings(
                max_examples=orders,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                database=None,
            ),
        )
        AnyOrder.bystander.call("stop")
        child.join(PATIENCE)
    tried = AnyOrder.machines - before
    figures.record("any-order", "orders of up to 25 events tried", tried, "orders", tried)
