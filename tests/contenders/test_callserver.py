from __future__ import annotations

import contextlib
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from multiprocessing import shared_memory
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from contenders.callserver_child import FIRST_BUFFER_BYTES, CallServerChild
from contenders.interface import CallError, ServerGone
from contenders.process import ServerProcess
from contenders.service import BenchService


class Telling:
    """Says where it runs, and what it gets."""

    def echo(self, payload: Any) -> Any:
        return f"{os.getpid()} {type(payload).__name__}".encode().ljust(len(payload))

    def fail(self, payload: Any) -> None:
        raise FileNotFoundError(payload)


def segments() -> set[str]:
    """The shared memory of multiprocessing that this process has mapped."""
    return set(re.findall(r"/dev/shm/(psm_\w+)", Path("/proc/self/maps").read_text()))


def test_the_work_is_another_process_which_a_caller_names() -> None:
    contender = CallServerChild("native")
    with ServerProcess(contender, Telling()) as server, contender.connect(server.address) as caller:
        pid = int(caller.call("echo", "x").split()[0])
        assert caller.server_pid == pid != os.getpid()


def test_the_process_is_spawned_and_the_default_of_the_program_stays() -> None:
    before = multiprocessing.get_start_method(allow_none=True)
    contender = CallServerChild("native")
    with ServerProcess(contender, BenchService()) as server, contender.connect(server.address) as caller:
        command = Path(f"/proc/{caller.server_pid}/cmdline").read_bytes()
        assert b"multiprocessing.spawn" in command  # a fork would have the command line of its parent
        assert multiprocessing.get_start_method(allow_none=True) == before


def test_bytes_beyond_the_librarys_limit_travel_in_shared_memory_and_smaller_ones_in_the_pipe() -> None:
    contender = CallServerChild("bytes")
    with ServerProcess(contender, Telling()) as server, contender.connect(server.address) as caller:
        kinds = {size: bytes(caller.call("echo", bytes(size))).split()[1] for size in (1024, 1025)}
    assert kinds == {1024: b"bytes", 1025: b"memoryview"}


def test_buffers_are_allocated_once_and_again_only_for_what_they_cannot_hold() -> None:
    contender = CallServerChild("bytes")
    before = segments()
    with ServerProcess(contender, BenchService()) as server, contender.connect(server.address) as caller:
        first = segments() - before
        for size in (2000, FIRST_BUFFER_BYTES, 2000):
            assert bytes(caller.call("echo", bytes(size))) == bytes(size)
        assert segments() - before == first
        assert len(caller.call("echo", bytes(FIRST_BUFFER_BYTES + 1))) == FIRST_BUFFER_BYTES + 1
        grown = segments() - before - first
        assert {os.stat(f"/dev/shm/{name}").st_size for name in grown} == {2 * FIRST_BUFFER_BYTES}
    assert first
    assert segments() & (first | grown) == set()
    for name in first | grown:
        with pytest.raises(FileNotFoundError):
            shared_memory.SharedMemory(name)


def test_an_error_of_the_system_that_a_handler_raises_is_its_own_and_not_the_pipes() -> None:
    contender = CallServerChild("native")
    with ServerProcess(contender, Telling()) as server, contender.connect(server.address) as caller:
        with pytest.raises(CallError, match="FileNotFoundError: no such order"):
            caller.call("fail", "no such order")
        assert caller.call("echo", "x")


def test_a_server_killed_is_a_server_gone() -> None:
    contender = CallServerChild("native")
    with ServerProcess(contender, BenchService()) as server, contender.connect(server.address) as caller:
        assert caller.call("echo", "x") == "x"
        assert caller.server_pid is not None
        os.kill(caller.server_pid, signal.SIGKILL)
        for _ in range(2):
            with pytest.raises(ServerGone):
                caller.call("echo", "x")


def test_a_server_leaves_ctrl_c_to_its_parent() -> None:
    contender = CallServerChild("native")
    with ServerProcess(contender, BenchService()) as server, contender.connect(server.address) as caller:
        assert caller.server_pid is not None
        os.kill(caller.server_pid, signal.SIGINT)
        assert [caller.call("echo", "x") for _ in range(3)] == ["x"] * 3


PARENT = """
import os
from contenders.callserver_child import CallServerChild
from contenders.process import ServerProcess
from contenders.service import BenchService

if __name__ == "__main__":
    contender = CallServerChild("native")
    with ServerProcess(contender, BenchService()) as server, contender.connect(server.address) as caller:
        print(caller.server_pid, flush=True)
        os.kill(os.getpid(), 9)
"""


def test_a_server_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
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
