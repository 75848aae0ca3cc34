from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path

import pytest

from contenders import registry
from contenders.interface import Contender
from contenders.process import ServerFailed, ServerProcess
from contenders.service import BenchService
from tests.contenders.services import (
    BrokenServer,
    CrashingServer,
    DeafServer,
    DyingServer,
    SilentServer,
)


@pytest.fixture
def folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where servers make their private folders during this test; a short path, as sockets need."""
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield Path(folder)


def contender(name: str) -> Contender:
    return registry.load(name)("json")


def test_the_server_is_another_process_and_is_gone_after_the_block(folders: Path) -> None:
    with ServerProcess(contender("zmq-ipc"), BenchService()) as server:
        assert server.pid not in (0, os.getpid())
        pid_file_descriptor = os.pidfd_open(server.pid) if sys.platform == "linux" else None
        assert server.address
        assert server.failure is None
    assert server.failure is None
    if pid_file_descriptor is not None:
        assert wait([pid_file_descriptor], timeout=0) == [pid_file_descriptor]
        os.close(pid_file_descriptor)


def test_its_folder_is_private_and_goes_with_it(folders: Path) -> None:
    with ServerProcess(contender("zmq-ipc"), BenchService()):
        (folder,) = folders.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folders.iterdir()) == []


def test_an_in_process_contender_is_served_by_this_process(folders: Path) -> None:
    threads = threading.active_count()
    with ServerProcess(contender("direct"), BenchService()) as server:
        assert server.pid == os.getpid()
        assert threading.active_count() > threads
    assert list(folders.iterdir()) == []


def test_stopping_twice_is_stopping_once() -> None:
    server = ServerProcess(contender("direct"), BenchService()).start()
    server.stop()
    server.stop()


@pytest.mark.parametrize(
    ("broken", "reason"),
    [(BrokenServer("json"), "OSError: no endpoint to be had"), (DyingServer("json"), "exit code -9")],
)
def test_a_server_that_ends_before_it_is_ready_says_why(folders: Path, broken: Contender, reason: str) -> None:
    with pytest.raises(ServerFailed, match=reason):
        ServerProcess(broken, BenchService()).start()
    assert list(folders.iterdir()) == []


def test_a_server_that_never_becomes_ready_is_given_up(folders: Path) -> None:
    with pytest.raises(ServerFailed, match=r"not ready after 1\.0 s"):
        ServerProcess(SilentServer("json"), BenchService(), start_seconds=1.0).start()
    assert list(folders.iterdir()) == []


def test_a_server_that_does_not_stop_is_killed_and_that_is_said(
    folders: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "contenders"):
        server = ServerProcess(DeafServer("json"), BenchService(), stop_seconds=0.2).start()
        server.stop()
    assert "terminated" in caplog.text
    assert "killed" in caplog.text
    assert list(folders.iterdir()) == []


def test_a_server_that_fails_later_is_reported_when_it_is_stopped(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "contenders"):
        server = ServerProcess(CrashingServer("json"), BenchService()).start()
        server.stop()
    assert "RuntimeError: lost the endpoint" in (server.failure or "")
    assert "RuntimeError: lost the endpoint" in caplog.text


def _start_a_server_and_wait(deaf: bool, folders: str, told: Connection) -> None:
    tempfile.tempdir = folders
    server = ServerProcess(DeafServer("json") if deaf else contender("zmq-ipc"), BenchService(), stop_seconds=0.1)
    told.send(server.start().pid)
    signal.pause()


@pytest.mark.skipif(sys.platform != "linux", reason="waiting for another's child needs a pidfd")
@pytest.mark.parametrize("deaf", [False, True], ids=["willing", "deaf"])
def test_a_server_does_not_outlive_its_parent_nor_does_its_folder(folders: Path, deaf: bool) -> None:
    ours, theirs = multiprocessing.Pipe()
    parent = multiprocessing.get_context("spawn").Process(
        target=_start_a_server_and_wait, args=(deaf, str(folders), theirs)
    )
    parent.start()
    assert ours.poll(30)
    server = os.pidfd_open(ours.recv())
    parent.kill()
    parent.join()
    assert wait([server], timeout=10) == [server]
    os.close(server)
    assert list(folders.iterdir()) == []
