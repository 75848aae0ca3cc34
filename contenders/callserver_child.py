"""callserver: functions run in a child process, NumPy arrays in shared memory and all else pickled through a pipe.

It is used as its documents have it: the program starts the server, so the runner's client process owns it, and serving
is having it. A call names a function at the top of a module, which gets the server's context, here the methods, before
its arguments. Lanes ``bytes`` and ``arrays`` are what the library is for: arrays in buffers that are allocated once.
Lanes ``native`` and ``pickle`` are its pipe, which is multiprocessing's. One client, and one call at a time.
"""

from __future__ import annotations

import multiprocessing
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from callserver import AllocationSet, AllocationSetManager, CallServer

from contenders.garbage import settle
from contenders.interface import ARRAYS, Caller, CallError, Contender, ServerGone
from contenders.message_lanes import echo_only
from contenders.pickling import OWN_CODEC
from contenders.service import Methods, methods_of

FIRST_BUFFER_BYTES = 64 * 1024
"""Of a lane in shared memory, one buffer each way: as large as the largest message yet, rounded to a power of two."""
VIEW_FROM_BYTES = 64 * 1024
"""Larger messages are looked at in place, as the other contenders' are."""

_GONE = (EOFError, OSError)
_servers: dict[str, _Server] = {}
"""In the client's process: the server of each address."""


class CallServerChild(Contender):
    """An address is the name of a server of this process."""

    name = "callserver"
    summary = "callserver, a child of the caller's own process: NumPy arrays in shared memory, all else through a pipe."
    lanes: ClassVar[tuple[str, ...]] = ("bytes", "native", "pickle", ARRAYS)
    in_process = True
    many_clients = False

    def new_address(self, folder: Path) -> str:
        return f"{self.name}-{secrets.token_hex(8)}"

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        stopped = threading.Event()
        server = _servers[address] = _Server(address, service)
        try:
            ready(stopped.set)
            stopped.wait()
        finally:
            del _servers[address]
            server.stop()

    def connect(self, address: str) -> Caller:
        if address not in _servers:
            raise ServerGone(f"there is no server {address} in this process")
        return _CALLERS.get(self.lane, _PipeCaller)(_servers[address])

    def settings(self) -> Mapping[str, str]:
        arrays = {
            "transport": f"arrays in shared memory, messages of up to {AllocationSet.MIN_SIZE} bytes through a pipe",
            "codec": f"none for arrays; {OWN_CODEC}",
            "buffers": f"one each way, allocated once: {FIRST_BUFFER_BYTES} bytes at first, grow",
            "copying": f"into shared memory; out of it below {VIEW_FROM_BYTES // 1024} KiB, views from there up",
        }
        pipe = {"transport": "a pipe of multiprocessing (a pair of Unix domain sockets)", "codec": OWN_CODEC}
        return {
            **(arrays if self.lane in _CALLERS else pipe),
            "API": "CallServer.call(...) of a child process",
            "start method": "spawn",
            "server workers": "1",
        }


class _Server:
    """A server that has started. Used by any thread: a call that is under way ends before the server does."""

    def __init__(self, name: str, service: object) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._gone = ""
        self._server = CallServer(name, _be_server, service)
        with _spawning():
            self._server.start()
        self.pid: int = self.call(_pid)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """What `function` returns there."""
        with self._lock:
            if self._gone:
                raise ServerGone(self._gone)
            try:
                return self._server.call(function, *arguments)
            except Exception as error:  # a user's handler ran: anything may come out of it
                # What the function raised is raised from itself; what the pipe raises is not.
                if error.__cause__ is not error and isinstance(error, _GONE):
                    self._gone = str(error) or "the server closed the pipe"
                    raise ServerGone(self._gone) from error
                raise CallError(type(error).__name__, str(error)) from error

    def buffer(self, function: Callable[..., Any], size: int) -> Any:
        """An array of shared memory for calls of `function`, and of no other."""
        return CallServer.alloc(self._server, function, (size,), np.uint8)

    def stop(self) -> None:
        with self._lock:
            self._gone = self._gone or "the server has stopped"
            self._server.stop()
            AllocationSetManager(self._name).close()  # which stop() leaves to the end of the process


@contextmanager
def _spawning() -> Iterator[None]:
    """Let callserver spawn its process: it takes the default way, which is to fork on Linux before Python 3.14."""
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method("spawn", force=True)
    try:
        yield
    finally:
        multiprocessing.set_start_method(before, force=True)


def _be_server(service: object) -> Methods:
    """In the server: its context. It ends with its parent by itself, when the pipe does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent answers it
    methods = methods_of(service)
    settle()
    return methods


def _pid(methods: Methods) -> int:
    return os.getpid()


def _run(methods: Methods, method: str, payload: Any) -> Any:
    """In the server."""
    return methods[method](payload)


def _run_on_bytes(methods: Methods, request: Any, response: Any, size: int) -> Any:
    """In the server: `echo` of the first bytes of `request`, into `response`. Returns how many it has written there."""
    answer = methods["echo"](request[:size].data)
    response[: len(answer)] = np.frombuffer(answer, np.uint8)
    return len(answer)


def _run_on_array(methods: Methods, request: Any, response: Any, method: str, size: int, dtype: str) -> Any:
    """In the server: a method of the array in `request`. Returns its result; of an array, which is written into
    `response`, the dtype and how many bytes it has there."""
    answer = methods[method](request[:size].view(dtype))
    if not isinstance(answer, np.ndarray):
        return answer
    response[: answer.nbytes] = answer.view(np.uint8)
    return answer.dtype.str, answer.nbytes


class _PipeCaller(Caller):
    def __init__(self, server: _Server) -> None:
        self._server: _Server | None = server
        self.server_pid = server.pid

    def call(self, method: str, payload: Any) -> Any:
        return self._open().call(_run, method, payload)

    def _open(self) -> _Server:
        if self._server is None:
            raise ServerGone("this caller is closed")
        return self._server

    def close(self) -> None:
        self._server = None


class _BytesCaller(_PipeCaller):
    """Its result may be a view, good until the next call."""

    function: ClassVar[Callable[..., Any]] = staticmethod(_run_on_bytes)
    """What it calls."""

    def __init__(self, server: _Server) -> None:
        super().__init__(server)
        self._request, self._response = (server.buffer(self.function, FIRST_BUFFER_BYTES) for _ in range(2))

    def call(self, method: str, payload: Any) -> Any:
        size, server = len(echo_only(method, payload)), self._open()
        if size <= AllocationSet.MIN_SIZE:  # the library's own limit: smaller arrays would go through the pipe, too
            return server.call(_run, method, payload)
        self._fill(server, np.frombuffer(payload, np.uint8))
        answer = self._response[: server.call(self.function, self._request, self._response, size)]
        return answer.data if size >= VIEW_FROM_BYTES else answer.tobytes()

    def _fill(self, server: _Server, items: Any) -> None:
        """Copy bytes into the request, which is made larger where it must be, and the response with it."""
        if len(items) > len(self._request):
            capacity = 1 << (len(items) - 1).bit_length()
            self._request, self._response = (server.buffer(self.function, capacity) for _ in range(2))
        self._request[: len(items)] = items


class _ArrayCaller(_BytesCaller):
    """As with bytes, its result may be a view, good until the next call."""

    function: ClassVar[Callable[..., Any]] = staticmethod(_run_on_array)

    def call(self, method: str, payload: Any) -> Any:
        server = self._open()
        if payload.nbytes <= AllocationSet.MIN_SIZE:
            return server.call(_run, method, payload)
        self._fill(server, payload.view(np.uint8))
        arguments = (self._request, self._response, method, payload.nbytes, payload.dtype.str)
        answer = server.call(self.function, *arguments)
        if not isinstance(answer, tuple):
            return answer
        dtype, size = answer
        return self._response[:size].view(dtype)


_CALLERS: Mapping[str, type[_PipeCaller]] = {"bytes": _BytesCaller, ARRAYS: _ArrayCaller}
"""Of the lanes whose messages lie in shared memory."""
