from __future__ import annotations

import socket
from pathlib import Path

import pytest

from contenders.endpoints import MAX_SOCKET_PATH_BYTES, fresh_path, fresh_socket_path
from contenders.grpc_tcp import GrpcTcp
from contenders.process import ServerProcess
from contenders.service import BenchService


def test_a_socket_path_of_the_longest_length_can_be_bound(tmp_path: Path) -> None:
    stem = "s" * (MAX_SOCKET_PATH_BYTES - len(bytes(fresh_socket_path(tmp_path, ""))))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(bytes(fresh_socket_path(tmp_path, stem)))


def test_a_socket_path_that_is_too_long_is_refused_with_both_lengths_and_a_remedy(tmp_path: Path) -> None:
    stem = "s" * (MAX_SOCKET_PATH_BYTES + 1 - len(bytes(fresh_socket_path(tmp_path, ""))))
    with pytest.raises(ValueError, match=rf"{MAX_SOCKET_PATH_BYTES} bytes .* {MAX_SOCKET_PATH_BYTES + 1}: set TMPDIR"):
        fresh_socket_path(tmp_path, stem)
    with socket.socket(socket.AF_UNIX) as server, pytest.raises(OSError, match="too long"):
        server.bind(bytes(fresh_path(tmp_path, stem)))


def test_grpc_over_tcp_takes_the_address_of_any_host(tmp_path: Path) -> None:
    contender = GrpcTcp("native")
    with ServerProcess(contender, BenchService()) as server:
        address = contender.target(server.address)
        assert address.startswith("ipv4:127.0.0.1:")
        with contender.connect(address) as caller:
            assert caller.call("add", {"a": 1, "b": 2}) == 3
