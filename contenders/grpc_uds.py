"""gRPC over a Unix domain socket."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import grpc

from contenders.endpoints import fresh_socket_path
from contenders.grpc_base import GrpcContender


class GrpcUds(GrpcContender):
    """An address is a gRPC target: ``unix:`` and an absolute path."""

    name = "grpc-uds"
    summary = "gRPC for Python, synchronous stubs, over a Unix domain socket."

    def new_address(self, folder: Path) -> str:
        return f"unix:{fresh_socket_path(folder, 'grpc')}"

    def bind(self, server: grpc.Server, address: str) -> None:
        server.add_insecure_port(address)

    def target(self, address: str) -> str:
        return address

    def settings(self) -> Mapping[str, str]:
        return {"transport": "HTTP/2 over a Unix domain socket", **super().settings()}
