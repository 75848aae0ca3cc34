"""gRPC over TCP on the loopback interface, and to other hosts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import grpc

from contenders.endpoints import fresh_path
from contenders.grpc_base import GrpcContender
from contenders.interface import ServerGone

_PORT_FILE = "port-file:"


class GrpcTcp(GrpcContender):
    """An address names a file in which the server leaves the port the kernel gave it.

    A port chosen beforehand could be taken by another program before the server binds it. Any other address
    is a gRPC target as it stands (``ipv4:10.0.0.7:50051``): that is how a service on another host is reached.
    """

    name = "grpc-tcp"
    summary = "gRPC for Python, synchronous stubs, over TCP on the loopback interface."

    def new_address(self, folder: Path) -> str:
        return f"{_PORT_FILE}{fresh_path(folder, 'grpc-port')}"

    def bind(self, server: grpc.Server, address: str) -> None:
        if not address.startswith(_PORT_FILE):
            server.add_insecure_port(address.removeprefix("ipv4:"))  # a scheme only clients understand
            return
        port = server.add_insecure_port("127.0.0.1:0")
        Path(address.removeprefix(_PORT_FILE)).write_text(str(port), encoding="ascii")

    def target(self, address: str) -> str:
        if not address.startswith(_PORT_FILE):
            return address
        try:
            port = Path(address.removeprefix(_PORT_FILE)).read_text(encoding="ascii")
        except FileNotFoundError:
            raise ServerGone(f"{self.name}: no server has ever listened at {address}") from None
        return f"ipv4:127.0.0.1:{port}"

    def settings(self) -> Mapping[str, str]:
        return {"transport": "HTTP/2 over TCP, 127.0.0.1", **super().settings()}
