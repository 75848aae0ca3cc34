"""Fresh names for endpoints, inside a private folder where they are files."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

# sockaddr_un.sun_path is 108 bytes on Linux and 104 on macOS, the closing NUL included.
MAX_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107


def fresh_path(folder: Path, stem: str) -> Path:
    """An absolute path in `folder` that nobody uses: random, because a second bind may steal a first's."""
    return folder.absolute() / f"{stem}-{secrets.token_hex(8)}"


def fresh_socket_path(folder: Path, stem: str) -> Path:
    """As :func:`fresh_path`, for a Unix domain socket. Raises ValueError when it is too long for one."""
    path = fresh_path(folder, stem)
    length = len(bytes(path))
    if length > MAX_SOCKET_PATH_BYTES:
        raise ValueError(
            f"a socket path may have {MAX_SOCKET_PATH_BYTES} bytes and {path} has {length}: "
            "set TMPDIR to a shorter folder"
        )
    return path
