"""Starts the other process of a split package and connects to it: the library with a codec, or a Pipe."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from multiprocessing import Pipe
from typing import Any

from shm_rpc_bridge import RPCClient

from .catalogue import Package
from .stubs import Call

CALL_SECONDS = 60.0
START_SECONDS = 60.0

CODECS = ("json", "msgpack", "pickle")
SPLIT = (*CODECS, "pipe")


class Split:
    """A package's functions in a process of their own, until :meth:`close`. :attr:`call` may be used by any thread."""

    call: Call

    def __init__(self, package: Package, over: str) -> None:
        if over == "pipe":
            ours, theirs = Pipe()
            self._process = _start(package, over, str(theirs.fileno()), (theirs.fileno(),))
            theirs.close()
            self._end: Any = ours
            self.call = _over_pipe(ours)
        else:
            name = f"split-{os.getpid()}"
            self._process = _start(package, over, name)
            self._end = RPCClient(name, timeout=CALL_SECONDS, wait_for_server=START_SECONDS, codec=over)
            self.call = self._end.call

    def close(self) -> None:
        self._end.close()
        self._process.stdin.close()  # type: ignore[union-attr]
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:  # a call that hangs
            self._process.kill()
            self._process.wait()


def _start(package: Package, over: str, address: str, descriptors: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "split_tests.serve", package.name, over, address]
    return subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=descriptors)


def _over_pipe(connection: Any) -> Call:
    lock = threading.Lock()

    def call(method: str, /, *args: Any, **kwargs: Any) -> Any:
        with lock:
            connection.send((method, args, kwargs))
            if not connection.poll(CALL_SECONDS):
                raise TimeoutError(f"{method!r} took more than {CALL_SECONDS} s over a Pipe")
            succeeded, value = connection.recv()
        if succeeded:
            return value
        raise value

    return call
