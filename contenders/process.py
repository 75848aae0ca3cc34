"""A server in a process of its own, from its first line to its last.

    with ServerProcess(contender, BenchService()) as server:
        with contender.connect(server.address) as caller:
            caller.call("echo", "hello")

The process is spawned, never forked (gRPC's objects must not cross a fork), and says over a pipe when it is
ready. It ends when asked to, and by itself when its parent dies; either way its private folder goes with it.
A contender that is `in_process` is served by a thread of this process instead, behind the same handle.
A handle belongs to one thread; whoever started it stops it.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Self

from contenders import serving
from contenders.interface import Contender

_log = logging.getLogger("contenders")


class ServerFailed(Exception):
    """The server did not become ready: the message carries the server's own traceback where there is one."""


class ServerProcess:
    """Serves `service` through `contender` at a fresh address; a context manager, or start() and stop().

    `service` and `contender` must be picklable. The limits are in seconds: `start_seconds` from the spawn
    until the server is ready (importing gRPC on a busy machine takes seconds), `stop_seconds` for each of
    asking, terminating and killing. `prepare`, picklable, is called in the server's process before it serves; not
    for a contender that is `in_process`, which has none. Only one start() per object.
    """

    def __init__(
        self,
        contender: Contender,
        service: object,
        *,
        start_seconds: float = 30.0,
        stop_seconds: float = 5.0,
        prepare: Callable[[], object] | None = None,
    ) -> None:
        self._contender, self._service = contender, service
        self._start_seconds, self._stop_seconds = start_seconds, stop_seconds
        self._prepare = prepare
        self._folder: Path | None = None
        self._address = ""
        self._failure: str | None = None
        self._was_ready = False
        self._runner: BaseProcess | threading.Thread | None = None
        self._pipe, self._server_pipe = multiprocessing.Pipe()

    @property
    def address(self) -> str:
        """Where callers connect to. Empty before start()."""
        return self._address

    @property
    def pid(self) -> int:
        """The process that serves: this very one for an in-process contender. Valid until stop()."""
        own = self._runner.pid if isinstance(self._runner, BaseProcess) else None
        return own or os.getpid()

    @property
    def failure(self) -> str | None:
        """Why the server ended without being asked: its traceback or exit code. None while all is well."""
        with contextlib.suppress(EOFError, OSError):
            while self._failure is None and self._pipe.poll():
                self._take(self._pipe.recv())
        if self._failure is None and isinstance(self._runner, BaseProcess) and self._runner.exitcode:
            self._failure = f"exit code {self._runner.exitcode}"
        return self._failure

    def start(self) -> Self:
        """Return once the server is ready. Raises :class:`ServerFailed`, and then leaves nothing behind."""
        folder = self._folder = Path(tempfile.mkdtemp(prefix="bench-"))  # mode 0700
        try:
            self._address = self._contender.new_address(folder)
            self._runner = self._launch(folder)
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def _launch(self, folder: Path) -> BaseProcess | threading.Thread:
        arguments = (self._contender, self._service, self._address, self._server_pipe)
        name = self._contender.name
        if self._contender.in_process:
            thread = threading.Thread(target=serving.in_thread, args=arguments, name=name, daemon=True)
            thread.start()
            return thread
        spawn = multiprocessing.get_context("spawn")
        process = spawn.Process(
            target=serving.in_process,
            args=(*arguments, folder, 3 * self._stop_seconds, self._prepare),
            name=name,
            daemon=True,
        )
        process.start()
        self._server_pipe.close()  # the server alone holds its end now: its death is an end of file here
        return process

    def _await_ready(self) -> None:
        name = self._contender.name
        if not self._pipe.poll(self._start_seconds):
            raise ServerFailed(f"{name}: the server was not ready after {self._start_seconds} s")
        try:
            ready = self._take(self._pipe.recv())
        except (EOFError, OSError):
            ready = False
        if not ready:
            self._join()
            raise ServerFailed(f"{name}: the server ended before it was ready: {self.failure}")
        self._was_ready = True

    def _take(self, message: tuple[str, str]) -> bool:
        kind, text = message
        if kind == serving.FAILED:
            self._failure = text
        return kind == serving.READY

    def _join(self) -> bool:
        """Wait up to `stop_seconds` for the server to end: has it?"""
        if self._runner is None:
            return True
        self._runner.join(self._stop_seconds)
        return not self._runner.is_alive()

    def stop(self) -> None:
        """Ask the server to stop, wait for it, remove its folder. Idempotent, and safe after a failed start().

        A server that does not stop when asked is terminated, then killed, and either is logged as a warning.
        """
        with contextlib.suppress(OSError):  # it is gone already, or stop() has run before
            self._pipe.send((serving.STOP, ""))
        if not self._join():
            self._force()
        if self._was_ready and self.failure is not None:
            _log.warning("%s: the server ended by an exception:\n%s", self._contender.name, self.failure)
        self._pipe.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _force(self) -> None:
        name = self._contender.name
        if not isinstance(self._runner, BaseProcess):
            _log.warning("%s: the server thread did not stop within %s s", name, self._stop_seconds)
            return
        for verb, act in (("terminated", self._runner.terminate), ("killed", self._runner.kill)):
            _log.warning("%s: server %s did not stop in %s s: %s", name, self.pid, self._stop_seconds, verb)
            act()
            if self._join():
                return

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
