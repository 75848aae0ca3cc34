"""What the first bytes of a control segment say of its server: who it is, whether it is alive, what it speaks."""

import logging
from typing import NamedTuple, Optional

from . import layout, posix
from .exceptions import RPCTransportError

logger = logging.getLogger("shm_rpc_bridge")


class Offer(NamedTuple):
    """What a server offers to its clients."""

    max_channels: int
    buffer_size: int
    """Bytes."""
    max_message_size: int
    """Bytes."""
    codec: str
    methods: int = 0
    """Of how many methods it has figures."""
    max_memory: int = 0
    """Bytes that the regions of all channels may have together; 0: no bound."""


class Header(NamedTuple):
    """What a control segment says of its server."""

    magic: bytes
    version: int
    max_channels: int
    pid: int
    state: int
    libc: int
    methods: int
    generation: int
    max_message_size: int
    buffer_size: int
    start_time: int
    namespace: int
    codec: bytes
    """Its name in UTF-8, padded with zeros."""
    max_memory: int

    @property
    def process(self) -> posix.Process:
        return posix.Process(self.pid, self.start_time, self.namespace)

    @property
    def codec_name(self) -> str:
        return self.codec.rstrip(b"\0").decode(errors="backslashreplace")


def read_header(segment: bytes) -> Optional[Header]:
    """Of a control segment that begins with these bytes; None when it is not one."""
    if len(segment) < layout.CONTROL_HEADER_SIZE or not segment.startswith(layout.CONTROL_MAGIC):
        return None
    return Header(*layout.CONTROL.unpack_from(segment, 0))


def why_dead(lock_file: posix.LockFile, header: Optional[Header]) -> str:
    """ "is dead", perhaps with what is odd about it, or "" while the server lives."""
    if not lock_file.is_locked(layout.SERVER_LOCK):
        return "is dead"
    if header is not None and posix.is_gone(header.process):
        return "is dead, though a process that it forked without Python's knowledge still holds its lock"
    return ""


def remove_dead(name: str, control_name: str) -> None:
    """Remove a control segment whose owner is dead; raise when it is alive."""
    held: posix.Held = []
    try:
        lock_file = posix.open_lock_file(control_name, held)
        header = read_header(lock_file.read(layout.CONTROL_HEADER_SIZE))
        why = why_dead(lock_file, header)
        if not why:
            by = f" by {posix.described(header.process)}" if header else ""
            raise RPCTransportError(f"server name {name!r} is in use{by}")
        if not lock_file.try_lock(layout.REMOVER_LOCK):
            raise RPCTransportError(f"server name {name!r} is in use: another server is starting")
        if not lock_file.is_linked():
            return  # another one has done it
        if header is not None:
            # Its clients connect anew on their next call; those that wait are told that it is dead, not that it closed.
            lock_file.write(bytes([layout.LEAVING]), layout.CONTROL_STATE_OFFSET)
        posix.unlink_segment(control_name)
        logger.info("removed what server %r had left: process %d %s", name, header.pid if header else 0, why)
    except posix.NotFoundError:
        return
    finally:
        posix.let_go(held)


def checked_size(control_name: str, first_bytes: bytes, header: Optional[Header], missing: str) -> int:
    """The size that a served control segment must have, from its header, or an error saying what is wrong."""
    if len(first_bytes) < layout.CONTROL_HEADER_SIZE:
        raise RPCTransportError(f"{control_name} is too short: {len(first_bytes)} bytes")
    if header is None:
        raise RPCTransportError(f"{control_name} is no control segment: it begins with {first_bytes[:8]!r}")
    if header.version != layout.VERSION:
        raise RPCTransportError(f"{control_name} has layout version {header.version}, this library {layout.VERSION}")
    posix.refuse_other_libc(control_name, header.libc)
    if header.state != layout.READY:
        raise posix.NotFoundError(f"{missing} (it has closed)")
    return layout.control_size(header.max_channels, header.methods)
