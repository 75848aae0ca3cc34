"""RPyC over a Unix domain socket: methods of a remote service, fetched once and then called.

What RPyC passes by value is passed so (text, bytes, numbers); anything else would become a reference whose every
use is a call back to the client, so documents travel as orjson's bytes, and so does lane ``json``; objects of lane
``pickle`` travel as pickle's. The server keeps a thread per client (ThreadedServer, the usual one). A caller is for one
thread at a time.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import orjson
import rpyc
from rpyc.core.channel import Channel
from rpyc.core.stream import SocketStream
from rpyc.utils.factory import connect_channel
from rpyc.utils.server import ThreadedServer

from contenders.endpoints import fresh_socket_path
from contenders.interface import ARRAYS, PLAIN_LANES, Caller, CallError, Contender, ServerGone
from contenders.message_lanes import MESSAGE_LANES, echo_only
from contenders.service import Methods, methods_of

CONFIG = {"sync_request_timeout": None, "include_local_traceback": False, "log_exceptions": False}
_GONE = (EOFError, OSError)
_WHOLE = ("json", "pickle", ARRAYS)
"""Lanes in which a call is one message of bytes."""


class RpycUds(Contender):
    """An address is the path of a socket."""

    name = "rpyc"
    summary = "RPyC over a Unix domain socket, methods fetched once."
    lanes: ClassVar[tuple[str, ...]] = (*PLAIN_LANES, "pickle")
    compress: ClassVar[bool] = True

    def new_address(self, folder: Path) -> str:
        return str(fresh_socket_path(folder, "rpyc"))

    def serve(self, service: object, address: str, ready: Callable[[Callable[[], None]], None]) -> None:
        Path(address).unlink(missing_ok=True)  # what a killed server has left
        try:
            _Server(_remote(self.lane, methods_of(service)), address, self.compress, ready).start()
        finally:
            Path(address).unlink(missing_ok=True)

    def connect(self, address: str) -> Caller:
        try:
            channel = Channel(SocketStream.unix_connect(address), self.compress)
            return _RpycCaller(connect_channel(channel, config=CONFIG), self.lane)
        except _GONE as error:
            raise ServerGone(f"no server at {address}: {error}") from error

    def settings(self) -> Mapping[str, str]:
        native = "RPyC's own for text and numbers, orjson for documents"
        return {
            "transport": "Unix domain socket",
            "server": "ThreadedServer",
            "codec": native if self.lane == "native" else MESSAGE_LANES[self.lane].codec,
            "compression": f"zlib from {Channel.COMPRESSION_THRESHOLD} bytes up" if self.compress else "off",
            "remote methods": "fetched once per connection",
            **{option: str(value) for option, value in CONFIG.items()},
            "server workers": "1 thread per client",
        }


class _Server(ThreadedServer):  # type: ignore[misc]  # rpyc has no types
    """Says when it is ready: with the first accept it listens."""

    def __init__(
        self, remote: rpyc.Service, address: str, compress: bool, ready: Callable[[Callable[[], None]], None]
    ) -> None:
        quiet = logging.getLogger("contenders.rpyc")
        quiet.setLevel(logging.CRITICAL)  # it logs every connection that ends
        super().__init__(remote, socket_path=address, protocol_config=dict(CONFIG), logger=quiet)
        self._compress = compress
        self._ready: Callable[[Callable[[], None]], None] | None = ready

    def accept(self) -> None:
        if self._ready is not None:
            self._ready(self.close)
            self._ready = None
        super().accept()

    def _handle_connection(self, conn: Any) -> None:
        conn._channel.compress = self._compress  # ThreadedServer makes the channel, and has no option for it
        with contextlib.suppress(*_GONE):  # close() closes sockets under the threads that wait on them
            super()._handle_connection(conn)


def _remote(lane: str, methods: Methods) -> rpyc.Service:
    def document(method: str, payload: bytes) -> bytes:
        return orjson.dumps(methods[method](orjson.loads(payload)))

    functions: Mapping[str, Callable[..., Any]] = {**methods, "document": document}
    if lane in _WHOLE:
        functions = {"call": MESSAGE_LANES[lane].responder(methods)}
    exposed: dict[str, Any] = {f"exposed_{name}": staticmethod(function) for name, function in functions.items()}
    return type("Bench", (rpyc.Service,), exposed)()


class _RpycCaller(Caller):
    def __init__(self, connection: Any, lane: str) -> None:
        self._connection, self._lane = connection, lane
        self._methods: dict[str, Callable[..., Any]] = {}

    def call(self, method: str, payload: Any) -> Any:
        if self._lane in _WHOLE:
            lane = MESSAGE_LANES[self._lane]
            return lane.result(self._remote_call("call", lane.request(method, payload)))
        if self._lane == "bytes":
            return self._remote_call("echo", echo_only(method, payload))
        if isinstance(payload, dict):
            return orjson.loads(self._remote_call("document", method, orjson.dumps(payload)))
        return self._remote_call(method, payload)

    def _remote_call(self, name: str, *arguments: Any) -> Any:
        try:
            remote = self._methods.get(name)
            if remote is None:
                remote = self._methods[name] = getattr(self._connection.root, name)
            return remote(*arguments)
        except _GONE as error:
            raise ServerGone(str(error)) from error
        except Exception as error:  # whatever the handler raised: RPyC raises it again here
            # Not str(error), which has the server's traceback beneath.
            raise CallError(type(error).__name__, " ".join(map(str, error.args))) from error

    def close(self) -> None:
        self._connection.close()
