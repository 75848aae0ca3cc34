"""Shared memory RPC with handlers in processes: what it costs that one which computes holds up no other.

Processes of a server run functions that stand in a module; those of the benchmark's service stand here.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from contenders import garbage
from contenders.service import methods_of
from contenders.shm import Shm
from shm_rpc_bridge import RPCServer

_SERVICE = "SHM_PROCESSES_SERVICE"
"""The environment variable that tells the processes which service to construct: "module:Class"."""


class ShmProcesses(Shm):
    """As :class:`contenders.shm.Shm`, with ``processes=4`` in the server. The service is constructed in each."""

    name = "shm-processes"
    summary = "This project's shared memory RPC, handlers in four processes of the server."
    lanes: ClassVar[tuple[str, ...]] = ("json", "native", "pickle")
    processes: ClassVar[int] = 4

    def __init__(self, lane: str) -> None:
        super().__init__(lane)
        self.streams = False

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        os.environ[_SERVICE] = f"{type(service).__module__}:{type(service).__qualname__}"
        with RPCServer(address, wait=self.wait, processes=self.processes, codec=self._codec) as server:
            for name, method in methods_of(service).items():
                if not inspect.isgeneratorfunction(method):  # which a server with processes refuses
                    server.register(name, globals()[name])
            ready(server.stop)
            server.start()

    def settings(self) -> Mapping[str, str]:
        return {**super().settings(), "server workers": f"{self.processes}, each a process, whichever is free"}


@functools.cache
def _service() -> Any:
    module, _, name = os.environ[_SERVICE].partition(":")
    service = getattr(importlib.import_module(module), name)()
    garbage.settle()
    return service


def echo(payload: Any) -> Any:
    return _service().echo(payload)


def add(payload: dict[str, int]) -> Any:
    return _service().add(payload)


def process(payload: dict[str, Any]) -> Any:
    return _service().process(payload)


def total(payload: Any) -> Any:
    return _service().total(payload)


def first(payload: Any) -> Any:
    return _service().first(payload)


def sleep(payload: Any) -> Any:
    return _service().sleep(payload)


def compute(payload: Any) -> Any:
    return _service().compute(payload)


def fail(payload: Any) -> Any:
    return _service().fail(payload)
