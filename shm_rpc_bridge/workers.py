"""Threads that run a server's methods."""

import os
import threading
from queue import Empty, SimpleQueue
from typing import List, Optional

from .deferred import Deferred
from .dispatch import Dispatch
from .endpoint import Request

MOST_THREADS = 1024


class Workers:
    """Threads that run methods, one call each at a time. They end when the process does, at the latest."""

    def __init__(self, count: int, dispatch: Dispatch, deferred: Deferred, name: str) -> None:
        """`name`: the server's."""
        self._dispatch = dispatch
        self._deferred = deferred
        self._process = os.getpid()
        self._requests: SimpleQueue[Optional[Request]] = SimpleQueue()
        self._free: SimpleQueue[None] = SimpleQueue()
        self._threads: List[threading.Thread] = []
        for number in range(count):
            thread = threading.Thread(target=self._run, name=f"{name}-worker-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def reserve(self, seconds: float) -> bool:
        """Wait for one that is free, and have it. False when none is by then."""
        try:
            self._free.get(timeout=seconds)
            return True
        except Empty:
            return False

    def free(self) -> None:
        """Give back what was had, unused."""
        self._free.put(None)

    def hand_over(self, request: Request) -> None:
        """To the one that is had."""
        served, sequence, message, kind = request
        # What was not copied yet is valid until the next request is taken.
        self._requests.put((served, sequence, bytes(message), kind))

    def end(self) -> None:
        """Let each end after the call that it is in."""
        for _ in self._threads:
            self._requests.put(None)

    def _run(self) -> None:
        dispatch = self._dispatch.for_thread()
        while True:
            self._free.put(None)
            request = self._requests.get()
            if request is None:
                return
            response = dispatch.answer(request)
            if os.getpid() != self._process:  # the method has forked, and this is the child
                return
            if response is not None:
                self._deferred.add(request, response, dispatch)
            request = response = None  # not kept until the next one comes
