from __future__ import annotations

import threading

from contenders.process import ServerProcess
from contenders.service import BenchService
from contenders.thread_pool import ThreadPool


class WhoRuns:
    """Its `echo` says in which thread it ran."""

    def echo(self, payload: object) -> int:
        return threading.get_ident()


def test_the_work_is_another_thread_of_this_process_and_always_the_same() -> None:
    contender = ThreadPool("native")
    with ServerProcess(contender, WhoRuns()) as server:
        with contender.connect(server.address) as one, contender.connect(server.address) as two:
            threads = {caller.call("echo", "x") for caller in (one, two, one, two)}
        assert len(threads) == 1
        assert threading.get_ident() not in threads
        assert threads <= {thread.ident for thread in threading.enumerate()}


def test_a_thread_pool_passes_by_reference() -> None:
    contender, payload = ThreadPool("native"), {"a": [1]}
    with ServerProcess(contender, BenchService()) as server, contender.connect(server.address) as caller:
        assert caller.call("echo", payload) is payload
