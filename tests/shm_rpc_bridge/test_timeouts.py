"""One deadline per call, and no late reply taken for another."""

import threading

import pytest

from shm_rpc_bridge import RPCClient, RPCTimeoutError

from .services import PATIENCE, serving


@pytest.mark.fault("handler-slow")
@pytest.mark.parametrize("times", [100, pytest.param(1000, marks=pytest.mark.soak)])
def test_a_late_reply_is_never_taken_for_the_answer_of_another_call(name, times, figures):
    """Without sequences, and with channels used again, the first answer was `["late", 0]`; either is enough."""
    gates = [threading.Event() for _ in range(figures.scaled(times))]
    with serving(name) as server, RPCClient(name, timeout=0.005) as client:
        server.register("late", lambda number: gates[number].wait(PATIENCE) and ["late", number])
        for number, gate in enumerate(gates):
            with pytest.raises(RPCTimeoutError):
                client.call("late", number=number)
            gate.set()
            try:
                assert client.call("echo", data=number) == number
            except RPCTimeoutError:  # a busy machine may need longer; a wrong answer is what must not come
                continue
    figures.record("handler-slow", "late replies, none of them taken for another's", len(gates), "replies", len(gates))


@pytest.mark.fault("handler-slow")
def test_after_a_timeout_the_same_client_gets_its_own_next_answer(name):
    gate = threading.Event()
    with serving(name) as server:
        server.register("late", lambda: gate.wait(PATIENCE))
        client = RPCClient(name, timeout=0.01)
        with pytest.raises(RPCTimeoutError, match=f"'late' on '{name}' took more than 0.01 s"):
            client.call("late")
        gate.set()
        answers = []
        while len(answers) < 100:
            try:
                answers.append(client.call("echo", data=len(answers)))
            except RPCTimeoutError:  # a busy machine may need longer than the hasty timeout
                continue
        assert answers == list(range(100))
        client.close()


@pytest.mark.fault("handler-slow")
def test_a_timeout_says_whether_the_server_had_taken_the_request(name):
    entered, release = threading.Event(), threading.Event()
    with serving(name) as server:
        server.register("hold", lambda: entered.set() or release.wait(PATIENCE))
        ran = []
        server.register("note", ran.append)
        with RPCClient(name, timeout=PATIENCE) as patient, RPCClient(name, timeout=0.01) as hasty:
            thread = threading.Thread(target=patient.call, args=("hold",))
            thread.start()
            assert entered.wait(PATIENCE)
            with pytest.raises(RPCTimeoutError, match="had not taken it, so it never runs"):
                hasty.call("note", value=1)
            release.set()
            thread.join(PATIENCE)
            patient.call("add", a=1, b=2)
        assert ran == []


@pytest.mark.fault("timeout-odd")
def test_a_timeout_of_zero_is_a_poll(name):
    release = threading.Event()
    with serving(name) as server:
        server.register("hold", lambda: release.wait(PATIENCE))
        with RPCClient(name, timeout=0) as client, pytest.raises(RPCTimeoutError):
            client.call("hold")
        release.set()


@pytest.mark.fault("timeout-odd")
def test_a_timeout_of_none_waits(name):
    with serving(name), RPCClient(name, timeout=None) as client:
        assert client.call("add", a=1, b=2) == 3
