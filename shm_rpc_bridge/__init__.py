"""Same-host RPC over POSIX shared memory and semaphores: :class:`RPCServer`, :class:`RPCClient`, :func:`spawn`.

    server = RPCServer("calc")
    server.register("add", lambda a, b: a + b)
    server.start()                                   # in one process

    with RPCClient("calc") as client:                # in another
        client.call("add", a=1, b=2)                 # 3

    async with AsyncRPCClient("calc") as client:     # or in an event loop, any number of calls at once
        await client.call("add", a=1, b=2)           # 3

    with spawn("mypackage.pricing") as client:       # both in one step: a module's functions in a process of their own
        client.call("quote", 12, currency="EUR")

:class:`SharedMemoryTransport` is the byte pipe beneath it, usable on its own. Logging goes to the logger
``shm_rpc_bridge`` and is silent unless configured.
"""

import logging
from typing import TYPE_CHECKING, Any

from .client import RPCClient
from .current import CurrentCall, current_call
from .exceptions import (
    RPCError,
    RPCMethodError,
    RPCSerializationError,
    RPCTimeoutError,
    RPCTransportError,
)
from .handle import Handle
from .server import RPCServer
from .statistics import Statistics
from .transport import SharedMemoryTransport
from .upload import stream

if TYPE_CHECKING:
    from .aio import AsyncRPCClient
    from .spawning import SpawnedClient, spawn

__version__ = "0.2.0"

__all__ = [
    "AsyncRPCClient",
    "CurrentCall",
    "Handle",
    "RPCClient",
    "RPCError",
    "RPCMethodError",
    "RPCSerializationError",
    "RPCServer",
    "RPCTimeoutError",
    "RPCTransportError",
    "SharedMemoryTransport",
    "SpawnedClient",
    "Statistics",
    "current_call",
    "spawn",
    "stream",
]

logging.getLogger("shm_rpc_bridge").addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    """What starts processes, or needs asyncio, is imported when it is asked for."""
    if name == "AsyncRPCClient":
        from .aio import AsyncRPCClient

        return AsyncRPCClient
    if name in ("SpawnedClient", "spawn"):
        from . import spawning

        return getattr(spawning, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
