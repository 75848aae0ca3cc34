"""Calls that others wait for: in threads of the client's, each with a Future."""

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Callable, Dict

THREADS = 16
"""At most; further calls wait for one of them."""


class Threads:
    """Of one client. Begins with none; a forked child has its own. May be used by several threads."""

    def __init__(self) -> None:
        self._of_process: Dict[int, ThreadPoolExecutor] = {}

    def submit(self, function: Callable[..., Any], *args: Any, **params: Any) -> "Future[Any]":
        """Run it in a thread. RuntimeError once closed."""
        process = os.getpid()
        if process not in self._of_process:  # an executor without work has no thread: one made in vain costs nothing
            self._of_process.setdefault(process, ThreadPoolExecutor(THREADS, thread_name_prefix="shm_rpc_bridge"))
        return self._of_process[process].submit(function, *args, **params)

    def close(self) -> None:
        """Let the threads end once what was submitted has. Waits for nothing. Idempotent."""
        executor = self._of_process.get(os.getpid())
        if executor is not None:
            executor.shutdown(wait=False)
