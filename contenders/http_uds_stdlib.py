"""HTTP over a Unix domain socket: the server of ``http-uds``, called with the standard library's ``http.client``.

Much of what ``http-uds`` takes is its client, httpx: this is what HTTP costs a caller who writes requests by hand. One
connection per caller, kept alive and never made again; one thread at a time.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from contenders.http_uds import PING, TYPES, HttpUds
from contenders.interface import Caller, CallError, ServerGone
from contenders.message_lanes import MESSAGE_LANES

_GONE = (OSError, http.client.HTTPException)


class HttpUdsStdlib(HttpUds):
    """As :class:`contenders.http_uds.HttpUds`, but for the client."""

    name = "http-uds-stdlib"
    summary = "HTTP/1.1 over a Unix domain socket: Starlette on uvicorn, the standard library's http.client."

    def connect(self, address: str) -> Caller:
        connection = _Connection(address)
        try:
            connection.connect()
            caller = _RoutesCaller(connection) if self.lane == "native" else _MessageCaller(connection, self.lane)
            if caller.exchange("GET", PING).status == HTTPStatus.OK:
                return caller
            reason = "it does not answer as a server of this contender does"
        except (OSError, ServerGone) as error:
            reason = str(error)
        connection.close()
        raise ServerGone(f"no server at {address}: {reason}")

    def settings(self) -> Mapping[str, str]:
        native = "JSON of Starlette and the caller (the standard library's json)"
        return {
            **super().settings(),
            "client": "http.client.HTTPConnection, no timeout, never reconnects",
            "codec": native if self.lane == "native" else MESSAGE_LANES[self.lane].codec,
        }


class _Connection(http.client.HTTPConnection):
    """Over a Unix domain socket, as http.client has it: whoever wants another socket overrides connect()."""

    auto_open = 0  # a lost connection is a server gone, not one to be looked for again

    def __init__(self, path: str) -> None:
        super().__init__("server")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


class _Reply(NamedTuple):
    status: int
    reason: str
    body: bytes


class _HttpCaller(Caller):
    """Owns `connection`, and makes its errors those of the call interface."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection

    def exchange(
        self, verb: str, path: str, body: bytes | memoryview | None = None, headers: Mapping[str, str] | None = None
    ) -> _Reply:
        """The reply, whatever its status."""
        try:
            self._connection.request(verb, path, body, headers or {})
            response = self._connection.getresponse()
            return _Reply(response.status, response.reason, response.read())
        except _GONE as error:  # NotConnected, an HTTPException, once it is closed
            self._connection.close()
            raise ServerGone(str(error) or f"the connection is closed ({type(error).__name__})") from error

    def close(self) -> None:
        self._connection.close()


class _MessageCaller(_HttpCaller):
    def __init__(self, connection: http.client.HTTPConnection, lane: str) -> None:
        super().__init__(connection)
        self._lane = MESSAGE_LANES[lane]
        self._headers = {"Content-Type": TYPES[lane]}

    def call(self, method: str, payload: Any) -> Any:
        reply = self.exchange("POST", "/call", self._lane.request(method, payload), self._headers)
        if reply.status >= HTTPStatus.BAD_REQUEST:  # in lane bytes, which has no room for more than the status
            raise CallError(f"HTTP {reply.status}", reply.body.decode())
        return self._lane.result(reply.body)


class _RoutesCaller(_HttpCaller):
    _HEADERS: Mapping[str, str] = {"Content-Type": TYPES["json"]}

    def call(self, method: str, payload: Any) -> Any:
        # The text that httpx makes of it: the two differ in the client and not in what they send.
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        reply = self.exchange("POST", f"/{method}", body, self._HEADERS)
        if reply.status == HTTPStatus.OK:
            return json.loads(reply.body)
        if reply.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            error = json.loads(reply.body)
            raise CallError(error["type"], error["message"])
        raise CallError("LookupError", f"no method {method!r}: {reply.status} {reply.reason}")
