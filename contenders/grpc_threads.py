"""gRPC with handlers in several threads, as its examples have it: what it costs that a slow one holds up no other."""

from __future__ import annotations

from typing import ClassVar

from contenders.grpc_uds import GrpcUds


class GrpcThreads(GrpcUds):
    """As :class:`contenders.grpc_uds.GrpcUds`, with as many threads as ``shm-threads`` has."""

    name = "grpc-threads"
    summary = "gRPC for Python over a Unix domain socket, handlers in four threads of the server."
    lanes: ClassVar[tuple[str, ...]] = ("native",)
    workers: ClassVar[int] = 4
