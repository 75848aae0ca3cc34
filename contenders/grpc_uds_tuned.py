"""gRPC over a Unix domain socket, tuned for large messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from contenders.grpc_uds import GrpcUds


class GrpcUdsTuned(GrpcUds):
    """As :class:`contenders.grpc_uds.GrpcUds`, with the largest frames that HTTP/2 allows."""

    name = "grpc-uds-tuned"
    summary = "gRPC for Python, synchronous stubs, over a Unix domain socket, with the largest HTTP/2 frames."
    tuning: ClassVar[Mapping[str, int]] = {"grpc.http2.max_frame_size": 16 * 1024 * 1024 - 1}
