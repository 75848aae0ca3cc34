"""What multiprocessing's managers do when they are shut down, made to happen in one process."""

from __future__ import annotations

import contextlib
import threading
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from contenders import mp_manager
from contenders.interface import ServerGone
from contenders.service import BenchService


class Watched(threading.Event):
    """Counts how often it was looked at."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = threading.Semaphore(0)

    def is_set(self) -> bool:
        found = super().is_set()
        self.looks.release()
        return found


def test_the_none_that_a_manager_shut_down_answers_unread_requests_with_is_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mp_manager, "_served", [BenchService()])
    address = mp_manager.MpManager("native").new_address(tmp_path)
    server = mp_manager._Manager(address).get_server()
    # Which serve_forever() makes, and this process goes on after it.
    stopped = server.stop_event = Watched()

    def answer_and_close_late(connection: Connection) -> None:
        """Close as handle_request() does, but not before the next request has been sent, and what it leads to."""
        server._handle_request(connection)
        with contextlib.suppress(EOFError):  # of a connection that made one request, such as connect()'s
            connection.recv()
            connection.poll(10)
        connection.close()

    server.handle_request = answer_and_close_late
    threading.Thread(target=server.accepter, daemon=True).start()
    manager = mp_manager._Manager(address)
    manager.connect()
    caller = mp_manager._ProxyCaller(manager, 0)
    assert caller.call("echo", None) is None
    for _ in range(3):  # before each request: the echo, what its None leads to, and the one that is waited for now
        assert stopped.looks.acquire(timeout=30)
    stopped.set()
    assert caller.call("echo", "read before the thread looked") == "read before the thread looked"
    with pytest.raises(ServerGone):  # in the connection there is a None by now
        caller.call("echo", "unread")
