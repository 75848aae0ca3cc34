from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from multiprocessing.connection import wait
from pathlib import Path

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


def test_a_worker_leaves_ctrl_c_to_its_parent() -> None:
    """The terminal sends it to both; a worker that ended of it would break its parent's pool."""
    contender = ProcessPool("native")
    with ServerProcess(contender, BenchService()) as server, contender.connect(server.address) as caller:
        assert caller.server_pid is not None
        os.kill(caller.server_pid, signal.SIGINT)
        assert [caller.call("echo", "x") for _ in range(3)] == ["x"] * 3


PARENT = """
import os, sys
from contenders.process import ServerProcess
from contenders.process_pool import ProcessPool
from contenders.service import BenchService

if __name__ == "__main__":
    contender = ProcessPool("native")
    with ServerProcess(contender, BenchService()) as server, contender.connect(server.address) as caller:
        print(caller.server_pid, flush=True)
        os.kill(os.getpid(), 9)
"""


def test_a_worker_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, program], stdout=subprocess.PIPE, text=True, env=environment, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    with contextlib.suppress(ProcessLookupError):  # it is gone already
        worker = os.pidfd_open(int(killed.stdout))
        try:
            assert wait([worker], timeout=30) == [worker]
        finally:
            os.close(worker)
