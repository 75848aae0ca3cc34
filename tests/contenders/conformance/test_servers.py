"""The life of every contender's server: its threads and garbage, its stop, and its death in the middle of a call."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from queue import Queue

import pytest

from contenders.interface import Caller, Contender, ServerGone
from contenders.process import ServerProcess
from contenders.service import BenchService
from tests.contenders import background
from tests.contenders.conformance.conforming import (
    LIMIT_SECONDS,
    LIVES,
    SMALL,
    WORDS,
    across_processes,
    carried,
    kill,
    same,
)
from tests.contenders.services import STUCK, TELL

# A Connection of multiprocessing that fails to send leaves a buffer in its traceback, and Python 3.14 complains of one
# that is collected in a circle.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored while finalizing file <_io.BytesIO:pytest.PytestUnraisableExceptionWarning"
)


@pytest.mark.parametrize("contender", WORDS, indirect=True, scope="module")
def test_as_many_threads_run_the_methods_as_the_settings_say(
    contender: Contender, server: ServerProcess, caller: Caller
) -> None:
    clients = 3 if contender.many_clients else 1
    together = threading.Barrier(clients)

    def work() -> tuple[int, set[int]]:
        """This thread, and those in which its calls ran. All are connected when each makes its second call."""
        with contender.connect(server.address) if contender.many_clients else nullcontext(caller) as own:
            threads = {int(own.call("echo", TELL).split()[1])}
            together.wait(timeout=30)
            threads.add(int(own.call("echo", TELL).split()[1]))
            together.wait(timeout=30)
            return threading.get_native_id(), threads

    found = [done.result(timeout=60) for done in [background.start(work) for _ in range(clients)]]
    said = contender.settings()["server workers"]
    if said.startswith("none"):
        assert all(threads == {own} for own, threads in found)
        return
    assert all(own not in threads for own, threads in found)
    used = set().union(*(threads for _, threads in found))
    if said.endswith("whichever is free"):
        assert len(used) <= int(said.split(",")[0])
        return
    assert all(len(threads) == 1 for _, threads in found), "a client's calls all run in one thread"
    assert len(used) == (clients if " per " in said else 1), said


@pytest.mark.parametrize("contender", WORDS, indirect=True, scope="module")
def test_garbage_is_collected_where_the_work_is_done_and_what_was_there_before_is_frozen(
    contender: Contender, caller: Caller
) -> None:
    pid, _, enabled, frozen = caller.call("echo", TELL).split()
    here = int(pid) == os.getpid()
    assert here == (contender.in_process and caller.server_pid is None)
    assert enabled == "True"
    # A client freezes its own heap, once it is connected: see tests/scenarios/measuring.
    assert here or int(frozen) > 1000


@pytest.mark.parametrize("contender", LIVES)
def test_nobody_connects_where_nothing_is_served(contender: Contender, tmp_path: Path) -> None:
    with pytest.raises(ServerGone):
        contender.connect(contender.new_address(tmp_path))


@pytest.mark.parametrize("contender", LIVES)
def test_a_busy_server_stops_when_asked_by_any_thread_however_often(contender: Contender, tmp_path: Path) -> None:
    address, payload = contender.new_address(tmp_path), SMALL[contender.lane]
    stops: Queue[Callable[[], None]] = Queue()
    answered = threading.Event()

    def call_until_gone() -> None:
        with contender.connect(address) as caller:
            while True:
                assert same(caller.call("echo", payload), payload)
                answered.set()

    serving = background.start(contender.serve, BenchService(), address, stops.put)
    stop = stops.get(timeout=30)
    calling = background.start(call_until_gone)
    assert answered.wait(30)
    stop()
    stop()
    assert serving.exception(LIMIT_SECONDS) is None
    assert isinstance(calling.exception(LIMIT_SECONDS), ServerGone)
    stop()


@pytest.mark.parametrize("contender", LIVES)
def test_a_caller_notices_that_its_server_has_stopped(contender: Contender, tmp_path: Path) -> None:
    address, payload = contender.new_address(tmp_path), SMALL[contender.lane]
    stops: Queue[Callable[[], None]] = Queue()
    serving = background.start(contender.serve, BenchService(), address, stops.put)
    stop = stops.get(timeout=30)
    caller = contender.connect(address)
    assert same(caller.call("echo", payload), payload)
    stop()
    assert serving.exception(LIMIT_SECONDS) is None
    with caller:
        call = background.start(caller.call, "echo", payload)
        assert isinstance(call.exception(LIMIT_SECONDS), ServerGone)


@pytest.mark.parametrize("contender", across_processes(LIVES), indirect=True, scope="module")
def test_a_server_killed_during_a_call_is_gone_and_stays_gone(
    contender: Contender, server: ServerProcess, caller: Caller, tmp_path: Path
) -> None:
    """The last test of this file, as it ends the server that the others share."""
    fifo = tmp_path / "in-the-handler"
    os.mkfifo(fifo)
    text = f"{STUCK}{fifo}"
    call = background.start(caller.call, "echo", carried(text, contender.lane))
    fifo.read_bytes()  # returns once the handler runs
    kill(server.pid)
    assert isinstance(call.exception(LIMIT_SECONDS), ServerGone)
    with pytest.raises(ServerGone):
        caller.call("echo", SMALL[contender.lane])
    with pytest.raises(ServerGone):
        contender.connect(server.address)
    # Another server may take the dead one's place, and removes what that one could not.
    contender.serve(BenchService(), server.address, lambda stop: stop())
