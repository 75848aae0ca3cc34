"""Which contenders there are. Nothing of a contender is imported before it is loaded.

A package adds its own through the entry point group ``shm_rpc_bridge.contenders``, in its
``pyproject.toml``::

    [project.entry-points."shm_rpc_bridge.contenders"]
    my-ipc = "my_package.contender:MyIpc"

The built-in names are not to be taken over: results under one name must mean one thing.
"""

from __future__ import annotations

import functools
import importlib
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points

from contenders.interface import Contender

ENTRY_POINT_GROUP = "shm_rpc_bridge.contenders"

BUILT_IN = {
    "noop": "contenders.direct:Noop",
    "direct": "contenders.direct:Direct",
    "copy": "contenders.array_copy:Copy",
    "direct-codec": "contenders.direct:DirectCodec",
    "thread-pool": "contenders.thread_pool:ThreadPool",
    "interpreters": "contenders.interpreters:Interpreters",
    "interpreters-event": "contenders.interpreters_event:InterpretersEvent",
    "shm": "contenders.shm:Shm",
    "shm-block": "contenders.shm_block:ShmBlock",
    "shm-spin": "contenders.shm_spin:ShmSpin",
    "shm-loan": "contenders.shm_loan:ShmLoan",
    "shm-msgpack": "contenders.shm_msgpack:ShmMsgpack",
    "shm-async": "contenders.shm_async:ShmAsync",
    "shm-threads": "contenders.shm_threads:ShmThreads",
    "shm-processes": "contenders.shm_processes:ShmProcesses",
    "grpc-uds": "contenders.grpc_uds:GrpcUds",
    "grpc-threads": "contenders.grpc_threads:GrpcThreads",
    "grpc-tcp": "contenders.grpc_tcp:GrpcTcp",
    "grpc-aio": "contenders.grpc_aio:GrpcAio",
    "zmq-ipc": "contenders.zmq_ipc:ZmqIpc",
    "zmq-poll": "contenders.zmq_poll:ZmqPoll",
    "zmq-dealer": "contenders.zmq_dealer:ZmqDealer",
    "zmq-push": "contenders.zmq_push:ZmqPush",
    "zmq-aio": "contenders.zmq_aio:ZmqAio",
    "pynng": "contenders.pynng_ipc:PynngIpc",
    "iceoryx2": "contenders.iceoryx:Iceoryx",
    "iceoryx2-event": "contenders.iceoryx_event:IceoryxEvent",
    "mp-pipe": "contenders.mp_pipe:MpPipe",
    "shared-memory": "contenders.shared_memory:SharedMemoryByHand",
    "mp-manager": "contenders.mp_manager:MpManager",
    "process-pool": "contenders.process_pool:ProcessPool",
    "callserver": "contenders.callserver_child:CallServerChild",
    "asyncio-uds": "contenders.asyncio_uds:AsyncioUds",
    "asyncio-uds-tuned": "contenders.asyncio_uds_tuned:AsyncioUdsTuned",
    "http-uds": "contenders.http_uds:HttpUds",
    "http-uds-stdlib": "contenders.http_uds_stdlib:HttpUdsStdlib",
    "pyro5": "contenders.pyro:Pyro",
    "pyro5-tuned": "contenders.pyro_tuned:PyroTuned",
    "rpyc": "contenders.rpyc_uds:RpycUds",
    "rpyc-tuned": "contenders.rpyc_uds_tuned:RpycUdsTuned",
}
"""``module:Class`` by name, in the order of reports."""

# What to install for a module that is missing, where the two names differ.
_PACKAGE_OF = {"grpc": "grpcio", "google": "protobuf", "posix_ipc": "posix-ipc", "zmq": "pyzmq"}


class UnknownContender(LookupError):
    """No contender has that name; the message lists those there are."""


class ContenderUnavailable(Exception):
    """The contender is known but cannot be loaded here; `remedy` says what to do about it."""

    def __init__(self, name: str, remedy: str) -> None:
        super().__init__(f"contender {name} is not available: {remedy}")
        self.name = name
        self.remedy = remedy


def _targets() -> dict[str, str]:
    """Every contender's ``module:Class`` by name: third parties' first, so that the built-in ones win."""
    return {**_installed(), **BUILT_IN}


@functools.cache
def _installed() -> dict[str, str]:
    """What third parties' packages add. Read once per process: it looks into every package that is installed."""
    return {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}


def names() -> tuple[str, ...]:
    """Every known contender: the built-in ones in the order of reports, then third parties' by name."""
    return (*BUILT_IN, *sorted(_targets().keys() - BUILT_IN.keys()))


def load(name: str) -> type[Contender]:
    """The class of contender `name`, imported now.

    Raises what :func:`described` raises, and :class:`ContenderUnavailable` when this Python is too old for it.
    """
    kind = described(name)
    if sys.version_info[:2] < kind.python:
        oldest = ".".join(map(str, kind.python))
        raise ContenderUnavailable(name, f"it needs Python {oldest} or newer, and this is {platform.python_version()}")
    return kind


def described(name: str) -> type[Contender]:
    """As :func:`load`, for what a contender says of itself: it may need a newer Python than this one.

    Raises :class:`UnknownContender` for a name nobody has, :class:`ContenderUnavailable` when a dependency is
    not installed, it cannot be imported, or what the name points to is not a contender of that name.
    """
    target = _targets().get(name)
    if target is None:
        raise UnknownContender(f"no contender {name!r}; there are {', '.join(names())}")
    module, _, attribute = target.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        missing = (error.name or module).partition(".")[0]
        remedy = f"pip install {_PACKAGE_OF.get(missing, missing)} (its module {error.name} was not found)"
        raise ContenderUnavailable(name, remedy) from error
    except Exception as error:  # of a package that is broken here; the others can be measured all the same
        why = f"importing {target} fails with {type(error).__name__}: {error}; reinstall what it comes from"
        raise ContenderUnavailable(name, why) from error
    if not (isinstance(found, type) and issubclass(found, Contender) and found.name == name):
        raise ContenderUnavailable(name, f"{target} is not a Contender with the name {name!r}")
    return found


class Registered(Mapping[str, type[Contender]]):
    """Name to class of every known contender, each imported when it is looked up; raises what :func:`load` raises."""

    def __getitem__(self, name: str) -> type[Contender]:
        if name not in names():
            raise KeyError(name)
        return load(name)

    def __contains__(self, name: object) -> bool:
        """Whether it is known; Mapping's own would load it, and fail with what cannot be loaded here."""
        return name in names()

    def __iter__(self) -> Iterator[str]:
        return iter(names())

    def __len__(self) -> int:
        return len(names())
