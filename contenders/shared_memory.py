"""multiprocessing.shared_memory by hand: arrays in a segment that is kept, and a few bytes through a pipe that say so.

The client makes a segment when it connects, and a larger one when an array needs it. A call copies the array into it
and sends the method's name, the dtype and the size with send_bytes; the server looks at the array in place. An array
that comes back is copied into the same segment, and out of it by the client. Each client is served by a thread of its
own; a caller is for one thread.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Mapping
from multiprocessing.connection import Client, Connection
from multiprocessing.shared_memory import SharedMemory
from typing import Any, ClassVar

from contenders import arrays
from contenders.interface import Caller, ServerGone
from contenders.mp_pipe import GONE, Converse, MpPipe
from contenders.service import Methods

FIRST_BYTES = 64 * 1024
"""Of a client's segment: as large as the largest array yet, rounded up to a power of two."""

_SIZE = struct.Struct("<Q")


class SharedMemoryByHand(MpPipe):
    """An address is the path of the pipe's socket."""

    name = "shared-memory"
    summary = "multiprocessing.shared_memory by hand: the array copied into a segment that is kept, a pipe says so."
    lanes: ClassVar[tuple[str, ...]] = ("arrays",)

    def conversation(self, methods: Methods) -> Converse:
        def converse(connection: Connection) -> None:
            with contextlib.ExitStack() as attached:
                segment: Any = None
                while True:
                    request = connection.recv_bytes()
                    name = request[arrays.HEADER_BYTES + _SIZE.size :].decode()
                    if segment is None or segment.name != name:
                        attached.close()
                        segment = SharedMemory(name)
                        attached.callback(segment.close)
                    connection.send_bytes(_answer(methods, segment, request))

        return converse

    def connect(self, address: str) -> Caller:
        try:
            return _SegmentCaller(Client(address))
        except OSError as error:
            raise ServerGone(f"no server at {address}: {error}") from error

    def settings(self) -> Mapping[str, str]:
        return {
            "transport": "shared memory, and a Unix domain socket as the signal",
            "API": "multiprocessing.shared_memory.SharedMemory; send_bytes and recv_bytes of a Connection",
            "codec": arrays.CODEC,
            "segment": f"one per client, kept: {FIRST_BYTES} bytes at first, grows",
            "copying": "into the segment; looked at in place by the server; what comes back into it and out of it",
            "server workers": "1 thread per client",
        }


def _answer(methods: Methods, segment: Any, request: bytes) -> bytes:
    """The response; where it is an array, its size, and it is in the segment."""
    (size,) = _SIZE.unpack_from(request, arrays.HEADER_BYTES)
    header, body = arrays.answer(methods, request[: arrays.HEADER_BYTES], segment.buf[:size])
    if not arrays.is_array(header):
        return header + body
    segment.buf[: len(body)] = body
    return header + _SIZE.pack(len(body))


class _SegmentCaller(Caller):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._segment: Any = SharedMemory(create=True, size=FIRST_BYTES)

    def call(self, method: str, payload: Any) -> Any:
        if self._connection.closed:
            raise ServerGone("this caller is closed")
        header, body = arrays.request(method, payload)
        if len(body) > self._segment.size:
            self._drop()
            self._segment = SharedMemory(create=True, size=1 << (len(body) - 1).bit_length())
        self._segment.buf[: len(body)] = body
        try:
            self._connection.send_bytes(header + _SIZE.pack(len(body)) + self._segment.name.encode())
            response = self._connection.recv_bytes()
        except GONE as error:
            raise ServerGone(str(error) or "the server closed the connection") from error
        header, body = response[: arrays.HEADER_BYTES], response[arrays.HEADER_BYTES :]
        if arrays.is_array(header):
            body = bytes(self._segment.buf[: _SIZE.unpack(body)[0]])
        return arrays.result(header, body)

    def _drop(self) -> None:
        self._segment.close()
        self._segment.unlink()

    def close(self) -> None:
        if not self._connection.closed:
            self._connection.close()
            self._drop()
