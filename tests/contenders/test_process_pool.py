from __future__ import annotations

import os
import signal

import pytest

from contenders.interface import CallError, ServerGone
from contenders.process import ServerProcess
from contenders.process_pool import ProcessPool
from contenders.service import BenchService


class Unpicklable:
    """Its result and its exception hold what cannot leave the worker."""

    def echo(self, payload: object) -> object:
        return lambda: payload

    def fail(self, payload: object) -> None:
        raise ValueError(lambda: payload)

    def add(self, payload: dict[str, int]) -> int:
        return os.getpid()


def test_the_work_is_another_process_which_a_caller_names() -> None:
    contender = ProcessPool("native")
    with ServerProcess(contender, Unpicklable()) as server, contender.connect(server.address) as caller:
        assert caller.server_pid == caller.call("add", {}) != os.getpid()


def test_what_cannot_be_pickled_is_an_error_and_the_next_call_works() -> None:
    contender = ProcessPool("native")
    with ServerProcess(contender, Unpicklable()) as server, contender.connect(server.address) as caller:
        with pytest.raises(CallError, match="pickle"):
            caller.call("echo", "result")
        with pytest.raises(CallError, match="ValueError"):
            caller.call("fail", "exception")
        with pytest.raises(CallError, match="pickle"):
            caller.call("add", lambda: None)
        assert caller.call("add", {}) == caller.server_pid


def test_a_worker_killed_is_a_server_gone() -> None:
    contender = ProcessPool("native")
    with ServerProcess(contender, BenchService()) as server, contender.connect(server.address) as caller:
        assert caller.call("echo", "x") == "x"
        assert caller.server_pid is not None
        os.kill(caller.server_pid, signal.SIGKILL)
        with pytest.raises(ServerGone):
            caller.call("echo", "x")
        with pytest.raises(ServerGone):
            caller.call("echo", "x")
