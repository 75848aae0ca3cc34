"""multiprocessing's managers: an object in a server process, called through a proxy; arguments and results pickled.

The manager is used as its documentation has it: the program starts it, so the runner's client process owns it and
serving is having it. A call is a method of an AutoProxy over a Unix domain socket; the server keeps a thread per
connection, and a proxy has a connection per thread. Callers may be shared.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

from contenders.endpoints import fresh_socket_path
from contenders.garbage import settle
from contenders.interface import ARRAYS, Caller, CallError, Contender, ServerGone
from contenders.pickling import OWN_CODEC
from contenders.worker import die_with_parent

_GONE = (EOFError, OSError)
_managers: dict[str, tuple[_Manager, int]] = {}
"""In the client's process: the manager of each address, and its server process."""
_served: list[object] = []
"""In the server process: what is called."""


class _Manager(BaseManager):
    pass


def _service() -> object:
    return _served[0]


_Manager.register("service", _service)


class MpManager(Contender):
    """An address is the path of a manager's socket. No lane is without pickling, which can't be left out."""

    name = "mp-manager"
    summary = (
        "A manager of multiprocessing, owned by the caller's own process: a proxy's methods over a Unix domain socket."
    )
    lanes = ("native", "pickle", ARRAYS)
    in_process = True

    def new_address(self, folder: Path) -> str:
        return str(fresh_socket_path(folder, "manager"))

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        stopped = threading.Event()
        spawn = multiprocessing.get_context("spawn")
        manager = _Manager(address, ctx=spawn)
        ours, servers = spawn.Pipe()
        with ours, servers:
            manager.start(_be_server, (service, servers))
            pid: int = ours.recv()
        try:
            _managers[address] = manager, pid
            ready(stopped.set)
            stopped.wait()
        finally:
            _managers.pop(address, None)
            manager.shutdown()

    def connect(self, address: str) -> Caller:
        if address not in _managers:
            raise ServerGone(f"there is no manager {address} in this process")
        return _ProxyCaller(*_managers[address])

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "Unix domain socket",
            "API": "BaseManager.start() and an AutoProxy's methods",
            "codec": OWN_CODEC,
            "start method": "spawn",
            "server workers": "1 thread per connection",
        }


def _be_server(service: object, ready: Connection) -> None:
    """Set up the server process. It ends with its parent, which a manager's by itself does not."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to all; the parent answers it
    threading.Thread(target=die_with_parent, daemon=True).start()
    _served.append(service)
    settle()
    ready.send(os.getpid())


class _ProxyCaller(Caller):
    def __init__(self, manager: _Manager, server: int) -> None:
        try:
            self._proxy: Any = manager.service()  # type: ignore[attr-defined]  # made by register()
        except _GONE as error:
            raise ServerGone(str(error)) from error
        self.server_pid = server

    def call(self, method: str, payload: Any) -> Any:
        if self._proxy is None:
            raise ServerGone("this caller is closed")
        try:
            result = getattr(self._proxy, method)(payload)
            if result is None:
                # A manager that is shut down answers None to a request that it has not read any more (its thread leaves
                # Server.serve_client and sends what that has returned), and closes the connection.
                self._proxy._callmethod("__repr__")
            return result
        except _GONE as error:
            raise ServerGone(str(error) or "the manager closed the connection") from error
        except Exception as error:  # whatever the handler raised: the proxy raises it again here
            raise CallError(type(error).__name__, str(error)) from error

    def close(self) -> None:
        self._proxy = None
