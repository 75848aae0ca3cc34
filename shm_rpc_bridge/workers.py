"""Threads in which a server's calls are under way: they run the methods, or wait for another process that does."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import List, Optional, Protocol, Sequence

from .deferred import Answered, Deferred, answered_by
from .dispatch import Dispatch
from .frames import Unopened
from .served import Request

MOST_THREADS, MOST_PROCESSES = 1024, 256


def refuse_together(threads: int, processes: int) -> None:
    """ValueError for what a server cannot have both of."""
    if threads and processes:
        raise ValueError("threads or processes, not both")


class Worker(Protocol):
    """Answers calls, one at a time, in a thread of its own."""

    def answer(self, request: Request) -> Optional[Answered]:
        """The outcome of a call; None when that comes later. Raises nothing."""

    @property
    def is_of_use(self) -> bool:
        """False when all it can say from here on is that it cannot."""


class ThreadWorker:
    """Runs methods itself."""

    is_of_use = True

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch.for_thread()

    def answer(self, request: Request) -> Optional[Answered]:
        response = self._dispatch.answer(request)
        return None if response is None else answered_by(self._dispatch, request, response)


class Workers:
    """One thread for each. They end when the process does, at the latest."""

    def __init__(self, workers: Sequence[Worker], deferred: Deferred, name: str) -> None:
        """`name`: the server's."""
        self._deferred = deferred
        self._process = os.getpid()
        self._requests: SimpleQueue[Optional[Request]] = SimpleQueue()
        self._free: SimpleQueue[None] = SimpleQueue()
        self._lock = threading.Lock()
        self._in_use = len(workers)
        self._threads: List[threading.Thread] = []
        try:
            for number, worker in enumerate(workers):
                thread = threading.Thread(target=self._run, args=(worker,), name=f"{name}-worker-{number}", daemon=True)
                thread.start()
                self._threads.append(thread)
        except BaseException:  # there can be no more threads
            self.end()
            raise

    def reserve(self, seconds: float) -> bool:
        """Wait for one that is free, and have it. False when none is by then."""
        try:
            self._free.get(timeout=seconds)
            return True
        except Empty:
            return False

    def hand_over(self, request: Request) -> None:
        """Give the request to the worker that was taken."""
        served, sequence, message, kind = request
        # What was not copied yet is valid until the next request is taken; what has frames, until this one is answered.
        kept = message if isinstance(message, Unopened) else bytes(message)
        self._requests.put((served, sequence, kept, kind))

    def end(self) -> None:
        """Let each worker end after the call that it is in."""
        for _ in self._threads:
            self._requests.put(None)

    def _run(self, worker: Worker) -> None:
        while worker.is_of_use or not self._can_be_spared():
            self._free.put(None)
            request = self._requests.get()
            if request is None:
                return
            answered = worker.answer(request)
            if os.getpid() != self._process:  # the method has forked, and this is the child
                return
            if answered is not None:
                self._deferred.add(answered)
            request = answered = None  # not kept until the next one comes

    def _can_be_spared(self) -> bool:
        """Whether there are others. The last one stays, of use or not: somebody must tell the callers."""
        with self._lock:
            if self._in_use == 1:
                return False
            self._in_use -= 1
            return True


class Startable(Protocol):
    def start(self) -> None:
        """Returns when it is ready. Raises RPCTransportError when it is not."""


def start_together(them: Sequence[Startable]) -> None:
    """Returns when all are ready. Raises what the first that is not has raised."""
    with ThreadPoolExecutor(len(them)) as threads:
        for each in [threads.submit(each.start) for each in them]:
            each.result()
